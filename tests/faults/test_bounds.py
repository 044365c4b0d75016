"""What holds around every fault.

Pieces do not matter (I-15), tries are few and end in time (I-16), a hung provider does not hold up
another (I-18), and a client that leaves ends what hangs.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, aclosing

import pytest

from tests.daemon_process import Key, wait_for
from tests.faults import spoil
from tests.faults.gateway import COMPLETION, FREE, MAX_TOKENS, Gateway, Money
from tests.faults.proxy import Fault
from tests.faults.row import DEADLINE_S
from tests.keep_alive import Connection
from tests.scripted_vendor import FOR_EVER_S, Step, plain

SPLITS, DEEP_SPLITS = 15, 1_000
HUNG, DEEP_HUNG = 50, 500
DEEP_S = 300
"""How long the deep splits may take, also beside other work: 6 s alone."""
CALLS = 20
MARGIN_S = 1.0
AT_ONCE_S = 0.5
"""Far less than any of the hung streams lasts."""


@pytest.fixture
def free(gateway: Gateway) -> Iterator[Gateway]:
    """The gateway, whose free provider behaves again afterwards."""
    yield gateway
    gateway.proxy.faults[FREE] = spoil.nothing


def body_of(*, is_stream: bool) -> dict[str, object]:
    """Return a call for a connection."""
    return {
        "model": "stream" if is_stream else "plain",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": is_stream,
        "max_tokens": MAX_TOKENS,
    }


def at_rest(gateway: Gateway, key: Key) -> Money | None:
    """Return what a key's call has cost, if it is over."""
    used = gateway.daemon.admin.get("/-/usage", params={"key": key.id}).json()["totals"]
    if not used["requests"]:
        return None
    money = gateway.money(key)
    return None if money.held else money


def any_split(seed: int) -> Fault:
    """Say the answer in random pieces, or its body in random chunks."""
    choose = random.Random(seed)

    def say(answer: bytes) -> Iterator[Step]:
        if choose.random() < 0.5:
            yield from spoil.chunked(choose.randint(1, 60))(answer)
        else:
            cuts = (choose.randrange(1, len(answer)) for _ in range(choose.randint(1, 12)))
            yield from spoil.in_pieces(*cuts)(answer)

    return say


@pytest.mark.timeout(DEEP_S)
@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
def test_any_split_gives_the_same_bytes(free: Gateway, *, deep: bool, is_stream: bool) -> None:
    key = free.key(FREE)
    expected = free.call(key, is_stream=is_stream)[0].content
    assert expected.endswith(b"data: [DONE]\n\n" if is_stream else b"}")
    for seed in range(DEEP_SPLITS if deep else SPLITS):
        free.proxy.faults[FREE] = any_split(seed)
        if seed % 40 == 39:
            key = free.key(FREE)
        assert free.call(key, is_stream=is_stream)[0].content == expected, seed


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
def test_no_more_providers_are_tried_than_configured(gateway: Gateway, *, is_stream: bool) -> None:
    names = ["limited-s", "limited-date", "status-500", "status-502"]
    before = [gateway.proxy.asked[name] for name in names]
    answer, _ = gateway.call(gateway.key(*names), is_stream=is_stream)
    assert (answer.status_code, answer.headers["x-prism-attempts"]) == (503, "2")
    error = answer.json()["error"]
    assert error["code"] == "all_providers_unavailable"
    assert "(limited-s, limited-date)" in error["message"]
    assert answer.headers["retry-after"] in ("29", "30")
    asked = [gateway.proxy.asked[name] for name in names]
    assert [now - then for now, then in zip(asked, before, strict=True)] == [1, 1, 0, 0]


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
def test_all_tries_share_one_deadline(gateway: Gateway, *, is_stream: bool) -> None:
    answer, took_s = gateway.call(gateway.key("silent", "drips"), is_stream=is_stream)
    assert answer.json()["error"]["code"] == "all_providers_unavailable"
    assert answer.headers["x-prism-attempts"] == "2"
    assert took_s <= DEADLINE_S + MARGIN_S


def test_a_connection_that_the_provider_has_closed_is_not_used_again(free: Gateway) -> None:
    free.proxy.faults[FREE] = spoil.kept_open()
    key = free.key(FREE)
    for _ in range(3):
        assert free.call(key, is_stream=False)[0].json() == COMPLETION
        assert free.has_let_go(FREE, within_s=MARGIN_S)


def test_what_nobody_asked_for_is_no_answer_to_the_next_call(free: Gateway) -> None:
    free.proxy.faults[FREE] = spoil.kept_open(plain({"choices": ["of another call"]}), FOR_EVER_S)
    key = free.key(FREE)
    for _ in range(3):
        assert free.call(key, is_stream=False)[0].json() == COMPLETION
    free.proxy.faults[FREE] = spoil.nothing
    assert free.call(key, is_stream=False)[0].json() == COMPLETION
    assert free.has_let_go(FREE, within_s=MARGIN_S)


def alive_for_ever(answer: bytes) -> Iterator[Step]:
    """Say the first event, and then nothing that matters."""
    yield from spoil.midway()(answer)
    while True:
        yield 0.2
        yield b": alive\n\n"


HANGS: dict[str, tuple[bool, Fault]] = {
    "before-the-head": (False, spoil.instead(FOR_EVER_S)),
    "before-a-streams-head": (True, spoil.instead(FOR_EVER_S)),
    "before-the-body": (False, spoil.until(spoil.HEAD_END, FOR_EVER_S)),
    "before-the-first-event": (True, spoil.until(spoil.HEAD_END, FOR_EVER_S)),
    "within-the-body": (False, spoil.midway(FOR_EVER_S)),
    "within-the-stream": (True, alive_for_ever),
    "dripping": (False, spoil.drip(1.0)),
    "dripping-stream": (True, spoil.drip(0.3)),
    "comments": (True, spoil.endless_comments(0.05)),
}
"""Whether it is a stream, and what hangs: longer than anybody waits here."""


@pytest.mark.parametrize("hang", HANGS)
async def test_a_client_that_leaves_ends_what_hangs(free: Gateway, hang: str) -> None:
    is_stream, free.proxy.faults[FREE] = HANGS[hang]
    asked = free.proxy.asked[FREE]
    key = free.key(FREE)
    async with aclosing(await Connection.open(free.daemon.address)) as connection:
        connection.send(body_of(is_stream=is_stream), key.headers)
        wait_for(lambda: free.proxy.asked[FREE] > asked, "the provider is asked")
        if hang == "within-the-stream":
            await connection.receive_head()
            assert b"one" in await anext(connection.pieces())
    assert free.has_let_go(FREE, within_s=MARGIN_S)
    money = wait_for(lambda: at_rest(free, key), "the call is charged")
    assert money.spent == money.cost > 0


async def test_hung_streams_do_not_hold_up_another_provider(
    free: Gateway, record_property: Callable[[str, object], None], *, deep: bool
) -> None:
    def times_s() -> list[float]:
        took_s = []
        for _ in range(CALLS):
            began_s = time.monotonic()
            answer = free.daemon.chat(quick, "plain", max_tokens=MAX_TOKENS)
            took_s.append(time.monotonic() - began_s)
            assert answer.json() == COMPLETION
        return took_s

    quick = free.daemon.create_key(providers=["second"])
    patient = free.daemon.create_key(providers=[FREE])
    before_s = times_s()
    free.proxy.faults[FREE] = alive_for_ever
    hung = DEEP_HUNG if deep else HUNG
    async with AsyncExitStack() as stack:
        connections = []
        for _ in range(hung):
            opened = aclosing(await Connection.open(free.daemon.address))
            connections.append(await stack.enter_async_context(opened))
            connections[-1].send(body_of(is_stream=True), patient.headers)
        heads = await asyncio.gather(*(connection.receive_head() for connection in connections))
        assert {head.status for head in heads} == {200}
        during_s = times_s()
        assert free.proxy.connected[FREE] == hung
    assert free.has_let_go(FREE, within_s=5.0)
    medians = [statistics.median(times) * 1000 for times in (before_s, during_s)]
    record_property(f"median ms without and with {hung} hung streams", medians)
    assert max(during_s) < AT_ONCE_S
