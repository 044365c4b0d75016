"""``kill -9`` at random moments under load: no answer is unpaid, none is paid twice, none is lost.

`python -m pytest tests/crash` kills 5 times, with `--deep` 100 times. `--crash-seed` repeats the
moments and the load of a run; what the kernel does in between is its own.
"""

import asyncio
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest

from tests.crash.books import Books, faults, holds_opened_before, read_books
from tests.crash.load import Load
from tests.daemon_process import (
    PRISMD,
    Daemon,
    Ended,
    Key,
    OnSpawn,
    start_daemon,
    stop_daemon,
    wait_for,
)
from tests.fake_process import FakeProcess, start_fake, stop_fake

KILLS = 5
DEEP_KILLS = 100
CALLERS = 200
LONGEST_LIFE_S = 3.0
"""From when the daemon listens."""
EARLY_EVERY = 4
"""After so many kills, one is counted from the start of the process: it may be recovering."""
RECOVERY_S = 5.0

CONFIG = """
server: {{overload_after: 1h}}
providers:
  mock: {{type: fake, base_url: "{url}", models: [echo, lorem, reason]}}
  other: {{type: openai, base_url: "{url}", models: [echo, lorem, reason]}}
cost_tracking:
  custom_pricing:
    echo: {{input_per_mtok: 3, output_per_mtok: 15}}
    lorem: {{input_per_mtok: 0.1, output_per_mtok: 0.4}}
    reason: {{input_per_mtok: 1.1, output_per_mtok: 4.4}}
"""
MODELS = [
    "mock/echo",
    "other/echo",
    "other/reason",
    "mock/reason+rate=200",
    "mock/lorem+chunk=4+rate=400",
    "mock/lorem+tokens=240+chunk=4+rate=60",  # streams long enough to be checkpointed
]
RICH_USD, POOR_USD = 1000, 0.02


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("--crash-seed")
    return int(given) if given is not None else random.SystemRandom().randrange(10**9)


@pytest.mark.timeout(3600)
async def test_kill(
    tmp_path: Path,
    seed: int,
    *,
    deep: bool,
    record_property: Callable[[str, object], None],
) -> None:
    print(f"again with: --crash-seed {seed}")
    fake = start_fake(tmp_path / "record.jsonl")
    try:
        run = _Run(tmp_path, CONFIG.format(url=fake.url), seed)
        await run.run(DEEP_KILLS if deep else KILLS)
    finally:
        stop_fake(fake)
    books = read_books(tmp_path / "data" / "state.db")
    found = faults(books, run.load.seen, fake.entries(), run.granted)
    summary = run.summary(books, fake)
    record_property("crash", summary)
    assert not found, f"{summary}\n{len(found)} faults:\n" + "\n".join(found[:20])
    assert not run.complaints, f"{summary}\n" + "\n".join(run.complaints)
    assert set(run.load.refused) <= {"402 insufficient_credits"}, f"{summary} {run.load.refused}"
    assert len(run.load.seen) > CALLERS
    assert run.load.cut > 0, "nothing was running at any kill"


class _Run:
    """One gateway that dies again and again on one data directory, under one load."""

    def __init__(self, folder: Path, config: str, seed: int) -> None:
        self._folder = folder
        self._config = config
        self._seed = seed
        self._process: subprocess.Popen[bytes] | None = None
        self.load: Load
        self.granted: dict[str, int] = {}
        self.kills = 0
        self.early_kills = 0
        """Before it listened."""
        self.complaints: list[str] = []
        """Of the gateway about itself, and of what it has not recovered."""

    async def run(self, kills: int) -> None:
        chance = random.Random(self._seed)
        daemon = await self._start()
        self.load = Load(self._make_keys(daemon), MODELS, self._seed, CALLERS, daemon.address)
        self.load.begin()
        try:
            while self.kills < kills:
                await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_S))
                await self._kill(daemon)
                if self.kills % EARLY_EVERY == 0:
                    await self._die_early(chance.uniform(0, LONGEST_LIFE_S))
                daemon = await self._go_on()
            await asyncio.sleep(1)
            await asyncio.to_thread(self._verify, daemon)  # also while calls run
            await self.load.end()
            await asyncio.to_thread(self._stop, daemon)
        finally:
            await self.load.abort()
            if self._process is not None:
                self._process.kill()

    def _stop(self, daemon: Daemon) -> None:
        """Let the gateway itself check its books, running and at rest."""
        wait_for(self._has_no_holds, "no hold is left")
        self._verify(daemon)
        assert stop_daemon(daemon) == 0
        self._read_log()
        command = [*PRISMD, "verify", "--data-dir", str(daemon.data_dir)]
        alone = subprocess.run(command, capture_output=True, text=True, check=False)
        if alone.returncode != 0:
            self.complaints.append(f"prismd verify: {alone.returncode} {alone.stdout}")

    def _verify(self, daemon: Daemon) -> None:
        verdict = daemon.admin.post("/-/ledger/verify", timeout=60).json()
        if not verdict["is_sound"]:
            self.complaints.append(f"/-/ledger/verify: {verdict}")

    async def _start(self, on_spawn: OnSpawn | None = None) -> Daemon:
        daemon = await asyncio.to_thread(
            start_daemon, self._folder, self._config, on_spawn=on_spawn
        )
        self._process = daemon.process
        return daemon

    async def _go_on(self) -> Daemon:
        """Start the next life: the load goes on when it listens, and soon the dead hold nothing."""
        began_s = time.time()
        daemon = await self._start()
        self.load.address = daemon.address
        deadline_s = time.monotonic() + RECOVERY_S
        while left := holds_opened_before(daemon.data_dir / "state.db", began_s):
            if time.monotonic() > deadline_s:
                self.complaints.append(f"{left} holds of the dead are still there")
                break
            await asyncio.sleep(0.05)
        return daemon

    async def _die_early(self, life_s: float) -> None:
        """Be killed so long after the start of the process, whatever it is doing then."""
        try:
            daemon = await self._start(lambda process: Timer(life_s, process.kill).start())
        except Ended:
            self.kills += 1
            self.early_kills += 1
        else:
            self.load.address = daemon.address
            await self._kill(daemon, at_once=False)

    async def _kill(self, daemon: Daemon, *, at_once: bool = True) -> None:
        if at_once:
            daemon.process.kill()
        await asyncio.to_thread(daemon.process.wait)
        self.kills += 1
        daemon.admin.close()
        self._read_log()

    def _read_log(self) -> None:
        for line in (self._folder / "log").read_text().splitlines():
            if not line.startswith("{") or '"level": "error"' in line or '"critical"' in line:
                self.complaints.append(line)

    def _has_no_holds(self) -> bool:
        return holds_opened_before(self._folder / "data" / "state.db", time.time()) == 0

    def _make_keys(self, daemon: Daemon) -> list[Key]:
        keys = [
            daemon.create_key("rich", credits=RICH_USD),
            daemon.create_key("poor", credits=POOR_USD),
            daemon.create_key("elsewhere"),
            daemon.create_key(
                "within budgets",
                budgets=[{"limit": 500, "window": "daily"}, {"limit": 900, "window": "total"}],
            ),
        ]
        self.granted = {keys[0].id: round(RICH_USD * 1e9), keys[1].id: round(POOR_USD * 1e9)}
        return keys

    def summary(self, books: Books, fake: FakeProcess) -> str:
        """Return the figures of the run in one line."""
        seen = self.load.seen
        streams = sum(answer.is_stream for answer in seen.values())
        rows = {row["request_id"]: row["usage_source"] for row in books.usage}
        recovered = list(rows.values()).count("recovered")
        lost = {entry["request_id"] for entry in fake.entries()} - rows.keys()
        return (
            f"seed {self._seed}: {self.kills} kills ({self.early_kills} before it listened); "
            f"{len(seen)} answers seen ({streams} streams), {self.load.cut} calls cut, "
            f"{self.load.refused.total()} refused; {len(rows)} usage rows ({recovered} recovered, "
            f"{len(rows.keys() - seen.keys())} not seen); {len(lost)} served, cut before their hold"
        )
