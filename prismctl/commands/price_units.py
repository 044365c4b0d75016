"""What has a price, as it is typed: ``input=2.5`` is a rate for `set`, ``input=1000`` a count."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from prismctl import nearest
from prismctl.commands import amounts
from prismctl.errors import UsageProblem
from prismctl.jsontext import Json, Object, as_object, as_text


class Unit(NamedTuple):
    """One thing that is billed."""

    rate: str
    """The API's field of what it costs."""
    usage: str
    """The API's field of how many there are."""
    per: str = ""
    """What a rate is for, where it is not one."""
    scale: int = 1
    """How many of the API's counts one typed is."""


UNITS: Mapping[str, Unit] = {
    "input": Unit("input_per_mtok", "input_tokens", "M"),
    "cached": Unit("cached_input_per_mtok", "cached_input_tokens", "M"),
    "cache-write": Unit("cache_write_per_mtok", "cache_write_tokens", "M"),
    "audio-input": Unit("audio_input_per_mtok", "audio_input_tokens", "M"),
    "output": Unit("output_per_mtok", "output_tokens", "M"),
    "reasoning": Unit("reasoning_per_mtok", "reasoning_tokens", "M"),
    "audio-output": Unit("audio_output_per_mtok", "audio_output_tokens", "M"),
    "character": Unit("per_mchar", "characters", "M"),
    "image": Unit("per_image", "images"),
    "page": Unit("per_page", "pages"),
    "audio-second": Unit("per_audio_second", "audio_ms", "s", 1_000),
    "video-second": Unit("per_video_second", "video_ms", "s", 1_000),
    "search": Unit("per_search", "searches"),
    "request": Unit("per_request", "requests"),
}
"""By the word that is typed."""

WORDS = ", ".join(UNITS)


def read_rates(given: list[str]) -> Object:
    """Read ``input=2.5`` … as the API's rates.

    Raises:
        UsageProblem: one cannot be read.
    """
    return {UNITS[word].rate: amounts.dollars(text) for word, text in _pairs(given, "2.5").items()}


def read_usage(given: list[str]) -> Object:
    """Read ``input=1000`` … as the API's counts.

    Raises:
        UsageProblem: one cannot be read.
    """
    return {
        UNITS[word].usage: _count(f"{word}={text}", text, UNITS[word].scale)
        for word, text in _pairs(given, "1000").items()
    }


def other_rates(pricing: Json, *, but: tuple[str, ...], write: Callable[[Json], str]) -> str:
    """Write rates as they are typed, without those of the given words."""
    rates = as_object(pricing)
    return " ".join(
        f"{word}={write(rates[unit.rate])}"
        for word, unit in UNITS.items()
        if word not in but and rates.get(unit.rate) is not None
    )


def by_count(name: Json) -> Unit | None:
    """Return the unit of one of the API's counts."""
    return next((unit for unit in UNITS.values() if unit.usage == as_text(name)), None)


def _pairs(given: list[str], example: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        word, equals, value = text.partition("=")
        if not equals:
            msg = f"{text!r} is not NAME=NUMBER"
            raise UsageProblem(msg, hint=f"for example input={example}")
        if word not in UNITS:
            msg = f"nothing is billed by {word!r}"
            # A bill names what was used as the API does.
            billed = next((name for name, unit in UNITS.items() if unit.usage == word), word)
            hint = nearest.hint(billed, UNITS, otherwise=nearest.one_of(UNITS))
            raise UsageProblem(msg, hint=hint)
        if word in pairs:
            msg = f"{word} is given twice"
            raise UsageProblem(msg)
        pairs[word] = value
    return pairs


def _count(pair: str, text: str, scale: int) -> int:
    try:
        value = Decimal(text.replace("_", "")) * scale
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        msg = f"{pair!r} is not a count"
        raise UsageProblem(msg, hint="for example input=1000")
    return int(value)
