"""Several calls that a client made as one: the prompts of a text completion, one call each.

Each walks the corridor by itself, with its own hold, usage row and trace. The client gets one
answer; if one of them fails before the first byte, the others are cut and none is answered.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TypeAlias

from prismd.dialects.completions.merge import Renumbering, merged, summed, usage_event
from prismd.flow.reply import Reply, Streaming
from prismd.flow.serve import serve
from prismd.gateway import Gateway
from prismd.kernel import sse
from prismd.snapshot import Snapshot
from prismd.wire.call import Call

MAX_AT_ONCE = 8
"""Prompts of one request that are answered at a time."""
_TOLD_ONCE = ("x-prism-cost", "x-prism-latency-ms")

_Got: TypeAlias = bytes | Exception | None
"""Events of one of several streams, what broke it, or its end."""


async def serve_many(
    gateway: Gateway, snap: Snapshot, calls: Sequence[Call], *, choices_each: int
) -> Reply:
    """Answer calls that differ in their prompt; raises what the first of them to fail raises.

    Args:
        gateway: The gateway.
        snap: The configuration in force.
        calls: One per prompt.
        choices_each: How many answers are wanted to each.
    """
    each = choices_each
    if calls[0].request.is_stream:
        replies = await _all(gateway, snap, calls, at_once=len(calls))
        streams = [reply.stream for reply in replies if reply.stream is not None]
        parts = [Renumbering(first_choice=at * each) for at in range(len(streams))]
        stream = _Merged(streams, parts, gateway, wants_usage=calls[0].wants_usage)
        return Reply(_headers(replies), stream=stream)
    replies = await _all(gateway, snap, calls, at_once=MAX_AT_ONCE)
    bodies = [reply.body or b"" for reply in replies]
    return Reply(_headers(replies), body=merged(bodies, choices_each=each))


async def _all(
    gateway: Gateway, snap: Snapshot, calls: Sequence[Call], *, at_once: int
) -> list[Reply]:
    slots = asyncio.Semaphore(at_once)
    replies: dict[int, Reply] = {}

    async def one(at: int, call: Call) -> None:
        async with slots:
            replies[at] = await serve(gateway, snap, call)

    try:
        async with asyncio.TaskGroup() as group:
            for at, call in enumerate(calls):
                group.create_task(one(at, call))
    except BaseException as error:
        for reply in replies.values():
            if reply.stream is not None:
                await reply.stream.aclose()
        if isinstance(error, BaseExceptionGroup):
            raise error.exceptions[0] from None
        raise
    return [replies[at] for at in range(len(calls))]


def _headers(replies: Sequence[Reply]) -> dict[str, str]:
    """Return the headers of the first, but for what is of it alone."""
    return {n: text for n, text in replies[0].headers.items() if n not in _TOLD_ONCE}


class _Merged:
    """Streams as one (the port ``Streaming``): events as they come, one end for all."""

    def __init__(
        self,
        streams: Sequence[Streaming],
        parts: Sequence[Renumbering],
        gateway: Gateway,
        *,
        wants_usage: bool,
    ) -> None:
        self.headers = streams[0].headers
        self._streams = streams
        self._parts = parts
        self._tasks = gateway.tasks
        self._wants_usage = wants_usage
        self._pumps: list[asyncio.Task[None]] = []
        self._events = self._run()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the events that the client receives."""
        return self._events

    async def aclose(self) -> None:
        """Close every stream, which settles its call."""
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self._events.aclose()
        for stream in self._streams:
            await stream.aclose()

    async def _run(self) -> AsyncGenerator[bytes, None]:
        queue: asyncio.Queue[_Got] = asyncio.Queue(1)  # the slowest client sets the pace
        for at in range(len(self._streams)):
            self._pumps.append(self._tasks.spawn(self._pump(at, queue), name="merge"))
        running = len(self._streams)
        while running:
            got = await queue.get()
            if isinstance(got, Exception):
                raise got
            if got is None:
                running -= 1
            else:
                yield got
            if any(part.has_failed for part in self._parts):
                return
        usage = summed([part.usage for part in self._parts])
        if self._wants_usage and usage is not None:
            yield usage_event(self._parts[0].head, usage)
        yield sse.encode(sse.DONE)

    async def _pump(self, at: int, queue: asyncio.Queue[_Got]) -> None:
        part = self._parts[at]
        try:
            async for events in self._streams[at]:
                if out := b"".join(part.feed(events)):
                    await queue.put(out)
        except Exception as error:  # noqa: BLE001  # who waits for this raises it
            await queue.put(error)
        else:
            await queue.put(None)
