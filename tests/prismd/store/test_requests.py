"""Decision traces: kept, found, listed, deleted when old."""

import msgspec
import pytest

from prismd.store import requests
from prismd.store.requests import Filter, StoredTrace, UnknownPlace
from prismd.store.stores import Stores
from prismd.wire.common import Usage
from prismd.wire.usage import CallRecord

CALL = CallRecord(
    request_id="req_1",
    ts_s=1_000.5,
    key_id="key_1",
    owner=None,
    org_id=None,
    op="chat",
    model="m",
    provider=None,
    upstream_model=None,
    status=404,
    error_code="model_not_found",
    is_stream=False,
    is_complete=False,
    usage=Usage(),
    cost_nano_usd=None,
    price_source=None,
    latency_ms=0.1,
    first_byte_ms=None,
    attempts=0,
)
TRACE = StoredTrace(
    CALL, [{"stage": "permit", "ms": 0.1, "detail": {"rpm": 3}}], [{"status": None}]
)


async def test_a_trace_comes_back_as_it_went_in(stores: Stores) -> None:
    await stores.traffic.write(lambda tx: requests.insert(tx, TRACE))
    assert await stores.traces.get("req_1") == TRACE
    assert await stores.traces.get("req_2") is None


async def test_a_trace_that_cannot_be_made_takes_no_other_with_it(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> StoredTrace:
        msg = "a fault of ours"
        raise RuntimeError(msg)

    stores.traces.add(lambda: TRACE)
    stores.traces.add(fails)
    stores.traces.add(lambda: StoredTrace(CALL, [{"detail": object()}], []))
    other = StoredTrace(msgspec.structs.replace(CALL, request_id="req_2"), [], [])
    stores.traces.add(lambda: other)
    assert await stores.traces.get("req_1") == TRACE
    assert await stores.traces.get("req_2") == other
    assert caplog.text.count("a trace is dropped") == 2


async def test_old_traces_are_deleted(stores: Stores) -> None:
    for n in range(10):
        call = msgspec.structs.replace(CALL, request_id=f"req_{n}", ts_s=1_000.0 + n)
        trace = StoredTrace(call, [], [])
        await stores.traffic.write(lambda tx, trace=trace: requests.insert(tx, trace))  # type: ignore[misc]
    assert await stores.traffic.write(lambda tx: requests.prune(tx, 1_004)) == 4
    assert await stores.traces.get("req_3") is None
    assert await stores.traces.get("req_4") is not None


async def test_calls_of_one_moment_are_each_on_one_page(stores: Stores) -> None:
    for n in range(7):
        call = msgspec.structs.replace(CALL, request_id=f"req_{n}", ts_s=1_000.0 + n // 4)
        stores.traces.add(lambda call=call: StoredTrace(call, [], []))  # type: ignore[misc]
    found: list[str] = []
    while True:
        after = found[-1] if found else None
        page = await stores.traces.page(Filter(), limit=2, after=after)
        if not page.traces:
            break
        found += [trace.call.request_id for trace in page.traces]
    assert found == [f"req_{n}" for n in reversed(range(7))]


@pytest.mark.parametrize(("since_s", "until_s", "count"), [(3, 6, 3), (0, 3, 3), (8, 99, 2)])
async def test_a_span_has_its_begin_and_not_its_end(
    stores: Stores, since_s: float, until_s: float, count: int
) -> None:
    for n in range(10):
        call = msgspec.structs.replace(CALL, request_id=f"req_{n}", ts_s=n)
        stores.traces.add(lambda call=call: StoredTrace(call, [], []))  # type: ignore[misc]
    page = await stores.traces.page(Filter(since_s=since_s, until_s=until_s), limit=10)
    times = [trace.call.ts_s for trace in page.traces]
    assert len(times) == count
    assert all(since_s <= at_s < until_s for at_s in times)


async def test_a_search_ends_after_so_many_rows_and_goes_on_from_there(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "SLICE_ROWS", 5)
    monkeypatch.setattr(requests, "MAX_SLICES", 2)
    for n in range(24):
        status = 500 if n in (2, 17) else 200
        call = msgspec.structs.replace(CALL, request_id=f"req_{n:02}", ts_s=n, status=status)
        stores.traces.add(lambda call=call: StoredTrace(call, [], []))  # type: ignore[misc]
    wanted = Filter(statuses={500})
    first = await stores.traces.page(wanted, limit=9)
    assert [trace.call.request_id for trace in first.traces] == ["req_17"]
    assert first.stopped_at == "req_14", "ten rows were looked at: 23 to 14"
    second = await stores.traces.page(wanted, limit=9, after=first.stopped_at)
    assert (second.traces, second.stopped_at) == ([], "req_04")
    third = await stores.traces.page(wanted, limit=9, after=second.stopped_at)
    assert [trace.call.request_id for trace in third.traces] == ["req_02"]
    assert third.stopped_at is None
    assert len((await stores.traces.page(Filter(), limit=7)).traces) == 7


async def test_nothing_comes_after_a_call_that_is_not_there(stores: Stores) -> None:
    with pytest.raises(UnknownPlace):
        await stores.traces.page(Filter(), limit=1, after="req_9")
