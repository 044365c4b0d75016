"""Usage rows: written once, and sums that agree with adding them up by hand."""

import random
from collections import defaultdict
from datetime import UTC, datetime
from itertools import combinations

import msgspec
import pytest

from prismd.store import keys, usage
from prismd.store.db import Tx
from prismd.store.stores import Stores
from prismd.store.usage import GROUPS, Filter
from prismd.wire.common import Usage
from prismd.wire.usage import CallRecord
from tests.builders import make_key

DAY_S = 86_400


def _record(rng: random.Random, n: int) -> CallRecord:
    return CallRecord(
        request_id=f"req_{n}",
        ts_s=1_700_000_000 + rng.randrange(4 * DAY_S) + 0.25,
        key_id=f"key_{rng.randrange(3)}",
        owner=rng.choice([None, "ann", "bob"]),
        org_id=rng.choice([None, "org"]),
        op="chat",
        model=rng.choice(["m", "n", "m/x"]),
        provider=rng.choice(["p", "q"]),
        upstream_model="u",
        status=rng.choice([200, 200, 429, 502]),
        error_code=None,
        is_stream=rng.random() < 0.5,
        is_complete=True,
        usage=Usage(rng.randrange(99), rng.randrange(99), rng.randrange(9), rng.randrange(9)),
        cost_nano_usd=rng.choice([None, 0, rng.randrange(10**15)]),
        price_source=None,
        tags=rng.choice([{}, {"team": "a"}, {"team": "b", "env": "x=1"}]),
        latency_ms=1.5,
        first_byte_ms=None,
        attempts=1,
    )


@pytest.fixture
async def records(stores: Stores) -> list[CallRecord]:
    rng = random.Random(7)
    made = [_record(rng, n) for n in range(300)]
    for n in range(3):
        key = make_key(id=f"key_{n}", digest=bytes([n]) * 32)
        await stores.state.write(lambda tx, key=key: keys.insert(tx, key))  # type: ignore[misc]

    def write(tx: Tx) -> None:
        for record in made:
            usage.insert(tx, record)

    await stores.state.write(write)
    return made


def _groups(record: CallRecord, tag: str | None) -> dict[str, object]:
    at = datetime.fromtimestamp(int(record.ts_s), UTC)
    return {
        "tag": tag,
        "key": record.key_id,
        "owner": record.owner,
        "org": record.org_id,
        "model": record.model,
        "provider": record.provider,
        "day": at.strftime("%Y-%m-%d"),
        "hour": at.strftime("%Y-%m-%dT%H:00:00Z"),
        "minute": at.strftime("%Y-%m-%dT%H:%M:00Z"),
    }


def _by_hand(records: list[CallRecord], group_by: tuple[str, ...]) -> dict[object, object]:
    groups: dict[object, list[CallRecord]] = defaultdict(list)
    for record in records:
        labels = [f"{name}={value}" for name, value in record.tags.items()]
        tags: list[str | None] = [*labels] or [None]
        for tag in tags if "tag" in group_by else [None]:
            groups[tuple(_groups(record, tag)[name] for name in group_by)].append(record)
    return {
        group: {
            "requests": len(calls),
            "errors": sum(call.status >= 400 for call in calls),
            "input_tokens": sum(call.usage.input_tokens for call in calls),
            "output_tokens": sum(call.usage.output_tokens for call in calls),
            "cached_input_tokens": sum(call.usage.cached_input_tokens for call in calls),
            "reasoning_tokens": sum(call.usage.reasoning_tokens for call in calls),
            "unpriced_requests": sum(call.cost_nano_usd is None for call in calls),
            "estimated_requests": sum(call.usage_source != "reported" for call in calls),
            "cost_nano_usd": sum(call.cost_nano_usd or 0 for call in calls),
        }
        for group, calls in groups.items()
    }


async def _report(stores: Stores, group_by: tuple[str, ...], rows: Filter) -> dict[object, object]:
    lines = [dict(line) for line in await usage.report(stores.state, group_by, rows)]
    found: dict[object, object] = {
        tuple(line.pop(name) for name in group_by): line for line in lines
    }
    assert len(found) == len(lines), "one line per group"
    return found


@pytest.mark.parametrize("slice_rows", [usage.SLICE_ROWS, 37])
async def test_every_grouping_agrees_with_adding_up_by_hand(
    monkeypatch: pytest.MonkeyPatch, stores: Stores, records: list[CallRecord], slice_rows: int
) -> None:
    monkeypatch.setattr(usage, "SLICE_ROWS", slice_rows)
    for size in (1, 2, 3, len(GROUPS)):
        for group_by in combinations(GROUPS, size):
            assert await _report(stores, group_by, Filter()) == _by_hand(records, group_by)
    assert await _report(stores, (), Filter()) == _by_hand(records, ())


async def test_filters_choose_the_rows(stores: Stores, records: list[CallRecord]) -> None:
    since_s, until_s = records[0].ts_s, records[0].ts_s + DAY_S
    rows = Filter(since_s=since_s, until_s=until_s)
    chosen = [call for call in records if since_s <= call.ts_s < until_s]
    assert 0 < len(chosen) < len(records)
    assert await _report(stores, ("day",), rows) == _by_hand(chosen, ("day",))
    rows = Filter(key="key_1", model="m", provider="q")
    chosen = [c for c in records if (c.key_id, c.model, c.provider) == ("key_1", "m", "q")]
    assert await _report(stores, ("owner",), rows) == _by_hand(chosen, ("owner",))
    rows = Filter(owner="ann", org="org", tag=("env", "x=1"))
    chosen = [c for c in records if c.owner == "ann" and c.org_id == "org" and "env" in c.tags]
    assert chosen
    assert await _report(stores, ("model",), rows) == _by_hand(chosen, ("model",))


async def test_slices_end_also_when_everything_happened_at_once(
    monkeypatch: pytest.MonkeyPatch, stores: Stores, records: list[CallRecord]
) -> None:
    monkeypatch.setattr(usage, "SLICE_ROWS", 2)
    at_once = [
        msgspec.structs.replace(record, request_id=f"{record.request_id}b", ts_s=1_800_000_000)
        for record in records[:9]
    ]

    def write(tx: Tx) -> None:
        for record in at_once:
            usage.insert(tx, record)

    await stores.state.write(write)
    assert await _report(stores, ("day",), Filter()) == _by_hand(records + at_once, ("day",))


async def test_what_is_dearest_comes_first_within_a_day(
    monkeypatch: pytest.MonkeyPatch, stores: Stores, records: list[CallRecord]
) -> None:
    for slice_rows in (usage.SLICE_ROWS, 37):
        monkeypatch.setattr(usage, "SLICE_ROWS", slice_rows)
        lines = await usage.report(stores.state, ("day", "model"), Filter())
        order = [(str(line["day"]), -int(line["cost_nano_usd"] or 0)) for line in lines]
        assert order == sorted(order)


async def test_the_days_of_a_key_are_what_a_report_says(
    stores: Stores, records: list[CallRecord]
) -> None:
    since_s, until_s = records[0].ts_s, records[0].ts_s + 2 * DAY_S
    days = await usage.days_of_key(stores.state, "key_1", since_s=since_s, until_s=until_s)
    rows = Filter(key="key_1", since_s=since_s, until_s=until_s)
    assert days == await usage.report(stores.state, ("day",), rows)
    assert len(days) > 1
    assert await usage.days_of_key(stores.state, "none", since_s=0, until_s=until_s) == []


async def test_nothing_used_is_a_report_without_lines_or_with_zeros(stores: Stores) -> None:
    assert await usage.report(stores.state, ("key",), Filter()) == []


async def test_a_request_is_written_down_once(stores: Stores, records: list[CallRecord]) -> None:
    again = msgspec.structs.replace(records[0], cost_nano_usd=10**15)
    await stores.state.write(lambda tx: usage.insert(tx, again))
    assert await _report(stores, (), Filter()) == _by_hand(records, ())
