"""``GET /-/doctor``: what an operator should look after, each with what to do about it."""

import asyncio
import shutil
from collections.abc import Iterator
from email.utils import formatdate
from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from prismd.endpoints import deps
from prismd.endpoints.replies import json_reply
from prismd.gateway import Gateway
from prismd.kernel import clock, descriptors
from prismd.store import backup
from prismd.store.sqlite import FIXED_VERSION, HAS_WAL_RESET_BUG, SQLITE_VERSION

room = APIRouter(tags=["doctor"], dependencies=[Depends(deps.admin)])

BACKUP_DAYS = 7
FREE_BYTES = 1 << 30
NAMED = 5
"""Models that are named; of more, how many there are."""
MANY_OPEN = 0.8
"""Part of the descriptors that may be in use before it is worth a word."""

State = Literal["ok", "warning", "failed"]


class Check(BaseModel):
    """One thing that was looked at."""

    id: str
    state: State
    message: str
    fix: str | None
    """What to do; null when there is nothing."""


class Doctor(BaseModel):
    """All checks; a warning is no failure."""

    object: Literal["doctor"]
    is_well: bool
    checks: list[Check]


@room.get("/-/doctor", response_model=Doctor)
async def examine(gateway: deps.TheGateway) -> Response:
    """Look at storage, descriptors, money, prices, providers, configuration and backups."""
    checks = [
        *_storage(gateway),
        *await asyncio.to_thread(lambda: list(_disk(gateway))),
        *_descriptors(),
        *_money(gateway),
        *_prices(gateway),
        *_providers(gateway),
        *_config(gateway),
    ]
    is_well = all(check.state != "failed" for check in checks)
    views = [check.model_dump() for check in checks]
    return json_reply(
        {"object": "doctor", "is_well": is_well, "checks": views},
        # The client compares its own clock with this one.
        headers={"date": formatdate(clock.wall_s(), usegmt=True)},
    )


def _check(check_id: str, message: str, fix: str | None = None, *, state: State = "ok") -> Check:
    return Check(id=check_id, state=state, message=message, fix=fix)


def _storage(gateway: Gateway) -> Iterator[Check]:
    reasons = gateway.not_ready_reasons()
    if reasons:
        told = f"not ready: {', '.join(reasons)}"
        yield _check("ready", told, "free some space, or restart prismd", state="failed")
    else:
        yield _check("ready", "ready for calls")
    fixed = ".".join(map(str, FIXED_VERSION))
    if HAS_WAL_RESET_BUG:
        yield _check(
            "sqlite",
            f"SQLite {SQLITE_VERSION} has the WAL-reset bug; the single writer avoids it",
            f"open state.db with no other program while prismd runs, or use SQLite {fixed}",
            state="warning",
        )
    else:
        yield _check("sqlite", f"SQLite {SQLITE_VERSION}")


def _disk(gateway: Gateway) -> Iterator[Check]:
    free = shutil.disk_usage(gateway.data_dir.path).free
    told = f"{free / (1 << 30):.1f} GiB free for {gateway.data_dir.path}"
    if free < FREE_BYTES:
        yield _check("disk", told, "free some space", state="warning")
    else:
        yield _check("disk", told)
    newest = next(iter(backup.page(gateway.data_dir.backups)), None)
    if newest is None:
        yield _check("backup", "there is no backup", "prismctl backup create", state="warning")
        return
    days = int((clock.wall_s() - newest.created_at_s) // 86_400)
    told = f"the newest backup is {days} days old"
    if days >= BACKUP_DAYS:
        yield _check("backup", told, "prismctl backup create", state="warning")
    else:
        yield _check("backup", told)


def _descriptors() -> Iterator[Check]:
    limit, used = descriptors.limit(), descriptors.count_open()
    told = f"{used} of {limit} files and connections are open"
    if used >= limit * MANY_OPEN:
        fix = "raise the limit (LimitNOFILE= of the service, ulimit -n of a shell), restart prismd"
        yield _check("descriptors", told, fix, state="warning")
    else:
        yield _check("descriptors", told)


def _money(gateway: Gateway) -> Iterator[Check]:
    if faulty := sorted(gateway.reserve.faulty_keys):
        told = f"the books of {len(faulty)} keys did not agree: {', '.join(faulty[:NAMED])}"
        yield _check("ledger", told, "prismctl ledger verify", state="failed")
    elif gateway.unsettled:
        told = f"{len(gateway.unsettled)} calls are not written down yet"
        yield _check("ledger", told, "free some space; they are tried again", state="failed")
    else:
        yield _check("ledger", "every call that ended is written down")


def _prices(gateway: Gateway) -> Iterator[Check]:
    snap = gateway.snapshot
    unpriced = [
        name
        for name in snap.catalog.names()
        if any(snap.facts(name, target).price is None for target in snap.catalog.find(name))
    ]
    if not unpriced:
        yield _check("prices", "every listed model has a price")
        return
    more = f" and {len(unpriced) - NAMED} more" if len(unpriced) > NAMED else ""
    told = f"without a price: {', '.join(unpriced[:NAMED])}{more}"
    yield _check("prices", told, "prismctl prices set MODEL input=USD output=USD", state="warning")


def _providers(gateway: Gateway) -> Iterator[Check]:
    now_s = clock.monotonic_s()
    names = gateway.snapshot.catalog.providers
    failing = [name for name in names if gateway.health.of(name, now_s).state == "failing"]
    if failing:
        told = f"failing: {', '.join(failing)}"
        yield _check("providers", told, "prismctl providers health", state="failed")
    else:
        yield _check("providers", f"{len(names)} configured, none failing")


def _config(gateway: Gateway) -> Iterator[Check]:
    if gateway.last_config_error is not None:
        told = f"the newest is not in force: {gateway.last_config_error.problems[0]}"
        yield _check("config", told, "mend the file; it is read again at once", state="failed")
    elif gateway.needs_restart:
        told = f"changed, but not in force: {', '.join(gateway.needs_restart)}"
        yield _check("config", told, "restart prismd", state="warning")
    else:
        yield _check("config", "the newest is in force")
