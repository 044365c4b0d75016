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
from tests.daemon_process import PRISMD, Daemon, Ended, Key, start_daemon, stop_daemon, wait_for
from tests.fake_process import FakeProcess, start_fake, stop_fake

KILLS = 5
DEEP_KILLS = 100
CALLERS = 200
SHORTEST_LIFE_S, LONGEST_LIFE_S = 0.5, 5.0
"""From the start of the process: a life may end before it can answer, or while it recovers."""
RECOVERY_S = 5.0

CONFIG = """
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
    fake = start_fake(tmp_path / "record.jsonl")
    try:
        run = _Run(tmp_path, CONFIG.format(url=fake.url), seed, DEEP_KILLS if deep else KILLS)
        await run.run()
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

    def __init__(self, folder: Path, config: str, seed: int, kills: int) -> None:
        self._folder = folder
        self._config = config
        self._seed = seed
        chance = random.Random(seed)
        self._lives_s = [chance.uniform(SHORTEST_LIFE_S, LONGEST_LIFE_S) for _ in range(kills)]
        self.granted: dict[str, int] = {}
        self.complaints: list[str] = []
        """Of the daemon, in its logs; or of its recovery."""
        self.early_kills = 0
        """Before it listened."""
        self.load: Load

    async def run(self) -> None:
        daemon = await self._start()
        self.load = Load(self._make_keys(daemon), MODELS, self._seed, CALLERS, daemon.address)
        self.load.begin()
        try:
            Timer(self._lives_s[0], daemon.process.kill).start()
            await self._end_of(daemon)
            for life_s in self._lives_s[1:]:
                await self._live(life_s)
            daemon = await self._start()
            self.load.address = daemon.address
            await asyncio.sleep(1)
            await asyncio.to_thread(self._verify, daemon)  # also while calls run
            await self.load.end()
        finally:
            await self.load.abort()
        await asyncio.to_thread(self._stop, daemon)

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

    async def _live(self, life_s: float) -> None:
        def doom(process: subprocess.Popen[bytes]) -> None:
            Timer(life_s, process.kill).start()

        try:
            daemon = await self._start(doom)
        except Ended:
            self.early_kills += 1
        else:
            self.load.address = daemon.address
            await self._end_of(daemon)

    async def _start(
        self, on_spawn: Callable[[subprocess.Popen[bytes]], None] | None = None
    ) -> Daemon:
        began_s = time.time()
        daemon = await asyncio.to_thread(
            start_daemon, self._folder, self._config, on_spawn=on_spawn
        )
        deadline_s = time.monotonic() + RECOVERY_S
        while left := holds_opened_before(daemon.data_dir / "state.db", began_s):
            if daemon.process.poll() is not None:
                break
            if time.monotonic() > deadline_s:
                self.complaints.append(f"{left} holds of the dead are still there")
                break
            await asyncio.sleep(0.05)
        return daemon

    async def _end_of(self, daemon: Daemon) -> None:
        await asyncio.to_thread(daemon.process.wait)
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
        sources = [row["usage_source"] for row in books.usage]
        rows = {row["request_id"] for row in books.usage}
        streams = sum(answer.is_stream for answer in self.load.seen.values())
        unbooked = {entry["request_id"] for entry in fake.entries()} - rows
        return (
            f"seed {self._seed}: {len(self._lives_s)} kills ({self.early_kills} before it "
            f"listened), {len(self.load.seen)} answers seen ({streams} streams), "
            f"{self.load.cut} cut, {sum(self.load.refused.values())} refused; {len(books.usage)} usage rows, "
            f"{sources.count('recovered')} recovered, {len(rows - self.load.seen.keys())} "
            f"not seen; {len(unbooked)} served and lost before their hold"
        )
