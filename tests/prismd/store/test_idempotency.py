"""Kept answers: sealed, bound to their row, ended once, gone in time."""

from dataclasses import replace

from prismd.store import idempotency
from prismd.store.idempotency import KEPT_S, MAX_ANSWER_BYTES, KeptAnswers, State
from prismd.store.stores import Stores
from prismd.wire.idempotency import Answer, IdempotencyKey

KEY = IdempotencyKey("key_1", b"k" * 32, b"f" * 32)
ANSWER = Answer(201, {"content-type": "application/json"}, b'{"said": "xyzzy"}')
ANSWERS = KeptAnswers(b"p" * 32)


async def begin(
    stores: Stores, request_id: str = "req_1", *, key: IdempotencyKey = KEY, now_s: int = 100
) -> bool:
    return await stores.state.write(lambda tx: idempotency.begin(tx, key, request_id, now_s=now_s))


async def keep(stores: Stores, answer: Answer | None, request_id: str = "req_1") -> None:
    await stores.state.write(lambda tx: ANSWERS.keep(tx, KEY, request_id, answer))


async def find(
    stores: Stores, key: IdempotencyKey = KEY, *, now_s: int = 100, answers: KeptAnswers = ANSWERS
) -> idempotency.Found | None:
    return await answers.find(stores.state, key, now_s=now_s)


async def test_an_answer_comes_back_as_it_went_in(stores: Stores) -> None:
    assert await find(stores) is None
    assert await begin(stores)
    assert await find(stores) == idempotency.Found(State.IN_FLIGHT, KEY.fingerprint, "req_1", None)
    await keep(stores, ANSWER)
    assert await find(stores) == idempotency.Found(State.DONE, KEY.fingerprint, "req_1", ANSWER)
    assert await find(stores, replace(KEY, scope="key_2")) is None
    assert await find(stores, replace(KEY, digest=b"o" * 32)) is None


async def test_a_key_is_held_by_one_call_until_its_time_is_over(stores: Stores) -> None:
    assert await begin(stores)
    assert not await begin(stores, "req_2")
    await keep(stores, ANSWER)
    assert not await begin(stores, "req_2", now_s=100 + KEPT_S - 1)
    assert await find(stores, now_s=100 + KEPT_S - 1) is not None
    assert await find(stores, now_s=100 + KEPT_S) is None
    other = replace(KEY, fingerprint=b"g" * 32)
    assert await begin(stores, "req_2", key=other, now_s=100 + KEPT_S)
    found = await find(stores, now_s=100 + KEPT_S)
    assert found == idempotency.Found(State.IN_FLIGHT, other.fingerprint, "req_2", None)


async def test_a_row_is_ended_once_by_the_call_that_made_it(stores: Stores) -> None:
    await begin(stores)
    await keep(stores, ANSWER, "req_2")
    await stores.state.write(lambda tx: idempotency.forget(tx, KEY, "req_2"))
    found = await find(stores)
    assert found is not None
    assert found.state is State.IN_FLIGHT
    await keep(stores, None)
    await keep(stores, ANSWER)
    await stores.state.write(lambda tx: idempotency.forget(tx, KEY, "req_1"))
    found = await find(stores)
    assert found is not None
    assert (found.state, found.answer) == (State.NOT_REPLAYABLE, None)


async def test_a_forgotten_key_is_free(stores: Stores) -> None:
    await begin(stores)
    await stores.state.write(lambda tx: idempotency.forget(tx, KEY, "req_1"))
    assert await find(stores) is None
    assert await begin(stores, "req_2")


async def test_only_so_much_is_kept(stores: Stores) -> None:
    for size, state in ((MAX_ANSWER_BYTES, State.DONE), (MAX_ANSWER_BYTES + 1, "not_replayable")):
        await begin(stores)
        await keep(stores, Answer(200, {}, b"x" * size))
        found = await find(stores)
        assert found is not None
        assert found.state == state
        await stores.state.write(lambda tx: idempotency.prune(tx, 100 + KEPT_S))


async def test_an_answer_is_sealed_and_bound_to_its_row(stores: Stores) -> None:
    await begin(stores)
    await keep(stores, ANSWER)
    row = await stores.state.row("SELECT answer FROM idempotency", {})
    assert row is not None
    assert b"xyzzy" not in row["answer"]  # type: ignore[operator]
    elsewhere = await find(stores, answers=KeptAnswers(b"q" * 32))
    assert elsewhere is not None
    assert (elsewhere.state, elsewhere.answer) == (State.NOT_REPLAYABLE, None)
    await stores.state.write(
        lambda tx: tx.execute("UPDATE idempotency SET scope = :scope", {"scope": "key_2"})
    )
    moved = await find(stores, replace(KEY, scope="key_2"))
    assert moved is not None
    assert (moved.state, moved.answer) == (State.NOT_REPLAYABLE, None)


async def test_rows_whose_time_is_over_are_deleted(stores: Stores) -> None:
    for n in range(5):
        await begin(stores, key=replace(KEY, scope=f"key_{n}"), now_s=100 + n)
    assert await stores.state.write(lambda tx: idempotency.prune(tx, 102 + KEPT_S)) == 3
    assert await find(stores, replace(KEY, scope="key_2"), now_s=0) is None
    assert await find(stores, replace(KEY, scope="key_3"), now_s=0) is not None
