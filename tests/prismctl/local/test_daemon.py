import sys
import threading
from pathlib import Path

import pytest

from prismctl.errors import Busy, ConfigProblem, PrismctlError
from prismctl.local import daemon
from prismctl.local.daemon import Daemon


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that is run in place of the daemon."""
    path = tmp_path / "a prismd.py"
    monkeypatch.setenv("PRISMD", f"'{sys.executable}' '{path}'")
    return path


def test_the_variable_is_stronger_than_the_neighbour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "prismctl")])
    assert daemon.find_prismd() == [sys.executable, "-m", "prismd"]
    with monkeypatch.context() as single_file:
        single_file.setattr(sys, "frozen", True, raising=False)
        assert daemon.find_prismd() == ["prismd"]
    neighbour = tmp_path / "prismd"
    neighbour.write_text("#!/bin/sh\n")
    neighbour.chmod(0o755)
    assert daemon.find_prismd() == [str(neighbour)]
    monkeypatch.setenv("PRISMD", "/opt/prismd --x")
    assert daemon.find_prismd() == ["/opt/prismd", "--x"]


def test_a_short_command_returns_what_it_prints(script: Path) -> None:
    script.write_text("import sys; print(sys.argv[1:])")
    assert daemon.run_prismd("detect", "--no-local") == "['detect', '--no-local']\n"


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [(2, ConfigProblem, 2), (4, Busy, 5), (3, PrismctlError, 1), (1, PrismctlError, 1)],
)
def test_an_exit_code_of_the_daemon_becomes_ours(
    script: Path, code: int, kind: type[PrismctlError], exit_code: int
) -> None:
    script.write_text(f"import sys; sys.stderr.write('prismd: because\\n'); sys.exit({code})")
    with pytest.raises(kind, match=r"^because$") as caught:
        daemon.run_prismd("init")
    assert caught.value.exit_code == exit_code


def test_a_daemon_that_is_not_there_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRISMD", "/not/there/prismd")
    with pytest.raises(PrismctlError, match=r"cannot run /not/there/prismd"):
        daemon.run_prismd("init")


def test_a_daemon_that_ends_while_starting_shows_its_last_lines(
    script: Path, tmp_path: Path
) -> None:
    script.write_text("import sys; print('line'); sys.exit('prismd: it is broken')")
    started = Daemon("http://127.0.0.1:1", [], tmp_path / "log")
    with pytest.raises(PrismctlError, match="line\nit is broken") as caught:
        started.wait_ready(threading.Event())
    assert caught.value.hint == f"its log: {tmp_path / 'log'}"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_daemon_that_does_not_stop_is_killed_on_the_second_signal(
    script: Path, tmp_path: Path
) -> None:
    script.write_text(
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        f"pathlib.Path({str(tmp_path / 'up')!r}).touch()\n"
        "while True: time.sleep(1)\n"
    )
    started = Daemon("http://127.0.0.1:1", [], tmp_path / "log")
    while not (tmp_path / "up").exists():
        assert started.exit_code is None
    hurry = threading.Event()
    hurry.set()
    started.stop(hurry)
    assert started.exit_code == -9
