"""Reports of usage as blocks of text: a history in columns with its sum, and what was used most."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from textual.content import Content

from prismctl.jsontext import Object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.tui import figures, forecast, values
from prismctl.tui import look as looks
from prismctl.tui.screens import answers
from prismctl.tui.widgets import chart

_TOP = 5
_NAME, _BAR, _SHORT_BAR, _REST = 12, 12, 8, 30
"""Cells."""
Step = Callable[[datetime], datetime]


def rows_of(answer: Object | None) -> Sequence[Object]:
    """Return the rows of a report."""
    return values.objects((answer or {}).get("data"), answers.MAX_ROWS)


def totals(rows: Sequence[Object]) -> tuple[int, int, int, int]:
    """Return calls, errors, tokens and nano-dollars of all rows."""
    names = ("requests", "errors", "input_tokens", "output_tokens", "cost_nano_usd")
    calls, errors, read, written, cost = (
        sum(values.count(row.get(name)) for row in rows) for name in names
    )
    return calls, errors, read + written, cost


def said(rows: Sequence[Object], look: Look) -> Content:
    """Write what all rows are together."""
    calls, errors, tokens, cost = totals(rows)
    dot = f" {looks.glyphs(look).dot} "
    return looks.line(
        (figures.amount(human.from_nano(cost), look), "number"),
        (f"{dot}{figures.short(calls)} calls{dot}", ""),
        (f"{figures.percent(errors / calls if calls else None)} errors",
         figures.error_tone(human.from_nano(errors * 10**9 // calls)) if calls else ""),
        (f"{dot}{figures.short(tokens)} tokens", ""),
    )  # fmt: skip


def history(
    rows: Sequence[Object], unit: str, span: tuple[datetime, datetime], width: int, look: Look
) -> list[Content]:
    """Draw what was spent, hour by hour or day by day, and say what the columns are."""
    since, until = span
    step = timedelta(hours=1) if unit == "hour" else timedelta(days=1)
    count = max(1, min(400, -int((since - until) // step)))
    sums = [0.0] * count
    for row in rows:
        at = forecast.moment(row.get(unit))
        if at is not None and 0 <= (place := (at - since) // step) < count:
            sums[place] += values.count(row.get("cost_nano_usd")) / 1e9
    most = max(sums)
    width = max(4, width)
    # Every column as wide as there is room for.
    wide = max(1, width // count)
    drawn = [value for value in sums for _ in range(wide)]
    cells = min(width, len(drawn))
    bars = [
        Content.styled(row, looks.TONES["yellow"]) for row in chart.columns(drawn, cells, 2, look)
    ]
    first = f"{since:%H:%M}" if unit == "hour" else f"{since:%d %b}"
    amount = f"{most:,.2f}" if most >= 0.01 else figures.short(most)  # noqa: PLR2004
    peak = f"most ${amount} in {'an hour' if unit == 'hour' else 'a day'}"
    pad = max(1, cells - len(first) - len("now"))
    line = f"{first}{peak:^{pad}}now" if pad >= len(peak) + 2 else f"{first}{' ' * pad}now"
    return [*bars, looks.text(line, "dim")]


def shares(
    rows: Sequence[Object], group: str, names: Mapping[str, str], width: int, look: Look
) -> list[Content]:
    """Draw what cost most, each as a share of the whole."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        name = as_text(row.get(group)) or "(none)"
        one = sums.setdefault(name, [0, 0])
        one[0] += values.count(row.get("cost_nano_usd"))
        one[1] += values.count(row.get("requests"))
    whole = sum(cost for cost, _ in sums.values())
    found = sorted(sums.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
    room = _BAR if width - _BAR - _REST > _NAME * 2 else _SHORT_BAR
    wide = max(_NAME, min(36, width - room - _REST))
    drawn: list[Content] = []
    for name, (cost, calls) in found[:_TOP]:
        part = cost / whole if whole else 0.0
        drawn.append(
            looks.line(
                looks.fitted(looks.text(names.get(name) or name), wide, look),
                "  ",
                chart.gauge(part, room, look, tone="yellow"),
                f" {part:>4.0%}",
                (f"{figures.amount(human.from_nano(cost), look):>10}", "number"),
                (f"{figures.short(calls):>7} calls", "dim"),
            )
        )
    if (rest := len(found) - _TOP) > 0:
        drawn.append(looks.text(f"and {rest:,} more", "dim"))
    return drawn
