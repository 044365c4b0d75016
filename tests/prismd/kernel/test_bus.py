import asyncio

from prismd.kernel.bus import KEPT_PER_S, RING_EVENTS, VIEWER_EVENTS, Bus, Event


def everything(_: Event) -> bool:
    return True


async def test_a_viewer_gets_what_it_wants_in_order() -> None:
    bus = Bus(lambda: 5.0)
    viewer = bus.watch(lambda event: event.topic == "call")
    for number in range(3):
        bus.publish("call", {"number": number})
        bus.publish("tick", {})
    events = [await viewer.next() for _ in range(3)]
    assert [event.body["number"] for event in events if event] == [0, 1, 2]


async def test_a_slow_viewer_loses_the_oldest_and_is_told_how_many() -> None:
    bus = Bus(lambda: 0.0)
    viewer = bus.watch(everything)
    for number in range(VIEWER_EVENTS + 7):
        bus.publish("call", {"number": number})
    first = await viewer.next()
    assert first is not None
    assert first.body["number"] == 7
    assert viewer.take_missed() == 7
    assert viewer.take_missed() == 0


async def test_resuming_replays_what_the_ring_still_holds() -> None:
    bus = Bus(lambda: 0.0)
    for _ in range(5):
        bus.publish("call", {})
    viewer = bus.watch(everything, after_seq=3)
    seqs = [event.seq for event in [await viewer.next(), await viewer.next()] if event]
    assert seqs == [4, 5]
    assert viewer.take_missed() == 0


async def test_resuming_from_before_the_ring_tells_what_is_lost() -> None:
    bus = Bus(lambda: 0.0)
    for _ in range(RING_EVENTS + 10):
        bus.publish("call", {})
    viewer = bus.watch(lambda event: event.seq > RING_EVENTS + 9, after_seq=4)
    assert viewer.take_missed() == 6


async def test_of_what_happens_often_viewers_get_all_and_the_ring_keeps_some() -> None:
    bus = Bus(lambda: 0.0)
    bus.publish("key", {"number": 0})
    viewer = bus.watch(everything)
    for number in range(KEPT_PER_S + 7):
        bus.publish_about("call", 8.5, number, lambda number: {"number": number})
    bus.publish_about("call", 9.0, -1, lambda number: {"number": number})
    seen = [await viewer.next() for _ in range(KEPT_PER_S + 8)]
    assert [event.body["number"] for event in seen if event] == [*range(KEPT_PER_S + 7), -1]
    late = bus.watch(everything, after_seq=0)
    assert late.take_missed() == 7
    kept = [await late.next() for _ in range(1 + KEPT_PER_S + 1)]
    assert [event.body["number"] for event in kept if event] == [0, *range(KEPT_PER_S), -1]


async def test_closing_ends_a_waiting_viewer() -> None:
    bus = Bus(lambda: 0.0)
    viewer = bus.watch(everything)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(viewer.next())
        await asyncio.sleep(0)
        bus.close()
    assert waiting.result() is None
    bus.unwatch(viewer)
    assert not bus.has_viewers
