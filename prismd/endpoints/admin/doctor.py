"""``GET /-/doctor``: what an operator should look after, each with what to do about it.

The checks are in ``checks/``. They look and change nothing; only with ``probe=true`` is anybody
else asked: each provider for its models, which costs nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from email.utils import formatdate
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from prismd.endpoints import deps
from prismd.endpoints.admin.checks import money, process, providers, settings, storage
from prismd.endpoints.admin.checks.check import Check, failed
from prismd.endpoints.replies import json_reply
from prismd.gateway import Gateway
from prismd.kernel import clock

room = APIRouter(tags=["doctor"], dependencies=[Depends(deps.admin)])

Look = Callable[[Gateway], Iterator[Check]]
Ask = Callable[[Gateway], Awaitable[Check]]

LOOKS: tuple[Look, ...] = (
    storage.ready,
    storage.queue,
    money.settled,
    money.keys,
    money.budgets,
    money.prices,
    providers.health,
    providers.ways,
    settings.in_force,
    settings.admin_port,
    settings.bodies,
    process.open_files,
    process.viewers,
)
"""In the event loop: they look at what only it may look at."""
BLOCKING: tuple[Look, ...] = (
    storage.files,
    storage.backups,
    settings.drift,
    settings.certificate,
    settings.secrets,
    process.dependencies,
)
"""In a thread: they read files."""
ASKS: tuple[Ask, ...] = (storage.the_clock, money.balance, money.holds)
"""They ask the database."""

log = logging.getLogger("prism.doctor")


class Doctor(BaseModel):
    """All checks; a warning is no failure."""

    object: Literal["doctor"]
    is_well: bool
    checks: list[Check]


@room.get("/-/doctor", response_model=Doctor)
async def examine(
    gateway: deps.TheGateway,
    *,
    probe: Annotated[bool, Query(description="also ask each provider for its models")] = False,
) -> Response:
    """Look at storage, money, keys, budgets, prices, providers, configuration and this process."""
    checks = [check for look in LOOKS for check in _seen(look, gateway)]
    checks += [await _asked(ask, gateway) for ask in ASKS]
    for look in BLOCKING:
        checks += await asyncio.to_thread(_seen, look, gateway)
    if probe:
        checks += await providers.probes(gateway)
    is_well = all(check.state != "failed" for check in checks)
    views = [check.model_dump() for check in checks]
    return json_reply(
        {"object": "doctor", "is_well": is_well, "checks": views},
        # The client compares its own clock with this one.
        headers={"date": formatdate(clock.wall_s(), usegmt=True)},
    )


def _seen(look: Look, gateway: Gateway) -> list[Check]:
    try:
        return list(look(gateway))
    except Exception as error:  # noqa: BLE001  # the others are of use all the same
        return [_unseen(look.__name__, error)]


async def _asked(ask: Ask, gateway: Gateway) -> Check:
    try:
        return await ask(gateway)
    except Exception as error:  # noqa: BLE001  # the others are of use all the same
        return _unseen(ask.__name__, error)


def _unseen(name: str, error: Exception) -> Check:
    """Say that a check could not be made: that is not well either."""
    # What the system refuses is no fault of ours, and says itself where it was.
    trace = None if isinstance(error, OSError) else error
    log.warning("the check '%s' cannot be made: %s", name, error, exc_info=trace)
    told = f"it could not be looked at: {type(error).__name__}"
    return failed(name, told, "look into the log of prismd")
