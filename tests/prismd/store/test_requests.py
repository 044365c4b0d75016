"""Decision traces: kept, found, deleted when old."""

import msgspec

from prismd.store import requests
from prismd.store.requests import StoredTrace
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


async def test_old_traces_are_deleted(stores: Stores) -> None:
    for n in range(10):
        call = msgspec.structs.replace(CALL, request_id=f"req_{n}", ts_s=1_000.0 + n)
        trace = StoredTrace(call, [], [])
        await stores.traffic.write(lambda tx, trace=trace: requests.insert(tx, trace))  # type: ignore[misc]
    assert await stores.traffic.write(lambda tx: requests.prune(tx, 1_004)) == 4
    assert await stores.traces.get("req_3") is None
    assert await stores.traces.get("req_4") is not None
