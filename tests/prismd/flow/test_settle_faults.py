"""A fault of ours behind a settlement neither takes a client's answer nor keeps its money held."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from prismd.flow.settle import retry_unsettled
from prismd.gateway import Gateway
from prismd.store.db import Tx
from prismd.store.faults import StorageLocked
from prismd.store.idempotency import KeptAnswers
from tests.in_process import client_of, running_gateway

CALL = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
CREDITS = 5_000_000_000


class Key:
    """A prepaid key, and its books."""

    def __init__(self, gateway: Gateway, client: httpx2.AsyncClient, made: dict[str, Any]) -> None:
        self.gateway = gateway
        self._client = client
        self._id = made["id"]
        self._headers = {"authorization": f"Bearer {made['key']}"}

    async def call(self, **more: Any) -> httpx2.Response:
        headers = {**self._headers, **more.pop("headers", {})}
        async with asyncio.timeout(20):
            return await self._client.post(
                "/v1/chat/completions", json={**CALL, **more}, headers=headers
            )

    async def books(self) -> tuple[int, int]:
        """Return what is spent and what is held; memory and disk agree about it."""
        rows = await self.gateway.stores.state.rows(
            "SELECT posted_nano_usd, held_nano_usd FROM accounts"
            " WHERE key_id = :id AND kind = 'credit'",
            {"id": self._id},
        )
        mine = self.gateway.reserve.credits(self._id)
        found = [(row["posted_nano_usd"], row["held_nano_usd"]) for row in rows]
        assert found == [(mine.posted, mine.held)]
        return CREDITS - mine.posted, mine.held

    async def held_rows(self) -> int:
        return len(await self.gateway.stores.state.rows("SELECT * FROM holds", {}))


@pytest.fixture
async def key(tmp_path: Path) -> AsyncIterator[Key]:
    async with running_gateway(tmp_path) as gateway:
        token = gateway.data_dir.admin_token()
        assert token is not None
        async with client_of(gateway, token.reveal()) as client:
            made = await client.post("/-/keys", json={"name": "k", "credits": 5})
            assert made.status_code == 201, made.text
            yield Key(gateway, client, made.json())


def _fails(*_: object, **__: object) -> Any:
    msg = "a fault of ours"
    raise RuntimeError(msg)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    "who", ["recorder.add", "bus.publish_about", "note_use", "stores.traces.add"]
)
async def test_who_only_watches_takes_neither_the_answer_nor_the_money(
    key: Key,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    who: str,
    *,
    is_stream: bool,
) -> None:
    *path, name = who.split(".")
    owner: Any = key.gateway
    for step in path:
        owner = getattr(owner, step)
    monkeypatch.setattr(type(owner), name, _fails)
    answers = await asyncio.gather(*(key.call(stream=is_stream) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert all(answer.text.rstrip().endswith("[DONE]") == is_stream for answer in answers)
    refused = await key.call(model="nobody/knows-it")
    assert refused.status_code == 404
    spent, held = await key.books()
    assert spent > 0
    assert held == 0
    assert await key.held_rows() == 0
    assert "a fault of ours" in caplog.text


async def test_a_viewer_whose_filter_fails_takes_neither_an_answer_nor_a_refusal(
    key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    bus = key.gateway.bus
    failing, other = bus.watch(("call", "guard"), _fails), bus.watch(("call", "guard"))
    assert (await key.call()).status_code == 200
    refused = await key.call(max_tokens=10**9)
    assert refused.json()["error"]["code"] == "insufficient_credits"
    topics = [event.topic for event, _ in await other.take(9)]
    assert topics == ["call", "call", "guard"]
    assert (await key.books())[1] == 0
    bus.unwatch(failing)
    assert caplog.text.count("its filter fails") == 1


async def test_an_answer_that_cannot_be_kept_does_not_keep_the_money_held(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeptAnswers, "keep", _fails)
    answer = await key.call(headers={"idempotency-key": "once"})
    assert answer.status_code == 500
    assert await key.held_rows() == 1
    await retry_unsettled(key.gateway)
    spent, held = await key.books()
    assert spent > 0
    assert held == 0
    assert await key.held_rows() == 0
    again = await key.call(headers={"idempotency-key": "once"})
    assert again.json()["error"]["code"] == "idempotency_outcome_unknown"
    assert key.gateway.unsettled == []


async def test_a_retry_that_is_cut_leaves_the_others_to_the_next(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_locked(_: Tx, *__: object) -> None:
        raise StorageLocked("state.db")

    with monkeypatch.context() as locked:
        locked.setattr("prismd.store.booking._book", is_locked)
        locked.setattr("prismd.store.ledger.settle", is_locked)
        answers = await asyncio.gather(*(key.call() for _ in range(5)))
    assert [answer.status_code for answer in answers] == [503] * 5
    assert len(key.gateway.unsettled) == 5
    cut = asyncio.create_task(retry_unsettled(key.gateway))
    await asyncio.sleep(0)
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    assert len(key.gateway.unsettled) == 4
    await retry_unsettled(key.gateway)
    spent, held = await key.books()
    assert spent % 5 == 0 < spent
    assert held == 0
    assert await key.held_rows() == 0
