"""The event feed made of polled answers: the same events, from counters and what changed in them.

Knows no thread and no clock. ``metrics`` gives totals as a tick does, ``health`` the providers,
``requests`` the newest calls; a gateway that lacks one of the latter two is watched without.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode

from prismctl.errors import ApiError
from prismctl.jsontext import Json, Object, as_objects, as_text
from prismctl.tui.board import HEALTH_PATH

CALLS = 100
"""Newest calls that are looked at each time."""
_SEEN = 2_000
_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)
_NANO = Decimal(10) ** 9


class Reads(Protocol):
    """Reads admin paths; raises ``PrismctlError``."""

    def object(self, path: str) -> Object:
        """Return the JSON object that a path answers."""

    def text(self, path: str) -> str:
        """Return the text that a path answers."""


class Poll:
    """What was seen last, to tell what is new."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._filters: Mapping[str, str] = {}
        self._seen: dict[str, None] | None = None
        """Calls that were told; None before the first."""
        self._is_new = False
        """Whether other calls are told than before."""
        self._states: dict[str, Json] = {}

    def narrow(self, filters: Mapping[str, str]) -> None:
        """Tell only of these calls, and of the stored ones anew."""
        self._filters, self._seen, self._is_new = dict(filters), None, True

    def events(self, now_s: Decimal) -> list[Object]:
        """Ask, and return what a feed would have told.

        Raises:
            PrismctlError: the gateway does not answer.
        """
        at: Object = {"ts_s": now_s}
        told = tick(self._reads.text("/-/metrics"))
        health = as_objects(self._optional(HEALTH_PATH).get("providers"))
        return [
            {"type": "tick", **at, **told, "providers": list(health)},
            *({"type": "provider", **at, **change} for change in self._changes(health)),
            *self._calls(at),
        ]

    def stored(self, limit: int, filters: Mapping[str, str]) -> list[Object]:
        """Return the newest stored calls."""
        query = urlencode({"limit": str(limit), **filters})
        return as_objects(self._reads.object(f"/-/requests?{query}").get("data"))

    def _optional(self, path: str) -> Object:
        try:
            return self._reads.object(path)
        except ApiError as error:
            if error.status not in _GONE:
                raise
            return {}

    def _changes(self, health: Sequence[Object]) -> Iterable[Object]:
        for row in health:
            name, state = as_text(row.get("id")), row.get("state")
            was = self._states.get(name, state)
            self._states[name] = state
            if was != state:
                yield {"provider": name, "state": state, "was": was}

    def _calls(self, at: Object) -> Iterable[Object]:
        filters, seen = self._filters, self._seen
        try:
            rows = self.stored(CALLS, filters)
        except ApiError as error:
            if error.status not in _GONE:
                raise
            return
        names = {as_text(row.get("id")): None for row in rows}
        if seen is None:
            yield {"type": "history", **at, "data": list(rows), "is_new": self._is_new}
        for row in reversed(rows) if seen is not None else ():
            name = as_text(row.get("id"))
            if seen is not None and name not in seen:
                yield {**at, **row, "type": "call", "request_id": name}
        known = {**(seen or {}), **names}
        if filters is self._filters:
            self._seen = dict(list(known.items())[-_SEEN:])


def tick(page: str) -> Object:
    """Read the metrics page as the body of a tick."""
    told: Object = {"running": 0}
    series: dict[tuple[str, str], dict[str, Decimal]] = {}
    buckets: dict[tuple[str, str, str], dict[Decimal, int]] = {}
    for name, labels, value in _lines(page):
        if name in _GAUGES:
            told[_GAUGES[name]] = value
            continue
        key = (labels.get("model", ""), labels.get("provider", ""))
        one = series.setdefault(key, {}) if labels.get("model") else {}
        if name == "prism_requests_total":
            one["calls"] = one.get("calls", Decimal(0)) + value
            is_error = not labels.get("status", "").startswith(("1", "2", "3"))
            one["errors"] = one.get("errors", Decimal(0)) + (value if is_error else 0)
        elif name in _COUNTERS:
            one[_COUNTERS[name]] = value * (_NANO if name == "prism_cost_usd_total" else 1)
        elif name in _HISTOGRAMS:
            bound = _decimal(labels.get("le", ""))
            buckets.setdefault((*key, _HISTOGRAMS[name]), {})[bound] = int(value)
    bounds = sorted({bound for found in buckets.values() for bound in found if bound.is_finite()})
    told["latency_bounds_s"] = list(bounds)
    told["series"] = [_series(key, one, buckets, bounds) for key, one in series.items()]
    return told


def _series(
    key: tuple[str, str],
    numbers: Mapping[str, Decimal],
    buckets: Mapping[tuple[str, str, str], Mapping[Decimal, int]],
    bounds: Sequence[Decimal],
) -> Object:
    row: Object = {"model": key[0], "provider": key[1]}
    row.update({name: int(number) for name, number in numbers.items()})
    for name in _HISTOGRAMS.values():
        found = buckets.get((*key, name))
        if found is None:
            continue
        below, counts = 0, []
        for bound in (*bounds, Decimal("Infinity")):
            so_far = max(below, found.get(bound, below))
            counts.append(so_far - below)
            below = so_far
        row[name] = list(counts)
    return row


def _lines(page: str) -> Iterable[tuple[str, Mapping[str, str], Decimal]]:
    for line in page.split("\n"):
        found = _LINE.fullmatch(line)
        if found is None or (value := _decimal(found[3])).is_nan() or value.is_infinite():
            continue
        labels = {name: _unescaped(text) for name, text in _LABEL.findall(found[2] or "")}
        yield found[1], labels, value


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


_GAUGES = {"prism_uptime_seconds": "uptime_s", "prism_running_requests": "running"}
_COUNTERS = {
    "prism_tokens_input_total": "input_tokens",
    "prism_tokens_output_total": "output_tokens",
    "prism_tokens_cached_input_total": "cached_input_tokens",
    "prism_cost_usd_total": "cost_nano_usd",
    "prism_unpriced_requests_total": "unpriced",
}
_HISTOGRAMS = {
    "prism_request_duration_seconds_bucket": "latency_buckets",
    "prism_first_byte_seconds_bucket": "first_byte_buckets",
}
