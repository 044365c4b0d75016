"""What leaves when: the heartbeat, what leaves together, the end of the feed."""

import asyncio

import pytest

from prismd.endpoints.admin import events
from prismd.endpoints.admin.events import MAX_TOGETHER, follow
from prismd.kernel.bus import Bus


@pytest.fixture
def bus() -> Bus:
    return Bus(lambda: 5.0, node="here")


async def test_silence_is_broken(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert events.HEARTBEAT_S == 15
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.01)
    feed = follow(bus.watch(("key",)), "here")
    assert [await anext(feed) for _ in range(3)] == [
        b": prism event feed\n\n",
        b": \n\n",
        b": \n\n",
    ]
    bus.publish("key", {"number": 1})
    assert b'"number":1}\n\n' in await anext(feed)
    assert await anext(feed) == b": \n\n"


async def test_what_is_there_leaves_together_and_the_rest_at_once_after_it(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAUSE_S", 3_600.0)
    feed = follow(bus.watch(("key",)), "here")
    await anext(feed)
    for _ in range(MAX_TOGETHER + 3):
        bus.publish("key", {})
    async with asyncio.timeout(5):
        chunks = [await anext(feed), await anext(feed)]
    assert [chunk.count(b"event: key\n") for chunk in chunks] == [MAX_TOGETHER, 3]


async def test_a_gap_comes_before_what_is_left(bus: Bus) -> None:
    bus.publish("key", {"number": 0})
    viewer = bus.watch(("key",), after_seq=0)
    for number in range(2_000):
        bus.publish("key", {"number": number})
    feed = follow(viewer, "here")
    await anext(feed)
    gap, first, *_ = (await anext(feed)).split(b"\n\n")
    assert gap.startswith(b"event: gap\ndata: {")
    assert b'"node":"here","missed":1000,"reason":"slow"}' in gap
    assert b'"number":999}' in first


async def test_what_is_queued_leaves_before_the_feed_ends(bus: Bus) -> None:
    viewer = bus.watch(("node",))
    bus.publish("node", {"action": "draining"})
    bus.close()
    opened, last = [chunk async for chunk in follow(viewer, "here")]
    assert opened == b": prism event feed\n\n"
    assert b"draining" in last


def _tell(number: int) -> dict[str, object]:
    return {"number": 1 // (number - 1) if number else object()}


@pytest.mark.parametrize("is_late", [False, True])
async def test_an_event_that_cannot_be_told_is_left_out(
    bus: Bus, caplog: pytest.LogCaptureFixture, *, is_late: bool
) -> None:
    """Who watches goes on, and so does who comes back to what is kept."""
    viewer = bus.watch(("call",))
    for number in range(4):
        bus.publish_about("call", 8.0, number, _tell)
    if is_late:
        viewer = bus.watch(("call",), after_seq=bus._first)
    bus.close()
    sent = b"".join([part async for part in follow(viewer, "here")]).replace(b',"left_out":0', b"")
    assert sent.count(b"event: call") == 2
    assert b'"number":1}' in sent
    assert b'"number":0}' in sent
    assert caplog.text.count("cannot be told") == 2
