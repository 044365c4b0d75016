"""Background tasks: the only place that creates one. Every task has a name and an owner."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

log = logging.getLogger("prism.tasks")
T = TypeVar("T")


class TaskSet:
    """Owns tasks; ``stop()`` cancels and awaits them. A task that dies is logged, never silent."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, coro: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
        """Start a task owned by this set."""
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background task %s died", task.get_name(), exc_info=error)

    async def stop(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def every(period_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Call ``work`` each ``period_s`` for ever; an exception is logged and the beat goes on."""
    while True:
        await asyncio.sleep(period_s)
        try:
            await work()
        except Exception:
            log.exception("periodic work %s failed", getattr(work, "__qualname__", work))


async def finish(work: Awaitable[T]) -> T:
    """Await ``work`` to its end even if the caller is cancelled; then let the cancel through."""
    task = asyncio.ensure_future(work)  # noqa: TID251  # the one place
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Deadline:
    """Cut what runs in the block when its time is over: ``with Deadline(s): await …``.

    Raises TimeoutError then, as ``asyncio.timeout`` does. It costs a fifth of that, and cannot be
    moved. What is cancelled by somebody else stays cancelled.
    """

    __slots__ = ("_cancelled_before", "_is_over", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # there is nothing else to cut
        self._task = task
        self._cancelled_before = task.cancelling()
        self._timer = task.get_loop().call_later(max(0.0, self._seconds), self._cut)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._timer.cancel()
        if not self._is_over:
            return
        is_ours = self._task.uncancel() <= self._cancelled_before
        if is_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _cut(self) -> None:
        self._is_over = True
        self._task.cancel()
