"""What two files alone can do: ``python -m tests.single_file [DIRECTORY]`` (default ``dist``).

Outside of any virtual environment, with an empty home and no Python on the way: start a gateway,
talk to it, look at it, check a configuration, stop it with Ctrl-C; then how large and how fast.
"""

import json
import os
import pty
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

from prismctl.tui.registry import SCREENS

PATIENCE_S = 60.0
RECORDING = Path(__file__).parent / "golden" / "tui" / "feed.jsonl"
STARTS = 9
CONFIG = """
providers:
  fake: {type: fake}
  openai: {type: openai, api_key: env:NOBODYS_KEY, models: [gpt-4o]}
"""


class Place:
    """Copies of the two files in a directory of their own, and a home with nothing in it."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.folder = folder / "a place"
        self.folder.mkdir()
        for name in ("prismctl", "prismd"):
            shutil.copy2(built / name, self.folder)
        home = folder / "home"
        home.mkdir()
        self.env = {
            "NOBODYS_KEY": "sk-nobodys",
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
        }

    def run(self, *command: str, typed: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.env | env, input=typed, capture_output=True,
            text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def said(self, *command: str, **env: str) -> str:
        result = self.run(*command, **env)
        assert result.returncode == 0, (command, result)
        return result.stdout

    @contextmanager
    def terminal(self, *command: str) -> Iterator["Terminal"]:
        """Run a command in a terminal of 80 columns."""
        pid, fd = pty.fork()
        if not pid:
            os.chdir(self.folder)
            os.execve(command[0], command, self.env)
        termios.tcsetwinsize(fd, (24, 80))
        try:
            yield Terminal(fd, pid)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            os.close(fd)

    def start_ms(self, *command: str) -> float:
        """Return how long a command takes, the median of some."""
        took_s = []
        for _ in range(STARTS):
            began_s = time.perf_counter()
            self.said(*command)
            took_s.append(time.perf_counter() - began_s)
        return statistics.median(took_s) * 1000


class Terminal:
    """What a program shows, and what is typed."""

    def __init__(self, fd: int, pid: int) -> None:
        self._fd = fd
        self._pid = pid
        self.text = ""

    def until(self, text: str) -> None:
        while text not in self.text:
            assert self._read(), f"{text!r} did not come: {self.text!r}"

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def end(self) -> int:
        deadline_s = time.monotonic() + PATIENCE_S
        while self._read():
            assert time.monotonic() < deadline_s, f"it goes on: {self.text[-2000:]!r}"
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> bool:
        assert select.select([self._fd], [], [], PATIENCE_S)[0], f"silent: {self.text!r}"
        try:
            piece = os.read(self._fd, 65536)
        except OSError:
            return False
        self.text += piece.decode(errors="replace")
        return bool(piece)


def check(place: Place) -> None:
    """Do what somebody does who has these two files and nothing else."""
    assert "Start a gateway" in place.said("./prismctl", "--help")
    (place.folder / "prism.yaml").write_text(CONFIG)
    up = ("./prismctl", "up", "--port", "0", "--config", "prism.yaml", "-o", "jsonl")
    with place.terminal(*up) as terminal:
        terminal.until("Ctrl-C stops it.")
        (line,) = (one for one in terminal.text.splitlines() if one.startswith("{"))
        gateway = json.loads(line)
        running = place.said("ps", "-o", "args=", "-p", str(gateway["pid"]))
        assert "/prismd-" in running, running
        assert place.said("./prismctl", "chat", "hello", "-q").strip()
        answer = httpx2.post(
            f"{gateway['base_url']}/chat/completions",
            headers={"authorization": f"Bearer {gateway['key']}"},
            json={"model": "fake/echo", "messages": [{"role": "user", "content": "over HTTP"}]},
        )
        assert answer.json()["choices"][0]["message"]["content"], answer.text
        assert json.loads(place.said("./prismctl", "status", "-o", "json"))
        assert "fake/echo" in place.said("./prismctl", "models", "list", "-o", "name")
        # Data of packages, and what is imported late.
        assert "genai-prices" in place.said("./prismctl", "prices", "get", "gpt-4o", "-o", "json")
        assert place.said("./prismctl", "backup", "create", "-o", "name").strip()
        backend = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        login = ("./prismctl", "auth", "login", "--storage", "keyring")
        token = (Path(gateway["data_dir"]) / "admin-token").read_text()
        refused = place.run(*login, typed=token, **backend)
        assert "the keyring cannot be used" in refused.stderr, refused
        assert "requests" in place.said("./prismctl", "usage", "report", "-o", "csv")
        created = place.said("./prismctl", "keys", "create", "ci", "--credits", "5")
        assert created.startswith("sk-prism-")
        typed = "prismctl keys get c"
        words = place.said("./prismctl", _PRISMCTL_COMPLETE="fish", _PRISMCTL_LINE=typed)
        assert words.startswith("words\n")
        terminal.type("\x03")
        assert terminal.end() == 0, terminal.text
        assert terminal.text.count("stopping") == 1
    with place.terminal("./prismctl", "dashboard", "--replay", str(RECORDING)) as terminal:
        # Each screen is imported when it is opened.
        for screen in (one for one in SCREENS if one.key):
            terminal.until("Overview")
            terminal.type(screen.key)
            terminal.until(screen.title)
        terminal.type("?")
        terminal.until("Help")
        terminal.type("q")
        assert terminal.end() == 0, terminal.text
    assert place.run("./prismctl", "status").returncode == 6
    assert "ok" in place.said("./prismd", "check", "prism.yaml")
    place.said("./prismctl", "config", "check", "prism.yaml")
    assert place.run("./prismd", "check", "/not/there.yaml").returncode == 2


def main() -> int:
    """Check the files, and say what they cost."""
    built = Path(sys.argv[1] if len(sys.argv) > 1 else "dist").absolute()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(built, Path(folder))
        began_s = time.perf_counter()
        place.said("./prismctl", "--version")
        first_ms = (time.perf_counter() - began_s) * 1000
        check(place)
        sizes = {name: (built / name).stat().st_size / 1e6 for name in ("prismctl", "prismd")}
        print(f"prismctl {sizes['prismctl']:.0f} MB, prismd {sizes['prismd']:.0f} MB")
        print(f"first start {first_ms:.0f} ms (it unpacks)")
        for command in (
            ("./prismctl", "--version"),
            ("./prismctl", "--help"),
            ("./prismd", "--version"),
        ):
            print(f"{' '.join(command)}: {place.start_ms(*command):.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
