"""The real programs: ``python -m prismctl`` in processes of their own, and a terminal for them."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prismctl

ROOT = Path(prismctl.__file__).parent.parent
PRISMCTL = [sys.executable, "-m", "prismctl"]
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Home:
    """The files and the environment of one person."""

    path: Path

    @property
    def data_dir(self) -> Path:
        return self.path / "data"

    def env(self, **more: str) -> dict[str, str]:
        """Return an environment with nothing of the machine's: no vendor keys, no keyring."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PRISMCTL_CONFIG_DIR": str(self.path / "config"),
            **more,
        }

    def run(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PRISMCTL, *words],
            env=self.env(**env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def json(self, *words: str) -> Any:
        result = self.run(*words, "-o", "json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


class Up:
    """A running ``prismctl up``; ``gateway`` is what it printed as JSON."""

    def __init__(self, home: Home, *words: str, **env: str) -> None:
        self.errors = home.path / "up.err"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*PRISMCTL, "up", "--data-dir", str(home.data_dir), "-o", "jsonl", *words],
                env=home.env(**env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.errors.read_text()
        self.gateway: dict[str, Any] = json.loads(line)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def up(home: Home, *words: str, **env: str) -> Iterator[Up]:
    """Run ``prismctl up`` on a free port, with the fake provider alone unless told otherwise."""
    started = Up(home, "--port", "0", *words, **env)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.stop()


def wait_for(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not in {PATIENCE_S} s: {what}"
        time.sleep(0.05)


class Screen:
    """A program in a terminal of its own: what it shows, what is typed."""

    def __init__(
        self, home: Home, *words: str, program: Sequence[str] = PRISMCTL, **env: str
    ) -> None:
        self._pid, self._fd = pty.fork()
        if not self._pid:
            own = home.env(TERM="xterm", COLUMNS="100", **env)
            os.execve(program[0], [*program, *words], own)
        self.text = ""
        self._seen = 0

    def until(self, text: str) -> None:
        """Read until the text is on the screen, after all that was waited for before."""
        while text not in self.text[self._seen :]:
            assert self._read(), f"{text!r} did not come: {self.text!r}"
        self._seen = self.text.index(text, self._seen) + len(text)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def end(self) -> int:
        """Read to the end; return the exit code."""
        while self._read():
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], PATIENCE_S)
        assert ready, f"silent for {PATIENCE_S} s: {self.text!r}"
        try:
            piece = os.read(self._fd, 65536)
        except OSError:
            return False
        self.text += piece.decode()
        return bool(piece)
