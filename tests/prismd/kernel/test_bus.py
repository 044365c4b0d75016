import asyncio
import json
from typing import cast

import pytest

from prismd.kernel.bus import CALL_RING_EVENTS, KEPT_PER_S, RING_EVENTS, Bus
from prismd.kernel.viewer import VIEWER_EVENTS, Viewer

CALLS = ("call",)


def call(bus: Bus, number: int, at_s: float = 8.5) -> None:
    bus.publish_about("call", at_s, number, lambda number: {"number": number})


async def numbers(viewer: Viewer, count: int) -> list[object]:
    return [event.body["number"] for event, _ in await viewer.take(count)]


async def test_a_viewer_gets_what_it_wants_in_order() -> None:
    bus = Bus(lambda: 5.0)
    viewer = bus.watch(("key", "job"), lambda _, about: about != {"number": 1})
    for number in range(4):
        bus.publish("job" if number == 3 else "key", {"number": number})
        bus.publish("budget", {})
    assert await numbers(viewer, 2) == [0, 2]
    assert await numbers(viewer, 9) == [3]


async def test_a_filter_that_fails_breaks_neither_who_publishes_nor_another_viewer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails_at_odd(_: str, about: object) -> bool:
        return 1 // (1 - cast("int", about) % 2) == 1

    bus = Bus(lambda: 8.0)
    viewers = [bus.watch(CALLS), bus.watch(CALLS, fails_at_odd), bus.watch(CALLS)]
    for number in range(4):
        call(bus, number)
    assert [await numbers(viewer, 9) for viewer in viewers] == [[0, 1, 2, 3], [0, 2], [0, 1, 2, 3]]
    assert caplog.text.count("its filter fails") == 1
    late = bus.watch(CALLS, fails_at_odd, after_seq=bus._first)
    assert await numbers(late, 9) == [0, 2]


async def test_a_body_is_made_once_however_many_watch() -> None:
    bus, made = Bus(lambda: 5.0, node="here"), []

    def tell(about: str) -> dict[str, object]:
        made.append(about)
        return {"said": about}

    viewers = [bus.watch(CALLS) for _ in range(3)]
    bus.publish_about("call", 5.25, "\u202e\x1b]0;", tell)
    events = [(await viewer.take(1))[0][0] for viewer in viewers]
    bodies = [json.loads(event.json + b"}") for event in events]
    assert len(made) == 1
    assert bodies == [
        {"type": "call", "id": events[0].seq, "ts_s": 5.25, "node": "here", "said": made[0]}
    ] * len(viewers)


async def test_a_slow_viewer_loses_the_oldest_and_is_told_how_many() -> None:
    bus = Bus(lambda: 0.0)
    viewer = bus.watch(CALLS)
    for number in range(VIEWER_EVENTS + 7):
        call(bus, number)
    assert viewer.take_missed() == {"slow": 7}
    assert await numbers(viewer, 1) == [7]
    assert viewer.take_missed() == {}


async def test_what_a_slow_viewer_loses_of_a_sample_is_told_as_left_out() -> None:
    bus = Bus(lambda: 0.0)
    viewer = bus.watch(CALLS, per_s=VIEWER_EVENTS)
    for number in range(VIEWER_EVENTS + 5):
        call(bus, number)
    for number in range(2):
        call(bus, number, at_s=10.0)
    *_, (_, first), (_, second) = await viewer.take(VIEWER_EVENTS)
    assert viewer.take_missed() == {"slow": 2}
    assert (first, second) == (5, 0)


async def test_resuming_replays_what_is_kept_of_all_topics_in_order() -> None:
    bus = Bus(lambda: 0.0)
    for number in range(6):
        if number % 2:
            call(bus, number)
        else:
            bus.publish("key", {"number": number})
    first = bus.watch(("key", "call"), after_seq=0)
    seqs = [event.seq for event, _ in await first.take(9)]
    viewer = bus.watch(("key", "call"), after_seq=seqs[1])
    assert await numbers(viewer, 9) == [2, 3, 4, 5]
    assert viewer.take_missed() == first.take_missed() == {}


async def test_what_is_rare_is_not_pushed_out_by_what_is_not() -> None:
    bus = Bus(lambda: 0.0)
    bus.publish("key", {"number": -1})
    for number in range(CALL_RING_EVENTS + 10):
        call(bus, number, at_s=number)
        bus.publish("tick", {}, is_kept=False)
    keys = bus.watch(("key", "tick"), after_seq=0)
    assert await numbers(keys, 9) == [-1]
    assert keys.take_missed() == {}
    calls = bus.watch(CALLS, after_seq=0)
    assert calls.take_missed() == {"resumed": 10}
    assert (await numbers(calls, CALL_RING_EVENTS + 9))[0] == 10


async def test_what_is_lost_of_a_topic_is_told_to_those_who_come_back_for_it() -> None:
    bus = Bus(lambda: 0.0)
    for number in range(RING_EVENTS + 3):
        bus.publish("key", {"number": number})
    last = bus.watch(("key",), after_seq=0)
    assert last.take_missed() == {"resumed": 3}
    kept = [event.seq for event, _ in await last.take(RING_EVENTS)]
    assert bus.watch(("key",), after_seq=kept[0] - 2).take_missed() == {"resumed": 1}
    assert bus.watch(("key",), after_seq=kept[0] - 1).take_missed() == {}


async def test_of_what_happens_often_viewers_get_all_and_the_ring_keeps_some() -> None:
    bus = Bus(lambda: 0.0)
    viewer = bus.watch(CALLS)
    for number in range(KEPT_PER_S + 7):
        call(bus, number)
    call(bus, -1, at_s=9.0)
    assert await numbers(viewer, 999) == [*range(KEPT_PER_S + 7), -1]
    late = bus.watch(CALLS, after_seq=0)
    assert late.take_missed() == {"resumed": 7}
    assert await numbers(late, 999) == [*range(KEPT_PER_S), -1]


async def test_an_id_of_the_process_before_is_before_all_of_this_one() -> None:
    before, now = Bus(lambda: 100.0), Bus(lambda: 101.0)
    for number in range(1_000):
        call(before, number)
    watching = before.watch(("key",))
    before.publish("key", {"number": 0})
    ((seen, _),) = await watching.take(1)
    now.publish("key", {"number": 1})
    for after_seq in (seen.seq, 0, 10**17):
        assert await numbers(now.watch(("key",), after_seq=after_seq), 9) == [1]


async def test_closing_ends_a_waiting_viewer() -> None:
    bus = Bus(lambda: 0.0)
    viewer = bus.watch(CALLS)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(viewer.take(1))
        await asyncio.sleep(0)
        bus.close()
    assert waiting.result() == []
    bus.unwatch(viewer)
    assert not bus.viewer_count
    assert not bus.is_watched("call")
