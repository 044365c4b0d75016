"""The real dashboard in a real terminal (tmux), before a real gateway under load."""

import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon_process import Daemon, Key
from tests.prismctl.processes import PRISMCTL, Home, Up, up
from tests.tui.recording import FILE

PATIENCE_S = 30.0
_NUMBERS = itertools.count()


class Terminal:
    """A window of tmux: what it shows, what is typed."""

    def __init__(self, home: Home, *words: str, **env: str) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("there is no tmux")
        self._tmux = ["tmux", "-S", str(home.path / f"tmux-{next(_NUMBERS)}"), "-f", "/dev/null"]
        own = {**home.env(), "TERM": "xterm-256color", "SHELL": "/bin/sh"}
        # tmux gives its windows a TERM of its own: what a test wants is set inside.
        inside = [f"{name}={value}" for name, value in env.items()]
        command = f"{shlex.join(['env', *inside, *PRISMCTL, *words])}; echo ended $?; sleep 60"
        subprocess.run(
            [*self._tmux, "-u", "new-session", "-d", "-x", "120", "-y", "40", command],
            env=own,
            check=True,
            timeout=PATIENCE_S,
        )

    def _run(self, *words: str) -> str:
        result = subprocess.run(
            [*self._tmux, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return result.stdout

    @property
    def text(self) -> str:
        return self._run("capture-pane", "-p")

    @property
    def painted(self) -> str:
        """The screen with its escape sequences."""
        return self._run("capture-pane", "-p", "-e")

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until a pattern is on the screen."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, text := self.text)):
            assert time.monotonic() < deadline_s, f"{pattern!r} did not come:\n{text}"
            time.sleep(0.05)
        return found

    def type(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def terminate(self) -> None:
        """Send TERM to the program, not to the shell around it."""
        shell = self._run("display-message", "-p", "#{pane_pid}").strip()
        [child] = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)

    def close(self) -> None:
        self._run("kill-server")


@contextmanager
def terminal(home: Home, *words: str, **env: str) -> Iterator[Terminal]:
    made = Terminal(home, *words, **env)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def load(daemon: Daemon, key: Key) -> Iterator[None]:
    """Make calls all the time, some of which fail."""
    stopping = threading.Event()
    models = itertools.cycle(["mock/echo"] * 9 + ["mock/echo+status=500"])

    def work() -> None:
        while not stopping.wait(0.005):
            daemon.chat(key, next(models))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def signed_in(daemon: Daemon, tmp_path: Path) -> Home:
    home = Home(tmp_path)
    token = tmp_path / "token"
    token.write_text(daemon.admin_token)
    token.chmod(0o600)
    result = home.run("contexts", "set", "real", daemon.url, "--token-ref", f"file:{token}")
    assert result.returncode == 0, result.stderr
    return home


def test_a_gateway_under_load(daemon: Daemon, signed_in: Home) -> None:
    key = daemon.create_key("loader")
    with load(daemon, key), terminal(signed_in, "dashboard") as screen:
        screen.until(r"● live +read-only")
        screen.until(r"│ [1-9][\d.]* /s +peak")
        screen.until(r"mock/echo +\d")
        screen.until(r"502 provider_500 on mock/echo")
        screen.type("2")
        screen.until(r"Calls \d+")
        screen.until(r"✕ 502 +loader +mock/echo")
        screen.until(r"● 200 +loader +mock/echo +mock +\S+ ms +\S+ ms +\d+→\d+ +\$0\.\d+")
        screen.type("/", "status=5xx", "Enter")
        screen.until(r"status=5xx")
        screen.type("Enter")
        screen.until(r"Trace req_\w+")
        screen.until(r"DECISIONS")
        screen.until(r"ATTEMPTS")
        screen.until(r"provider_500")
        screen.type("y")
        screen.until(r"copied: prismctl requests get")
        screen.type("1")
        screen.resize(80, 24)
        screen.until(r"(?m)^ enter open.*q quit$")
        assert all(len(line) <= 80 for line in screen.text.splitlines())
        screen.until(r"Refusals and warnings")
        screen.type("q")
        screen.until(r"ended 0")
        assert "PRISM" not in screen.text, "the terminal is as it was before"


def test_a_gateway_that_goes_and_comes_back(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with up(home, "--no-detect") as first, terminal(home, "dashboard") as screen:
        screen.until(r"● live")
        port = first.gateway["url"].rpartition(":")[2]
        first.stop()
        screen.until(r"✕ lost")
        again = Up(home, "--no-detect", "--port", port)
        try:
            screen.until(r"● live")
            screen.type("C-c")
            screen.until(r"ended 0")
        finally:
            again.stop()


def test_who_is_told_to_end_gives_the_terminal_back(tmp_path: Path) -> None:
    with terminal(Home(tmp_path), "dashboard", "--replay", str(FILE)) as screen:
        screen.until(r"▶ replay")
        screen.terminate()
        screen.until(r"ended 143")
        assert "PRISM" not in screen.text


def test_a_dumb_terminal_gets_none(tmp_path: Path) -> None:
    with terminal(Home(tmp_path), "dashboard", "--replay", str(FILE), TERM="dumb") as screen:
        screen.until(r"the dashboard needs a terminal")


def test_what_was_recorded_is_played_again(tmp_path: Path) -> None:
    home, file = Home(tmp_path), str(tmp_path / "day.jsonl")
    words = ("dashboard", "--screen", "traffic")
    with up(home, "--no-detect", "--demo"), terminal(home, *words, "--record", file) as screen:
        screen.until(r"● 200 +demo")
        screen.type("Enter")
        screen.until(r"DECISIONS")
        screen.type("q")
        screen.until(r"ended 0")
    with terminal(home, *words, "--replay", file) as screen:
        screen.until(r"(▶ replay|■ ended)")
        screen.until(r"● 200 +demo")


def test_a_recording_without_colour(tmp_path: Path) -> None:
    words = ("dashboard", "--replay", str(FILE), "--screen", "traffic")
    with terminal(Home(tmp_path), *words, NO_COLOR="1") as screen:
        screen.until(r"▶ replay")
        screen.until(r"Calls \d+")
        painted = screen.painted
        colour = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|38;|48;|9[0-7])[\d;]*m")
        assert colour.findall(painted) == []
        assert "\x1b[" in painted, "bold and reversed are no colours"


def test_a_terminal_without_unicode(tmp_path: Path) -> None:
    words = ("dashboard", "--replay", str(FILE))
    env = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with terminal(Home(tmp_path), *words, **env) as screen:
        screen.until(r"> replay")
        screen.until(r"Requests")
        assert screen.text.isascii()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--screen", "nowhere"), r"error: there is no screen 'nowhere'"),
        (("--theme", "pink"), r"error: there is no theme 'pink'"),
        (("--replay", "/nonexistent"), r"error: /nonexistent: No such file"),
    ],
)
def test_what_cannot_be_started(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    env = {"PRISMCTL_URL": "http://127.0.0.1:1", "PRISMCTL_TOKEN": "x"}
    with terminal(Home(tmp_path), "dashboard", *words, **env) as screen:
        screen.until(said)
        screen.until(r"ended 2")
