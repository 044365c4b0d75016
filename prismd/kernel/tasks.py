"""Background tasks: the only place that creates one. Every task has a name and an owner."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar, cast

from prismd.kernel.errors import Overloaded

log = logging.getLogger("prism.tasks")
T = TypeVar("T")

_GRAIN_S = 0.02
"""How late a deadline may be: those within it share a timer."""


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

    def every(self, period_s: float, work: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Call ``work`` each ``period_s`` until ``stop()``, whatever becomes of a turn."""
        self.spawn(_every(period_s, work, name), name=name)

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


async def _every(period_s: float, work: Callable[[], Awaitable[None]], name: str) -> None:
    """Do it; what the storage does not take for now is no fault, all else is."""
    while True:
        await asyncio.sleep(period_s)
        try:
            await work()
        except Overloaded as error:
            log.warning("periodic work %s waits for its next turn: %s", name, error)
        except Exception:
            log.exception("periodic work %s failed", name)


async def finish(work: Awaitable[T]) -> T:
    """Await ``work`` to its end even if the caller is cancelled; then let the cancel through."""
    task = asyncio.ensure_future(work)  # noqa: TID251  # the one place
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class _Alarms:
    """The deadlines of one loop that have not passed, by the moment in which they are looked at.

    Those of a moment share one timer. Most end long before: a timer each would cost more than all
    else that a deadline does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._by_moment: dict[int, set[Deadline]] = {}

    def add(self, deadline: "Deadline", after_s: float) -> int:
        """Have a deadline cut not before its time, and at most ``_GRAIN_S`` later."""
        moment = math.ceil((self.loop.time() + after_s) / _GRAIN_S)
        due = self._by_moment.get(moment)
        if due is None:
            due = self._by_moment[moment] = set()
            self.loop.call_at(moment * _GRAIN_S, self._ring, moment)
        due.add(deadline)
        return moment

    def remove(self, deadline: "Deadline", moment: int) -> None:
        """Forget a deadline whose work has ended."""
        if (due := self._by_moment.get(moment)) is not None:
            due.discard(deadline)

    def _ring(self, moment: int) -> None:
        for deadline in self._by_moment.pop(moment):
            deadline.cut()


class Deadline:
    """Cut what runs in the block when its time is over: ``with Deadline(s): await …``.

    Raises TimeoutError then, as ``asyncio.timeout`` does, up to ``_GRAIN_S`` late. It costs a tenth
    of that, and cannot be moved. What is cancelled by somebody else stays cancelled.
    """

    __slots__ = ("_alarms", "_cancelled_before", "_is_over", "_moment", "_seconds", "_task")

    _latest = _Alarms(cast("asyncio.AbstractEventLoop", None))
    """Those of the loop that was seen last: a process has one that matters."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101  # there is nothing else to cut
        self._task = task
        self._cancelled_before = task.cancelling()
        alarms = Deadline._latest
        if alarms.loop is not loop:
            alarms = Deadline._latest = _Alarms(loop)
        self._alarms = alarms
        self._moment = alarms.add(self, max(0.0, self._seconds))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if not self._is_over:
            self._alarms.remove(self, self._moment)
            return
        is_ours = self._task.uncancel() <= self._cancelled_before
        if is_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def cut(self) -> None:
        """Cancel the block: its time is over."""
        self._is_over = True
        self._task.cancel()
