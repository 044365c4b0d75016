"""How a call and its replay are shown: their figures side by side, then how the texts differ."""

from decimal import Decimal
from typing import TYPE_CHECKING

from prismctl.commands.request_views import status
from prismctl.jsontext import Json, Object, as_object, as_text, pick
from prismctl.output import human
from prismctl.output.difference import differences
from prismctl.output.human import Look
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from prismctl.output.render import Output

REPLAY = View(
    columns=(
        Column("ID", "id"),
        Column("ORIGINAL", "original.id"),
        Column("ORIGINAL MODEL", "original.model"),
        Column("MODEL", "replay.model"),
        Column("PROVIDER", "replay.provider"),
        Column("STATUS", "replay.status", status),
        Column("SAME TEXT", "difference.is_same_text"),
        Column("ALIKE", "difference.text_similarity", human.share),
        Column("MORE MS", "difference.latency_ms"),
        Column("MORE FIRST MS", "difference.first_byte_ms"),
        Column("MORE INPUT", "difference.input_tokens"),
        Column("MORE OUTPUT", "difference.output_tokens"),
        Column("MORE COST", "difference.cost"),
    )
)


def show_replay(out: "Output", answer: Object) -> None:
    """Show a replay: two columns of figures in a terminal, and the texts where they differ."""
    original, replay = as_object(answer.get("original")), as_object(answer.get("replay"))
    if out.look.is_people:
        rows = [row for row in _rows(original, replay, out.look) if row["before"] or row["after"]]
        out.stream(out.laid_out(rows, _SIDES))
        if original.get("is_stream") and not replay.get("is_stream"):
            out.stream("The first was streamed, the replay is not: its first byte came late.\n")
    else:
        out.item(answer, REPLAY)
    if replay.get("error") is None:
        changes = differences(_text(original), _text(replay), out.terminal)
        out.write(f"\n{_alike(answer, out.look)}\n" + (f"\n{changes}" if changes else ""))


_SIDES = (
    Column("", "what"),
    Column("ORIGINAL", "before", is_flexible=True, least=20),
    Column("REPLAY", "after", is_flexible=True, least=20),
    Column("CHANGE", "change", is_right=True),
)


def _rows(original: Object, replay: Object, look: Look) -> list[Object]:
    def row(what: str, path: str, show: "Callable[[Json, Look], str]" = human.plain) -> Object:
        before, after = pick(original, path), pick(replay, path)
        found: Object = {"what": what, "before": show(before, look), "after": show(after, look)}
        return found | {"change": _change(before, after, look, show) if show in _SUMS else ""}

    return [
        row("id", "id"),
        row("model", "model"),
        row("provider", "provider"),
        row("upstream model", "upstream_model"),
        row("status", "status", status),
        row("error", "error_code"),
        row("took", "latency_ms", human.millis),
        row("first byte", "first_byte_ms", human.millis),
        row("input tokens", "usage.input_tokens", human.number),
        row("output tokens", "usage.output_tokens", human.number),
        row("cost", "cost", human.money),
        row("finish", "finish_reason"),
    ]


_SUMS = (human.millis, human.number, human.money)
"""How values are shown whose difference says something."""


def _change(before: Json, after: Json, look: Look, show: "Callable[[Json, Look], str]") -> str:
    if not isinstance(before, int | Decimal) or not isinstance(after, int | Decimal):
        return ""
    more = Decimal(after) - Decimal(before)
    if not more:
        return "="
    size = abs(more)
    shown = show(int(size) if show is human.number else size, look)
    return f"{'+' if more > 0 else '-'}{shown}"


def _text(call: Object) -> str:
    return as_text(call.get("text"))


def _alike(answer: Object, look: Look) -> str:
    if pick(answer, "difference.is_same_text"):
        return "The texts are the same."
    if pick(answer, "difference.is_same_text") is None:
        return "The texts cannot be compared: one of them is not kept."
    alike = human.share(pick(answer, "difference.text_similarity"), look)
    return f"The texts differ{f'; they are {alike} alike' if alike else ''}."
