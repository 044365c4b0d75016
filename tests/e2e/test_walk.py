"""The corridor's walk: which files one chat call goes through, in which order, and what it reads.

The map in `prismd/README.md` promises it; here the interpreter is asked.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import httpx2
import pytest

import prismd
from prismd.gateway import Gateway
from prismd.kernel.money import PicoUsd
from prismd.store.readers import Readers
from prismd.wire.price import PriceOverride, Unit
from tests.in_process import client_of, running_gateway

PACKAGE = Path(prismd.__file__).parent

WALK = (
    "front/gate",
    "front/checks",
    "app",
    "endpoints/chat",
    "endpoints/credentials",
    "policy/identity",
    "endpoints/asgi",
    "dialects/openai/request",
    "flow/serve",
    "policy/permit",
    "routing/catalog",
    "routing/plan",
    "flow/reserve",
    "policy/reserve",
    "flow/attempt",
    "flow/saying",
    "providers/fake/upstream",
    "flow/settle",
)
"""Modules by their first use, as `prismd/README.md` has them; others may come between."""

STREAM_WALK = (*WALK[:-1], "dialects/openai/follower", "flow/stream", "flow/settle")

OVERRIDE = PriceOverride(
    id="price_1",
    model="fake/echo",
    provider=None,
    org_id=None,
    rates={Unit.REQUEST: PicoUsd(10**9)},
    created_at_s=1,
    updated_at_s=1,
)

BODY: dict[str, Any] = {
    "model": "fake/echo",
    "messages": [{"role": "user", "content": "Hello"}],
}


class Steps:
    """Every call of a function of ours, in order, as `module:function`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._names: dict[CodeType, str | None] = {}

    def modules(self) -> list[str]:
        """The modules by their first use."""
        return list(dict.fromkeys(call.partition(":")[0] for call in self.calls))

    def note(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._names:
            self._names[code] = self._name(code)
        if name := self._names[code]:
            self.calls.append(name)

    @staticmethod
    def _name(code: CodeType) -> str | None:
        path = Path(code.co_filename)
        if not path.is_relative_to(PACKAGE):
            return None
        return f"{path.relative_to(PACKAGE).with_suffix('').as_posix()}:{code.co_name}"


@contextmanager
def traced() -> Iterator[Steps]:
    steps = Steps()
    before = sys.getprofile()
    sys.setprofile(steps.note)
    try:
        yield steps
    finally:
        sys.setprofile(before)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path) as running:
        yield running


@pytest.fixture
async def caller(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a key, which has called once: nothing is imported first now.

    It called another model: what can answer a model is looked up once.
    """
    token = gateway.data_dir.admin_token()
    assert token is not None
    async with client_of(gateway, token.reveal()) as admin:
        made = await admin.post("/-/keys", json={"name": "walker", "rate_limit_rpm": 100})
    async with client_of(gateway, made.json()["key"]) as client:
        first = await client.post("/v1/chat/completions", json={**BODY, "model": "fake/lorem"})
        assert first.status_code == 200
        yield client


async def test_what_can_answer_a_model_is_looked_up_once(
    caller: httpx2.AsyncClient, gateway: Gateway
) -> None:
    await caller.post("/v1/chat/completions", json=BODY)
    with traced() as steps:
        await caller.post("/v1/chat/completions", json=BODY)
    assert "routing/plan:plan" not in steps.calls
    gateway.price_overrides.put(OVERRIDE)
    with traced() as steps:
        answer = await caller.post("/v1/chat/completions", json=BODY)
    assert "routing/plan:plan" in steps.calls
    assert answer.headers["x-prism-cost"] != "0"


def assert_in_order(wanted: Sequence[str], found: list[str]) -> None:
    places = [found.index(name) if name in found else -1 for name in wanted]
    missing = [name for name, place in zip(wanted, places, strict=True) if place < 0]
    assert not missing, f"{missing} not in {found}"
    assert places == sorted(places), f"{found} is in another order than {wanted}"


def assert_path(wanted: Sequence[str], calls: list[str]) -> None:
    """The wanted calls are among the calls, in this order."""
    left = iter(calls)
    missing = [call for call in wanted if call not in left]
    assert not missing, f"{missing[0]} does not come where it should in {calls}"


async def test_the_walk_of_a_chat(caller: httpx2.AsyncClient) -> None:
    with traced() as steps:
        answer = await caller.post("/v1/chat/completions", json=BODY)
    assert answer.status_code == 200
    assert_in_order(WALK, steps.modules())
    assert_path(
        [
            "front/gate:__call__",
            "app:__call__",
            "endpoints/chat:chat_completions",
            "endpoints/credentials:caller_of",
            "policy/identity:identify",
            "endpoints/asgi:read_body",
            "dialects/openai/request:parse_chat",
            "flow/serve:serve",
            "policy/permit:permit",
            "policy/ratelimit:admit",
            "routing/catalog:resolve",
            "routing/plan:plan",
            "policy/reserve:hold",
            "store/sqlite:write_soon",
            "flow/attempt:attempt",
            "flow/saying:say",
            "dialects/openai/request:relay",
            "providers/fake/upstream:send",
            "dialects/openai/request:read_usage",
            "flow/settle:settle",
            "store/sqlite:write",
            "policy/permit:release",
            "endpoints/asgi:send_reply",
        ],
        steps.calls,
    )


async def test_the_walk_of_a_stream(caller: httpx2.AsyncClient) -> None:
    """The same corridor: only the end is another, and the last bytes leave after the settlement."""
    with traced() as steps:
        answer = await caller.post("/v1/chat/completions", json={**BODY, "stream": True})
    assert answer.text.endswith("data: [DONE]\n\n")
    assert_in_order(STREAM_WALK, steps.modules())
    assert_path(
        [
            "flow/serve:serve",
            "policy/permit:permit",
            "routing/plan:plan",
            "policy/reserve:hold",
            "store/sqlite:write",
            "flow/attempt:attempt",
            "flow/saying:say",
            "dialects/openai/request:relay",
            "dialects/openai/follower:feed",
            "endpoints/asgi:send_reply",
            "flow/stream:_run",
            "flow/settle:settle",
            "store/sqlite:write",
            "front/gate:send_on",
            "flow/stream:aclose",
        ],
        steps.calls,
    )


async def test_a_refused_call_walks_no_further(caller: httpx2.AsyncClient) -> None:
    with traced() as steps:
        answer = await caller.post("/v1/chat/completions", json={**BODY, "model": "nope"})
    assert answer.status_code == 404
    assert_path(["flow/serve:serve", "routing/catalog:resolve", "flow/settle:settle"], steps.calls)
    visited = set(steps.modules())
    assert not visited & {"routing/plan", "flow/attempt", "providers/fake/upstream"}


async def test_rooms_do_not_enter_the_corridor(caller: httpx2.AsyncClient) -> None:
    with traced() as steps:
        assert (await caller.get("/v1/models")).status_code == 200
    assert_in_order(
        ["front/gate", "app", "endpoints/deps", "policy/identity", "endpoints/models"],
        steps.modules(),
    )
    assert not [name for name in steps.modules() if name.startswith("flow/")]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_no_call_reads_the_database(
    caller: httpx2.AsyncClient,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_stream: bool,
) -> None:
    """Keys, prices and routes are in memory; a call writes its hold and its end, no more."""
    reads: list[str] = []
    writes: list[str] = []

    def counted(name: str, real: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
        def count(*args: Any, **params: Any) -> Any:
            if args[0] is not gateway.stores.traffic:
                seen.append(name)
            return real(*args, **params)

        return count

    monkeypatch.setattr(Readers, "rows", counted("rows", Readers.rows, reads))
    for store in ("write", "write_soon"):
        real = getattr(type(gateway.stores.state), store)
        monkeypatch.setattr(type(gateway.stores.state), store, counted(store, real, writes))
    for model, status in (("fake/echo", 200), ("nope", 404), ("fake/echo+status=500", 502)):
        body = {**BODY, "model": model, "stream": is_stream}
        answer = await caller.post("/v1/chat/completions", json=body)
        assert answer.status_code == status
    assert (await caller.get("/v1/models")).status_code == 200
    assert reads == []
    # The refused call leaves neither hold nor usage row. Nobody waits for the hold of a plain call.
    assert sorted(writes) == (["write"] * 4 if is_stream else ["write"] * 2 + ["write_soon"] * 2)


# ── faults of our own ────────────────────────────────────────────────────────────────────────────


def broken(*_: Any, **__: Any) -> Any:
    msg = "a secret detail"
    raise RuntimeError(msg)


@pytest.mark.parametrize(
    ("method", "path", "where"),
    [
        ("POST", "/v1/chat/completions", "prismd.flow.serve.reserve"),
        ("POST", "/v1/count_tokens", "prismd.flow.count.count_here"),
        ("GET", "/v1/models", "prismd.endpoints.models.may_use_model"),
    ],
)
async def test_a_fault_of_ours_is_an_envelope_and_keeps_no_slot(
    *,
    caller: httpx2.AsyncClient,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    where: str,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(where, broken)
        answer = await caller.request(method, path, json=BODY)
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert answer.headers["x-request-id"] in error["message"]
    assert "secret detail" not in answer.text
    assert gateway.limiter.running == 0
    assert (await caller.post("/v1/chat/completions", json=BODY)).status_code == 200
