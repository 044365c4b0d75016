"""Real processes that many tests share: a fake vendor, and a gateway in front of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon
from tests.fake_process import FakeProcess, start_fake, stop_fake

SERVER = """
server:
  shutdown_timeout: 5s
"""

PROVIDERS = """
providers:
  fake: {{type: fake}}
  mock: {{type: fake, base_url: "{fake_url}", models: [echo, lorem, tools, json, reason]}}
"""

StartDaemon = Callable[[str], Daemon]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--deep",
        action="store_true",
        help="run the long forms of the crash and fault tests, and property tests on new examples",
    )
    parser.addoption("--crash-seed", type=int, help="repeat the kills of this seed")


def pytest_configure(config: pytest.Config) -> None:
    """Let property tests try the same examples in every run, and new ones in the long forms.

    An example has no time limit of its own: a core that is shared makes any of them slow.
    """
    settings.register_profile("same", derandomize=True, deadline=None)
    settings.register_profile("new", deadline=None)
    settings.load_profile("new" if config.getoption("--deep") else "same")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes ``-n auto`` is: half of a test's time is waiting for others."""
    cores = os.cpu_count() or 1
    return 2 * cores


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have recorded, also of those that passed, in whatever process."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def deep(request: pytest.FixtureRequest) -> bool:
    """Whether the long forms of the crash and fault tests are wanted."""
    return bool(request.config.getoption("--deep"))


@pytest.fixture(scope="session")
def fake_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProcess]:
    """A `prismd fake` process; each test finds its own requests in the record by their ids."""
    fake = start_fake(tmp_path_factory.mktemp("fake") / "record.jsonl")
    yield fake
    stop_fake(fake)


@pytest.fixture(scope="session")
def providers_yaml(fake_process: FakeProcess) -> str:
    """The `providers` section of the shared daemon: `fake` in-process, `mock` over sockets."""
    return PROVIDERS.format(fake_url=fake_process.url)


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory, providers_yaml: str) -> Iterator[Daemon]:
    """A gateway that tests share: they make keys of their own and change nothing else."""
    running = start_daemon(tmp_path_factory.mktemp("prismd"), SERVER + providers_yaml)
    yield running
    assert stop_daemon(running) == 0, running.log
    assert '"level": "error"' not in running.log, running.log


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartDaemon]:
    """Start daemons of a test's own, all on one data directory; they are stopped at the end."""
    with ExitStack() as stack:

        def start_one(config: str) -> Daemon:
            return stack.enter_context(_running(tmp_path, config))

        yield start_one


@contextmanager
def _running(folder: Path, config: str) -> Iterator[Daemon]:
    running = start_daemon(folder, config)
    try:
        yield running
    finally:
        stop_daemon(running)


@pytest.fixture
def key(daemon: Daemon) -> Key:
    """A key without restrictions."""
    return daemon.create_key()


@pytest.fixture
def it_goes_on(daemon: Daemon) -> Iterator[None]:
    """Whatever a test sends, the daemon answers the next request."""
    yield
    assert daemon.admin.get("/healthz").json() == {"status": "ok"}
