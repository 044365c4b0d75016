"""The databases, their files, the disk, the clock that their rows are stamped by, backups."""

import shlex
import shutil
from collections.abc import Iterator

from prismd.endpoints.admin.checks.check import Check, counted, failed, ok, warning
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.store import backup, checkup
from prismd.store.soundness import wal_of
from prismd.store.sqlite import FIXED_VERSION, HAS_WAL_RESET_BUG, SQLITE_VERSION

BACKUP_DAYS = 7
FREE_BYTES = 1 << 30
LOG_BYTES = 256 << 20
"""A log of a database that is longer than this is not copied in any more."""
AHEAD_S = 5.0
"""What the newest row may be ahead of the clock: rows of one moment are written a little later."""
MANY_WRITES = 1_000
SLOW_COMMIT_S = 1.0


def ready(gateway: Gateway) -> Iterator[Check]:
    """Look at whether calls are taken, and at SQLite itself."""
    if reasons := gateway.not_ready_reasons():
        yield failed("ready", f"not ready: {', '.join(reasons)}", _fix_of(reasons[0]))
    else:
        yield ok("ready", "ready for calls")
    fixed = ".".join(map(str, FIXED_VERSION))
    if HAS_WAL_RESET_BUG:
        yield warning(
            "sqlite",
            f"SQLite {SQLITE_VERSION} has the WAL-reset bug; the single writer avoids it",
            f"open state.db with no other program while prismd runs, or use SQLite {fixed}",
        )
    else:
        yield ok("sqlite", f"SQLite {SQLITE_VERSION}")


def _fix_of(reason: str) -> str:
    if reason == "draining":
        return "it is being stopped: start prismd again when it has ended"
    return "free some space, or restart prismd"


def files(gateway: Gateway) -> Iterator[Check]:
    """Look at who may read the state, at the length of the logs, at the disk (blocks)."""
    data_dir = gateway.data_dir
    if faults := list(data_dir.faults()):
        message, _, command = faults[0].partition("; run: ")
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        fix = command or f"give it to the user of prismd: chown -R USER {data_dir.path}"
        yield failed("files", f"{message}{more}", fix)
    else:
        yield ok("files", f"{data_dir.path} and its secrets are for the user of prismd only")
    logs = [wal_of(path) for path in (data_dir.state_db, data_dir.traffic_db)]
    sizes = {path.name: path.stat().st_size for path in logs if path.exists()}
    told = ", ".join(f"{name} {size / (1 << 20):.1f} MiB" for name, size in sizes.items())
    if max(sizes.values(), default=0) > LOG_BYTES:
        fix = "end other programs that have the databases open: lsof DATA_DIR/*.db; restart prismd"
        yield warning("wal", f"a log grows: {told}", fix)
    else:
        yield ok("wal", told or "the logs are empty")
    yield _disk(gateway)


def _disk(gateway: Gateway) -> Check:
    usage = shutil.disk_usage(gateway.data_dir.path)
    told = f"{usage.free / (1 << 30):.1f} GiB free for {gateway.data_dir.path}"
    if usage.free < FREE_BYTES:
        where = shlex.quote(str(gateway.data_dir.path))
        return warning("disk", told, f"free some space: du -xh {where} | sort -h")
    return ok("disk", told)


def backups(gateway: Gateway) -> Iterator[Check]:
    """Look at how old the newest backup is (blocks)."""
    newest = next(iter(backup.page(gateway.data_dir.backups)), None)
    if newest is None:
        yield warning("backup", "there is no backup", "prismctl backup create")
        return
    days = int((clock.wall_s() - newest.created_at_s) // 86_400)
    told = f"the newest backup is {counted(days, 'day')} old" if days else "there is one of today"
    if days >= BACKUP_DAYS:
        yield warning("backup", told, "prismctl backup create")
    else:
        yield ok("backup", told)


async def the_clock(gateway: Gateway) -> Check:
    """Compare the clock with the newest row: windows and expiries go by it."""
    newest_s = await checkup.newest_row_s(gateway.stores.state)
    ahead_s = newest_s - clock.wall_s()
    if ahead_s > AHEAD_S:
        told = f"the clock is {ahead_s:.0f} s behind the newest row of the ledger"
        return failed("clock", told, "set the clock: timedatectl set-ntp true")
    return ok("clock", "no row is ahead of the clock")


def queue(gateway: Gateway) -> Iterator[Check]:
    """Look at what waits for the disk, and at how far the process is behind."""
    stores = gateway.stores
    waiting = {"state.db": stores.state.waiting_writes, "traffic.db": stores.traffic.waiting_writes}
    slowest_s = max(stores.state.last_commit_s, stores.traffic.last_commit_s)
    told = f"{sum(waiting.values())} writes wait; the last commit took {slowest_s * 1000:.0f} ms"
    if max(waiting.values()) >= MANY_WRITES or slowest_s >= SLOW_COMMIT_S:
        fix = "give DATA_DIR a faster disk, or let fewer calls in (server.max_running_calls)"
        yield warning("queue", told, fix)
    else:
        yield ok("queue", told)
    if gateway.load.share < 1.0:
        told = f"more calls come than can be handled: {gateway.load.share:.0%} are let in"
        yield warning("load", told, "send some of the calls to another prismd")
    else:
        yield ok("load", f"{gateway.limiter.running} calls run, and none has to wait")
