import asyncio

import pytest

from prismd.kernel.errors import Overloaded
from prismd.kernel.tasks import TaskSet, finish


async def test_stop_cancels_what_runs() -> None:
    tasks = TaskSet()
    ended = asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks.spawn(forever(), name="forever")
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended.is_set()


async def test_a_task_that_dies_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tasks = TaskSet()

    async def die() -> None:
        raise ValueError("boom")

    await asyncio.wait([tasks.spawn(die(), name="dying")])
    assert "background task dying died" in caplog.text


async def test_periodic_work_that_fails_goes_on_and_storage_is_told_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = [Overloaded("The disk is full."), ValueError("boom")]
    is_over = asyncio.Event()

    async def work() -> None:
        if errors:
            raise errors.pop(0)
        is_over.set()

    tasks = TaskSet()
    tasks.every(0, work, name="save-use")
    await is_over.wait()
    await tasks.stop()
    full, fault = caplog.records
    assert (full.levelname, full.exc_info) == ("WARNING", None)
    assert full.getMessage() == (
        "periodic work save-use waits for its next turn: The disk is full."
    )
    assert (fault.levelname, fault.getMessage()) == ("ERROR", "periodic work save-use failed")
    assert fault.exc_info is not None


async def test_finish_runs_to_the_end_although_its_caller_is_cancelled() -> None:
    steps: list[str] = []
    go_on = asyncio.Event()

    async def work() -> None:
        steps.append("begun")
        await go_on.wait()
        steps.append("ended")

    async def caller() -> None:
        await finish(work())

    task = asyncio.create_task(caller())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["begun", "ended"]
