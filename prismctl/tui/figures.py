"""Figures of the dashboard as people read them: short, of even width, the unit beside them."""

from datetime import UTC, datetime
from decimal import Decimal

from prismctl.jsontext import Json, Object, as_object
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.tui import rates, values
from prismctl.tui.board import WINDOW_S, Board
from prismctl.tui.rates import Sample

_BIG = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_WARN, _BAD = 0.01, 0.05
_ID = 14
"""Characters of an id that are shown."""


def short(value: float) -> str:
    """Return a number in three digits or so: ``0.42``, ``9.1``, ``128``, ``4.2k``."""
    for size, unit in _BIG:
        if abs(value) >= size * 0.9995:
            return f"{_three(value / size)}{unit}"
    return _three(value)


def _three(value: float) -> str:
    size = abs(value)
    if value == 0:
        return "0"
    if size < 0.01:  # noqa: PLR2004
        return f"{value:.2g}" if size >= 0.0001 else f"{value:.0e}"  # noqa: PLR2004
    if size < 0.995:  # noqa: PLR2004
        return f"{value:.2f}"
    return f"{value:.1f}" if size < 99.95 else f"{value:.0f}"  # noqa: PLR2004


def percent(ratio: float | None) -> str:
    """Return a share in per cent; a dash where there is nothing to share."""
    if ratio is None:
        return "-"
    return f"{ratio:.1%}" if ratio < 0.9995 else "100%"  # noqa: PLR2004


def seconds(value_s: float | None) -> str:
    """Return a duration: ``8 ms``, ``1.24 s``; a dash where none is known."""
    if value_s is None:
        return "-"
    if value_s < 0.9995:  # noqa: PLR2004
        ms = value_s * 1000
        digits = 2 if ms < 0.995 else 1 if ms < 9.95 else 0  # noqa: PLR2004
        return f"{ms:.{digits}f} ms"
    return f"{value_s:.2f} s" if value_s < 99.5 else f"{value_s:,.0f} s"  # noqa: PLR2004


def rate(value: Json, look: Look) -> str:
    """Write a rate in a table."""
    return (
        short(values.real(value))
        if look.is_people and value is not None
        else human.plain(value, look)
    )


def share(value: Json, look: Look) -> str:
    """Write a share in a table."""
    if not look.is_people:
        return human.plain(value, look)
    return percent(None if value is None else values.real(value))


def millis(value: Json, look: Look) -> str:
    """Write milliseconds in a table."""
    if not look.is_people:
        return human.plain(value, look)
    return seconds(None if value is None else values.real(value) / 1000)


def dollars(value: Json, look: Look) -> str:
    """Write dollars an hour in a table."""
    if value is None or not look.is_people:
        return human.plain(value, look)
    return f"${short(values.real(value))}"


def amount(value: Json, look: Look) -> str:
    """Write dollars in a table: to the cent, below a dollar to 10⁻⁴."""
    if not look.is_people or not isinstance(value, int | Decimal):
        return human.plain(value, look)
    exact = Decimal(value)
    digits = 2 if abs(exact) >= 1 or exact == round(exact, 2) else 4
    return f"{'-' if exact < 0 else ''}${abs(exact):,.{digits}f}"


def cost(value: Json, look: Look) -> str:
    """Write what a call cost, from nano-dollars; a dash where it has no price."""
    if not isinstance(value, int):
        return "-" if look.is_people else human.plain(value, look)
    if not look.is_people:
        return human.plain(value, look)
    return f"${Decimal(values.whole(value)).scaleb(-9):.6f}"


def clock(value: Json, look: Look) -> str:
    """Write a time of day, UTC, from seconds."""
    if not look.is_people:
        return human.plain(value, look)
    try:
        return f"{datetime.fromtimestamp(values.real(value), UTC):%H:%M:%S}" if value else ""
    except (OverflowError, ValueError, OSError):
        return ""


def times(value: Json, look: Look) -> str:
    """Write how often, if more than once."""
    count, sign = values.whole(value), "\N{MULTIPLICATION SIGN}" if look.is_unicode else "x"
    return f"{sign}{count:,}" if count > 1 else ""


def span(value_s: float) -> str:
    """Write how long: ``40s``, ``5m``, ``2h 10m``, ``3d 4h``."""
    rest = max(0, int(value_s))
    if rest < 60:  # noqa: PLR2004
        return f"{rest}s"
    days, hours, minutes = rest // 86_400, rest // 3600 % 24, rest // 60 % 60
    if days:
        return f"{days}d {hours}h" if hours and days < 100 else f"{days}d"  # noqa: PLR2004
    if hours:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m"


def error_tone(value: Json) -> str:
    """Return the colour of a share of errors."""
    ratio = values.real(value)
    return "red" if ratio >= _BAD else "yellow" if ratio >= _WARN else ""


def success_tone(value: Json) -> str:
    """Return the colour of a share of calls that went well."""
    return "" if value is None else error_tone(Decimal(f"{1 - values.real(value):.6f}"))


def trouble_tone(value: Json) -> str:
    """Return the colour of a count that should be 0."""
    return "red" if values.whole(value) > 0 else "dim"


def status(value: Json, look: Look) -> str:
    """Write an HTTP status with a glyph."""
    code = values.whole(value)
    word = _status_word(code)
    return (
        f"{human.state(word, look).partition(' ')[0]} {code or '-'}"
        if look.is_people
        else human.plain(value, look)
    )


def status_tone(value: Json) -> str:
    """Return the colour of an HTTP status."""
    return human.tone(_status_word(values.whole(value)))


def _status_word(code: int) -> str:
    if code >= 500:  # noqa: PLR2004
        return "failed"
    return "warning" if code >= 400 or not code else "ok"  # noqa: PLR2004


def tokens(value: Json, look: Look) -> str:
    """Write the tokens of a call: in and out."""
    call = as_object(value)
    usage = as_object(call.get("usage")) or call
    arrow = "→" if look.is_unicode else ">"
    found = [_count(values.count(usage.get(f"{way}_tokens"))) for way in ("input", "output")]
    return f"{found[0]}{arrow}{found[1]}"


def _count(number: int) -> str:
    return str(number) if number < 1000 else short(number)  # noqa: PLR2004


def spread(
    board: Board, name: str, window_s: float = WINDOW_S
) -> tuple[float | None, float | None]:
    """Return median and 95th percentile of the newest calls, for a gateway without histograms."""
    if not board.calls:
        return None, None
    since_s = values.real(board.calls[0].get("ts_s")) - window_s
    found = sorted(
        values.real(call.get(name)) / 1000
        for call in board.calls
        if values.real(call.get("ts_s")) > since_s and call.get(name) is not None
    )
    if not found:
        return None, None
    return found[len(found) // 2], found[min(len(found) - 1, len(found) * 95 // 100)]


def mean_s(board: Board, sample: Sample, name: str) -> float:
    """Return the median of one sample's histogram; 0 where nothing happened."""
    buckets = (
        sample.total.latency_buckets
        if name == "latency_buckets"
        else sample.total.first_byte_buckets
    )
    return rates.quantile(board.bounds_s, buckets, 0.5) or 0.0


def name_of_key(value: Json, look: Look) -> str:
    """Write whose call it was: the key's name, or both ends of its id."""
    call: Object = as_object(value)
    name, key_id = values.text(call.get("key_name")), values.text(call.get("key_id"))
    is_short = not look.is_people or len(key_id) <= _ID
    return name or (key_id if is_short else f"{key_id[:4]}..{key_id[-8:]}")
