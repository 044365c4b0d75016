"""Read a provider's answer to its end although the client has left (``on_disconnect: drain``).

Some providers bill all of an answer even if its connection is cut; only the end of it says how
much that is. A few answers at a time are read on, for a while, with nobody listening.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from prismd.kernel.tasks import TaskSet

DRAIN_S = 30.0
_AHEAD = 64
"""Pieces that are read before somebody takes them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Drain:
    """Where answers are read on: tasks of the process, so many at a time."""

    tasks: TaskSet
    slots: asyncio.Semaphore

    @property
    def has_room(self) -> bool:
        """Say whether one more can be read on."""
        return not self.slots.locked()


class Outlived(asyncio.CancelledError):
    """The caller is cancelled, but what it waited for goes on and will be seen to."""


class Pump:
    """Chunks that are read by a task of their own, so that who waits for one may be cancelled."""

    def __init__(self, chunks: AsyncIterator[bytes], tasks: TaskSet) -> None:
        self._chunks = chunks
        self._queue: asyncio.Queue[bytes | BaseException] = asyncio.Queue(_AHEAD)
        self._task = tasks.spawn(self._run(), name="pump")

    async def _run(self) -> None:
        try:
            async for chunk in self._chunks:
                await self._queue.put(chunk)
        except Exception as error:  # noqa: BLE001  # who takes the chunks is told
            await self._queue.put(error)
        else:
            await self._queue.put(StopAsyncIteration())

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the chunks; raises what reading them raised."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next chunk."""
        chunk = await self._queue.get()
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def stop(self) -> None:
        """Stop reading."""
        self._task.cancel()


async def outlive(
    work: Awaitable[T], drain: Drain, *, after: Callable[[asyncio.Future[T]], Awaitable[None]]
) -> T:
    """Await ``work``; if the caller is cancelled meanwhile, it goes on and ``after`` gets it.

    ``after`` is given the work, done or cancelled because its time ran out.

    Raises:
        Outlived: the caller was cancelled, and ``after`` will be called.
    """
    running = asyncio.ensure_future(work)  # noqa: TID251  # owned below, whatever happens

    async def see_to_it() -> None:
        try:
            async with drain.slots:
                await asyncio.wait([running], timeout=DRAIN_S)
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait([running])
            await after(running)

    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if running.cancelled():
            raise
        drain.tasks.spawn(see_to_it(), name="drain")
        raise Outlived from None
