"""The ``usage`` table: one row per call that reached a provider, and sums over them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec

from prismd.kernel import clock, jsonio
from prismd.store.checksum import checksum
from prismd.store.db import Database, Row, Tx, Value, Values
from prismd.wire.usage import CallRecord

_INSERT = """
INSERT INTO usage (
    request_id, ts_ms, key_id, owner, org_id, op, model, provider, upstream_model, status,
    error_code, is_stream, is_complete, usage_source, input_tokens, cached_input_tokens,
    output_tokens, reasoning_tokens, usage, cost_nano_usd, cost_pico_usd, price_source,
    price_lines, account, budgets, tags, latency_ms, first_byte_ms, attempts, checksum
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
)
ON CONFLICT (request_id) DO NOTHING
"""

TIMES = ("day", "hour", "minute")
"""Groups that are spans of time, UTC, named by their beginning."""

GROUPS = ("key", "owner", "org", "model", "provider", *TIMES, "tag")
"""What usage can be grouped by."""

SUMS = (
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "unpriced_requests",
    "estimated_requests",
    "cost_nano_usd",
)
"""What is summed."""

# A column that is not grouped by is the same for all rows, so one literal statement serves every
# combination of groups. Only by tag is a call counted more than once: in each of its tags.
_REPORT = """
SELECT
    CASE WHEN :by_key THEN key_id END AS key,
    CASE WHEN :by_owner THEN owner END AS owner,
    CASE WHEN :by_org THEN org_id END AS org,
    CASE WHEN :by_model THEN model END AS model,
    CASE WHEN :by_provider THEN provider END AS provider,
    CASE WHEN :by_day THEN date(ts_ms / 1000, 'unixepoch') END AS day,
    CASE WHEN :by_hour THEN strftime('%Y-%m-%dT%H:00:00Z', ts_ms / 1000, 'unixepoch') END AS hour,
    CASE WHEN :by_minute THEN strftime('%Y-%m-%dT%H:%M:00Z', ts_ms / 1000, 'unixepoch') END
        AS minute,
    label.key || '=' || label.value AS tag,
    COUNT(*) AS requests,
    SUM(status >= 400) AS errors,
    SUM(input_tokens) AS input_tokens,
    SUM(output_tokens) AS output_tokens,
    SUM(cached_input_tokens) AS cached_input_tokens,
    SUM(reasoning_tokens) AS reasoning_tokens,
    SUM(cost_nano_usd IS NULL) AS unpriced_requests,
    SUM(usage_source <> 'reported') AS estimated_requests,
    COALESCE(SUM(cost_nano_usd), 0) AS cost_nano_usd
FROM usage LEFT JOIN json_each(CASE WHEN :by_tag THEN tags END) AS label
WHERE ts_ms >= :since_ms AND ts_ms < :until_ms
    AND (:key IS NULL OR key_id = :key)
    AND (:owner IS NULL OR owner = :owner)
    AND (:org IS NULL OR org_id = :org)
    AND (:model IS NULL OR model = :model)
    AND (:provider IS NULL OR provider = :provider)
    AND (:tag_name IS NULL OR EXISTS (
        SELECT 1 FROM json_each(tags) WHERE key = :tag_name AND value = :tag_value
    ))
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""

# Where the next rows of a report begin, when there are more than one statement should read.
_SLICE_END = """
SELECT ts_ms FROM usage WHERE ts_ms >= :since_ms AND ts_ms < :until_ms
ORDER BY ts_ms LIMIT 1 OFFSET :rows
"""

SLICE_ROWS = 100_000
"""Rows of one statement: a million by tag would take longer than a reader may."""

# Keys ask for their own: this reads no more than the rows of the key.
_DAYS_OF_KEY = """
SELECT
    date(ts_ms / 1000, 'unixepoch') AS day,
    COUNT(*) AS requests,
    SUM(status >= 400) AS errors,
    SUM(input_tokens) AS input_tokens,
    SUM(output_tokens) AS output_tokens,
    SUM(cached_input_tokens) AS cached_input_tokens,
    SUM(reasoning_tokens) AS reasoning_tokens,
    SUM(cost_nano_usd IS NULL) AS unpriced_requests,
    SUM(usage_source <> 'reported') AS estimated_requests,
    COALESCE(SUM(cost_nano_usd), 0) AS cost_nano_usd
FROM usage
WHERE key_id = :key AND ts_ms >= :since_ms AND ts_ms < :until_ms
GROUP BY 1
ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which rows are summed; times are epoch seconds, ``until_s`` excluded."""

    since_s: float = 0
    until_s: float = clock.LAST_S + 1
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    owner: str | None = None
    org: str | None = None
    tag: tuple[str, str] | None = None


def insert(tx: Tx, record: CallRecord) -> bool:
    """Add the row of a call; return False if it was there before, and leave it as it is."""
    return insert_all(tx, [record]) == 1


def insert_all(tx: Tx, records: Sequence[CallRecord]) -> int:
    """Add the rows of calls; return how many were not there before."""
    return tx.execute_many(_INSERT, [_row(record) for record in records])


def _row(record: CallRecord) -> Values:
    usage = record.usage
    row: list[Value] = [
        record.request_id,
        int(record.ts_s * 1000),
        record.key_id,
        record.owner,
        record.org_id,
        str(record.op),  # not a member of an enum, which SQLite's module would have to adapt
        record.model,
        record.provider,
        record.upstream_model,
        record.status,
        record.error_code,
        int(record.is_stream),
        int(record.is_complete),
        record.usage_source.value,
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        jsonio.encode(usage).decode(),
        record.cost_nano_usd,
        None if record.cost_pico_usd is None else str(record.cost_pico_usd),
        record.price_source,
        jsonio.encode(record.price_lines).decode() if record.price_lines else "[]",
        record.account,
        jsonio.encode(record.windows).decode() if record.windows else "[]",
        jsonio.encode(record.tags).decode() if record.tags else "{}",
        float(record.latency_ms),  # as it is read back: the checksum covers it
        None if record.first_byte_ms is None else float(record.first_byte_ms),
        record.attempts,
    ]
    return (*row, checksum(row))


async def report(db: Database, group_by: Sequence[str], rows: Filter) -> list[Row]:
    """Sum usage; each row has the fields of ``group_by`` (of ``GROUPS``) and the sums."""
    params: dict[str, Value] = {f"by_{group}": group in group_by for group in GROUPS} | {
        "key": rows.key,
        "model": rows.model,
        "provider": rows.provider,
        "owner": rows.owner,
        "org": rows.org,
        "tag_name": rows.tag[0] if rows.tag else None,
        "tag_value": rows.tag[1] if rows.tag else None,
    }
    found: dict[tuple[Value, ...], dict[str, Value]] = {}
    async for since_ms, until_ms in _slices(db, rows):
        span = {"since_ms": since_ms, "until_ms": until_ms}
        for row in await db.rows(_REPORT, {**params, **span}):
            group = tuple(row[name] for name in group_by)
            if (known := found.get(group)) is None:
                names = (name for name in row if name in group_by or name not in GROUPS)
                found[group] = {name: row[name] for name in names}
            else:
                known |= {name: int(known[name] or 0) + int(row[name] or 0) for name in SUMS}
    return sorted(found.values(), key=_rank)


def _rank(row: Row) -> tuple[list[str], int, int]:
    """Sort times as they come, and what costs most first."""
    cost, requests = int(row["cost_nano_usd"] or 0), int(row["requests"] or 0)
    return [str(row.get(name, "")) for name in TIMES], -cost, -requests


async def _slices(db: Database, rows: Filter) -> AsyncIterator[tuple[int, int]]:
    """Cut a span of time where ``SLICE_ROWS`` rows end; in milliseconds, the end excluded."""
    since_ms, until_ms = int(rows.since_s * 1000), int(rows.until_s * 1000)
    while True:
        params = {"since_ms": since_ms, "until_ms": until_ms, "rows": SLICE_ROWS}
        row = await db.row(_SLICE_END, params)
        if row is None:
            yield since_ms, until_ms
            return
        # More rows of one millisecond than a slice has are a slice of their own.
        end_ms = max(int(row["ts_ms"] or 0), since_ms + 1)
        yield since_ms, end_ms
        since_ms = end_ms


async def days_of_key(db: Database, key_id: str, *, since_s: float, until_s: float) -> list[Row]:
    """Sum what a key used in a span of time, day by day."""
    span = {"since_ms": int(since_s * 1000), "until_ms": int(until_s * 1000)}
    return await db.rows(_DAYS_OF_KEY, {"key": key_id, **span})


class StoredCall(msgspec.Struct, frozen=True):
    """What the holder of a key may see of one of its calls."""

    request_id: str
    ts_ms: int
    model: str
    provider: str
    status: int
    error_code: str | None
    usage_source: str
    input_tokens: int
    output_tokens: int
    usage: str | None
    """JSON: everything that was counted; None for calls from before the ledger."""
    cost_nano_usd: int | None
    price_source: str | None
    price_lines: str | None
    """JSON."""


async def call_of_key(db: Database, key_id: str, request_id: str) -> StoredCall | None:
    """Return a call of a key; None when there is none, or when it is another key's."""
    row = await db.row(
        "SELECT * FROM usage WHERE request_id = :request_id AND key_id = :key_id",
        {"request_id": request_id, "key_id": key_id},
    )
    return None if row is None else msgspec.convert(row, StoredCall)
