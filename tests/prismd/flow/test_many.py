"""Streams that are one to the client: what breaks one of them ends all, and nobody waits on."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest

from prismd.dialects.completions.merge import Renumbering
from prismd.flow.many import _Merged
from prismd.gateway import Gateway
from prismd.kernel.tasks import TaskSet

EVENT = b'data: {"choices":[{"index":0,"text":"a"}]}\n\n'


class Stream:
    """A stream of one event (the port ``Streaming``), which may break then."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.is_closed = False
        self.headers = {"content-type": "text/event-stream"}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield EVENT
        if self.fault is not None:
            raise self.fault

    async def aclose(self) -> None:
        self.is_closed = True


def merged(*streams: Stream) -> _Merged:
    parts = [Renumbering(first_choice=at) for at in range(len(streams))]
    gateway = cast("Gateway", SimpleNamespace(tasks=TaskSet()))
    return _Merged(streams, parts, gateway, wants_usage=False)


async def read(stream: _Merged) -> list[bytes]:
    try:
        async with asyncio.timeout(5):
            return [event async for event in stream]
    finally:
        await stream.aclose()


async def test_all_come_and_there_is_one_end() -> None:
    events = await read(merged(Stream(), Stream()))
    assert len(events) == 3
    assert events[-1] == b"data: [DONE]\n\n"


async def test_a_fault_of_ours_in_one_of_them_ends_all() -> None:
    streams = (Stream(), Stream(RuntimeError("ours")))
    with pytest.raises(RuntimeError, match="ours"):
        await read(merged(*streams))
    assert all(stream.is_closed for stream in streams)
