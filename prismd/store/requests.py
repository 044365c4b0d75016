"""The ``requests`` table of the traffic database: decision traces. May be deleted at any time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from prismd.kernel import clock, jsonio
from prismd.kernel.errors import Overloaded
from prismd.store.db import Database, Params, Tx, Value, Values
from prismd.wire.usage import CallRecord


class StoredTrace(msgspec.Struct):
    """A call and how it was decided."""

    call: CallRecord
    stages: list[dict[str, object]]
    attempts: list[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which calls are wanted; times are epoch seconds, ``until_s`` excluded."""

    since_s: float = 0
    until_s: float = clock.LAST_S + 1
    key: str | None = None
    org: str | None = None
    owner: str | None = None
    model: str | None = None
    """A trailing ``*`` matches any ending."""
    provider: str | None = None
    statuses: Collection[int] | None = None
    error_code: str | None = None
    min_cost_nano_usd: int | None = None
    min_latency_ms: float | None = None
    is_stream: bool | None = None

    def params(self) -> dict[str, Value]:
        """Return the parameters of the condition."""
        statuses = None if self.statuses is None else sorted(self.statuses)
        is_pattern = self.model is not None and self.model.endswith("*")
        return {
            "key": self.key,
            "org": self.org,
            "owner": self.owner,
            "model": None if is_pattern else self.model,
            "begin": self.model[:-1] if self.model is not None and is_pattern else None,
            "provider": self.provider,
            "error_code": self.error_code,
            "is_stream": self.is_stream,
            "statuses": None if statuses is None else jsonio.encode(statuses).decode(),
            "cost": self.min_cost_nano_usd,
            "latency": self.min_latency_ms,
        }


class Found(msgspec.Struct, frozen=True):
    """Traces, newest first."""

    traces: list[StoredTrace]
    stopped_at: str | None
    """The call where the search ended before its time, to go on after it; None at its end."""


class UnknownPlace(Exception):
    """There is no trace to begin after."""


class _Place(msgspec.Struct, frozen=True):
    """A trace in the order of time."""

    id: str | None
    ts_ms: int
    at: int

    def params(self) -> dict[str, Value]:
        return {"ts_ms": self.ts_ms, "at": self.at}


_INSERT = """
INSERT INTO requests (id, ts_ms, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING
"""

# What is filtered by is read from the traces themselves: 200,000 take a second or two. The operator
# waits for that, while columns of their own would cost every call a little.
_LOOK = """
SELECT body FROM requests
WHERE (ts_ms, rowid) < (:ts_ms, :at) AND (ts_ms, rowid) >= (:end_ms, :end_at)
    AND (:key IS NULL OR json_extract(body, '$.call.key_id') = :key)
    AND (:org IS NULL OR json_extract(body, '$.call.org_id') = :org)
    AND (:owner IS NULL OR json_extract(body, '$.call.owner') = :owner)
    AND (:model IS NULL OR json_extract(body, '$.call.model') = :model)
    AND (:begin IS NULL OR substr(json_extract(body, '$.call.model'), 1, length(:begin)) = :begin)
    AND (:provider IS NULL OR json_extract(body, '$.call.provider') = :provider)
    AND (:error_code IS NULL OR json_extract(body, '$.call.error_code') = :error_code)
    AND (:is_stream IS NULL OR json_extract(body, '$.call.is_stream') = :is_stream)
    AND (:statuses IS NULL OR json_extract(body, '$.call.status') IN (
        SELECT value FROM json_each(:statuses)
    ))
    AND (:cost IS NULL OR json_extract(body, '$.call.cost_nano_usd') >= :cost)
    AND (:latency IS NULL OR json_extract(body, '$.call.latency_ms') >= :latency)
ORDER BY ts_ms DESC, rowid DESC LIMIT :limit
"""

# The last of the rows that one statement looks at, when there are more.
_SLICE_END = """
SELECT id, ts_ms, rowid AS at FROM requests
WHERE (ts_ms, rowid) < (:ts_ms, :at) AND ts_ms >= :since_ms
ORDER BY ts_ms DESC, rowid DESC LIMIT 1 OFFSET :others
"""

_PLACE = "SELECT id, ts_ms, rowid AS at FROM requests WHERE id = :id"

SLICE_ROWS = 20_000
"""Rows that one statement looks at."""
MAX_SLICES = 10
"""After so many, a search ends for now."""

LINGER_S = 0.25
"""How long a trace waits for others: nobody waits for it. A crash may lose as many."""
MAX_TOGETHER = 256
"""Traces in one write."""

log = logging.getLogger("prism.store")

_decode = msgspec.json.Decoder(StoredTrace).decode


def insert(tx: Tx, trace: StoredTrace) -> None:
    """Add the trace of a call."""
    tx.execute_many(_INSERT, [_row(trace)])


def _row(trace: StoredTrace) -> Values:
    return trace.call.request_id, int(trace.call.ts_s * 1000), jsonio.encode(trace).decode()


def _rows(makes: Iterable[Callable[[], StoredTrace]]) -> Iterator[Values]:
    """Make traces; one that cannot be made takes no other with it."""
    for make in makes:
        try:
            row = _row(make())
        except Exception:
            log.exception("a trace is dropped: it cannot be made")
        else:
            yield row


class TraceLog:
    """Traces on their way to the database: many in one write. Used from one event loop."""

    def __init__(self, db: Database) -> None:
        """Write to the traffic database."""
        self._db = db
        self._waiting: list[Callable[[], StoredTrace]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, make: Callable[[], StoredTrace]) -> None:
        """Take how to make the trace of a call; it is made when it is written."""
        self._waiting.append(make)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_S, self.flush)
        elif len(self._waiting) >= MAX_TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Queue what waits. Traces that the database does not take are dropped."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return

        def write(tx: Tx) -> None:
            tx.execute_many(_INSERT, list(_rows(waiting)))

        try:
            self._db.write_soon(write)
        except Overloaded as error:
            log.warning("%d traces are dropped: %s", len(waiting), error)

    async def get(self, request_id: str) -> StoredTrace | None:
        """Return the trace of a call, also of one that has ended this moment."""
        await self._all_written()
        row = await self._db.row("SELECT body FROM requests WHERE id = :id", {"id": request_id})
        return None if row is None else _decode(str(row["body"]))

    async def page(self, wanted: Filter, *, limit: int, after: str | None = None) -> Found:
        """Return traces, newest first, also of calls that have ended this moment.

        Args:
            wanted: Which.
            limit: How many at most.
            after: The id of a call; those before it in time are returned.

        Raises:
            UnknownPlace: there is no trace of ``after``.
        """
        await self._all_written()
        place = _Place(None, int(wanted.until_s * 1000), 0)
        if after is not None:
            row = await self._db.row(_PLACE, {"id": after})
            if row is None:
                raise UnknownPlace
            place = min(place, msgspec.convert(row, _Place), key=lambda one: (one.ts_ms, one.at))
        traces: list[StoredTrace] = []
        async for begin, end in self._slices(place, wanted):
            span: Params = {"end_ms": end.ts_ms, "end_at": end.at, "limit": limit - len(traces)}
            rows = await self._db.rows(_LOOK, {**wanted.params(), **begin.params(), **span})
            traces += [_decode(str(row["body"])) for row in rows]
            if len(traces) >= limit:
                return Found(traces, None)
            place = end
        return Found(traces, place.id)

    async def _slices(self, place: _Place, wanted: Filter) -> AsyncIterator[tuple[_Place, _Place]]:
        """Cut what comes after a place where ``SLICE_ROWS`` rows end, ``MAX_SLICES`` at most."""
        since_ms = int(wanted.since_s * 1000)
        for _ in range(MAX_SLICES):
            slice_: Params = {"since_ms": since_ms, "others": SLICE_ROWS - 1}
            row = await self._db.row(_SLICE_END, {**place.params(), **slice_})
            end = _Place(None, since_ms, 0) if row is None else msgspec.convert(row, _Place)
            yield place, end
            if row is None:
                return
            place = end

    async def _all_written(self) -> None:
        self.flush()
        with contextlib.suppress(Overloaded):  # then what is written can still be read
            await self._db.write(_after_all)


def prune(tx: Tx, before_s: float) -> int:
    """Delete the traces of calls that ended before an epoch time; return how many."""
    return tx.execute("DELETE FROM requests WHERE ts_ms < :ms", {"ms": int(before_s * 1000)})


def _after_all(_: Tx) -> None:
    """Do nothing, after everything that was queued before."""
