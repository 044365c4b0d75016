"""A claim: one at a time, free again when nothing was done, never lost when something may have."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from prismd.flow.replay import Claim, Kept, Transcript, replay
from prismd.gateway import Gateway
from prismd.kernel.errors import Conflict, Overloaded, PrismError, Reused
from prismd.store.db import Tx
from prismd.store.idempotency import MAX_ANSWER_BYTES
from prismd.store.sqlite import SqliteDatabase
from prismd.wire.idempotency import Answer, IdempotencyKey
from tests.in_process import running_gateway

ANSWER = Answer(200, {"content-type": "text/plain"}, b"said")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path) as running:
        yield running


def key(fingerprint: bytes = b"f") -> IdempotencyKey:
    return IdempotencyKey("key_1", b"k" * 32, fingerprint * 32)


async def claimed(gateway: Gateway, request_id: str = "req_1") -> Claim:
    claim = await replay(gateway, key(), request_id)
    assert isinstance(claim, Claim)
    return claim


async def end(gateway: Gateway, claim: Claim, answer: Answer | None) -> None:
    await gateway.stores.state.write(lambda tx: claim.settle(tx, answer))
    claim.end()


async def refusal(gateway: Gateway, asked: IdempotencyKey | None = None) -> PrismError:
    with pytest.raises(PrismError) as caught:
        await replay(gateway, asked or key(), "req_2")
    return caught.value


async def test_one_call_at_a_time_and_then_its_answer(gateway: Gateway) -> None:
    claim = await claimed(gateway)
    assert (await refusal(gateway)).code == "idempotency_in_flight"
    await claim.begin()
    assert (await refusal(gateway)).code == "idempotency_in_flight"
    assert isinstance(await refusal(gateway, key(b"g")), Reused)
    await end(gateway, claim, ANSWER)
    assert await replay(gateway, key(), "req_2") == Kept("req_1", ANSWER)
    assert isinstance(await refusal(gateway, key(b"g")), Reused)
    assert gateway.claimed == {}


async def test_a_claim_that_never_began_leaves_nothing(gateway: Gateway) -> None:
    await end(gateway, await claimed(gateway), ANSWER)
    await claimed(gateway, "req_2")
    assert await gateway.stores.state.rows("SELECT 1 FROM idempotency", {}) == []


async def test_a_claim_ends_once(gateway: Gateway) -> None:
    first = await claimed(gateway)
    first.end()
    await claimed(gateway, "req_2")
    first.end()
    assert (await refusal(gateway)).code == "idempotency_in_flight"


async def test_a_store_that_takes_nothing_leaves_the_key_free(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(_: object, work: Callable[[Tx], Any]) -> Any:
        raise Overloaded("full")

    claim = await claimed(gateway)
    with monkeypatch.context() as patch:
        patch.setattr(SqliteDatabase, "write", write)
        with pytest.raises(Overloaded):
            await claim.begin()
    assert not claim.is_begun
    claim.end()
    await (await claimed(gateway)).begin()


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancelled_beginning_is_settled_as_begun(gateway: Gateway, turns: int) -> None:
    claim = await claimed(gateway)
    beginning = asyncio.get_running_loop().create_task(claim.begin())
    for _ in range(turns):
        await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    await end(gateway, claim, None)
    if turns:
        assert (await refusal(gateway)).code == "idempotency_not_replayable"
    else:
        await claimed(gateway)


async def test_a_call_whose_settlement_failed_is_not_made_again(gateway: Gateway) -> None:
    claim = await claimed(gateway)
    await claim.begin()
    claim.end()
    error = await refusal(gateway)
    assert isinstance(error, Conflict)
    assert error.code == "idempotency_outcome_unknown"
    assert error.headers["x-prism-original-request-id"] == "req_1"
    assert "req_1" in error.message


@pytest.mark.parametrize("status", [429, 503])
async def test_an_answer_that_says_come_again_frees_the_key(gateway: Gateway, status: int) -> None:
    claim = await claimed(gateway)
    await claim.begin()
    await end(gateway, claim, Answer(status, {}, b"later"))
    await (await claimed(gateway, "req_2")).begin()


@pytest.mark.parametrize(("size", "is_kept"), [(MAX_ANSWER_BYTES, True), (1 << 21, False)])
def test_a_transcript_gives_up_what_is_too_long(size: int, *, is_kept: bool) -> None:
    transcript = Transcript(is_wanted=True)
    events = [b"x" * (size // 4)] * 4
    assert [transcript.add(event) for event in events] == events
    answer = transcript.answer({}, end=b"[DONE]")
    assert (answer is not None) is is_kept
    if answer is not None:
        assert answer.body == b"".join(events) + b"[DONE]"


def test_a_transcript_that_nobody_wants_is_empty() -> None:
    transcript = Transcript(is_wanted=False)
    assert transcript.add(b"x") == b"x"
    assert transcript.answer({}, end=b"") is None
