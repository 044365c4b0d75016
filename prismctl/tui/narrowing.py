"""The filters of the event feed, here: which calls fit, and what was typed for the gateway."""

from collections.abc import Mapping

from prismctl.jsontext import Object, as_text
from prismctl.tui import values

NAMES = ("key", "org", "owner", "model", "provider", "status", "min_cost", "min_latency")
"""Filters that the gateway knows."""
_FIELDS = {"key": "key_id", "org": "org_id"}
_LEAST = {"min_cost": ("cost_nano_usd", 1e9), "min_latency": ("latency_ms", 1.0)}
"""Filters of an amount: the field, and how many of its units one of the filter's are."""


def parted(words: str) -> tuple[dict[str, str], str]:
    """Return what the gateway filters, ``name=value``, and the other words."""
    filters: dict[str, str] = {}
    rest: list[str] = []
    for word in words.split():
        name, mark, value = word.partition("=")
        name = name.replace("-", "_")
        if not mark or name not in NAMES:
            rest.append(word)
        elif value:
            filters[name] = value
    return filters, " ".join(rest)


def fits(call: Object, filters: Mapping[str, str]) -> bool:
    """Say whether a call passes all filters."""
    return all(_fits(call, name, wanted) for name, wanted in filters.items())


def _fits(call: Object, name: str, wanted: str) -> bool:
    if name in _LEAST:
        field, scale = _LEAST[name]
        try:
            return values.real(call.get(field)) >= float(wanted) * scale
        except ValueError:
            return True
    if name == "status":
        status = str(values.whole(call.get("status")))
        return any(status.startswith(word.strip().rstrip("x")) for word in wanted.split(","))
    return as_text(call.get(_FIELDS.get(name, name))) == wanted
