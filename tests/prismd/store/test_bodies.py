"""Bodies come back as they went in, are sealed to their call, and never wait without bound."""

import logging

import pytest

from prismd.store import bodies as table
from prismd.store.bodies import BodyLog
from prismd.store.db import Tx
from prismd.store.stores import Stores
from prismd.wire.bodies import MAX_BODY_BYTES, Bodies

PEPPER = b"p" * 32
SAID = Bodies(request=b'{"a": 1}', response=b"\xffanswer", is_response_cut=True)


@pytest.fixture
def kept(stores: Stores) -> BodyLog:
    return BodyLog(stores.traffic, PEPPER)


async def test_they_come_back_as_they_went_in(kept: BodyLog) -> None:
    kept.add("req_1", 1_000.5, SAID)
    kept.add("req_2", 1_000.5, Bodies(request=b"", response=None))
    assert await kept.get("req_1") == SAID
    assert await kept.get("req_2") == Bodies(request=b"", response=None)
    assert await kept.get("req_3") is None
    assert await kept.known(["req_1", "req_3", "req_2"]) == {"req_1", "req_2"}
    assert await kept.known([]) == set()


async def test_another_key_or_another_call_does_not_open_them(
    stores: Stores, kept: BodyLog, caplog: pytest.LogCaptureFixture
) -> None:
    kept.add("req_1", 1_000.5, SAID)
    assert await kept.get("req_1") == SAID
    assert await BodyLog(stores.traffic, b"q" * 32).get("req_1") is None

    def move(tx: Tx) -> None:
        tx.execute("UPDATE bodies SET request_id = :new", {"new": "req_2"})

    await stores.traffic.write(move)
    with caplog.at_level(logging.ERROR):
        assert await kept.get("req_2") is None
    assert "req_2" in caplog.text


async def test_what_is_old_is_deleted(stores: Stores, kept: BodyLog) -> None:
    for n in range(10):
        kept.add(f"req_{n}", 1_000.0 + n, SAID)
    assert await stores.traffic.write(lambda tx: table.prune(tx, 1_004)) == 4
    assert await kept.get("req_3") is None
    assert await kept.get("req_4") == SAID


async def test_what_finds_no_room_is_dropped_and_the_next_is_kept(
    kept: BodyLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(table, "MAX_WAITING_BYTES", 2 * SAID.size_bytes)
    with caplog.at_level(logging.WARNING):
        for n in range(3):
            kept.add(f"req_{n}", 1_000.5, SAID)
    assert "req_2 are dropped" in caplog.text
    assert await kept.get("req_1") == SAID
    assert await kept.get("req_2") is None
    kept.add("req_3", 1_000.5, SAID)
    assert await kept.get("req_3") == SAID


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_no_more_than_so_much_is_kept(more: int) -> None:
    long = b"x" * (MAX_BODY_BYTES + more)
    cut = Bodies.cut(long, long)
    assert len(cut.request) == len(cut.response or b"") == min(len(long), MAX_BODY_BYTES)
    assert cut.is_request_cut is cut.is_response_cut is (more > 0)
    assert Bodies.cut(b"", None) == Bodies(request=b"", response=None)
    assert Bodies.cut(b"", b"").response == b""
