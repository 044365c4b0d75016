"""Run an async test on asyncio's own loop and on uvloop, which differ where sockets end."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

AsyncTest = Callable[..., Coroutine[Any, Any, None]]
Test = Callable[..., None]

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def on_both_loops(test: AsyncTest) -> Test:
    """Make a test of each loop; further marks go above this one."""

    def run(new_loop: Callable[[], asyncio.AbstractEventLoop], **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(test(**arguments))

    signature = inspect.signature(test)
    loop = inspect.Parameter("new_loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [loop, *signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    made: Test = pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)(run)
    return made
