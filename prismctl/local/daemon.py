"""``prismd`` as a program: find it, run its short commands, start it and stop it.

It is never imported: what prismctl knows of it is its command line and its exit codes.
"""

import os
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

from prismctl.client.http import Http
from prismctl.errors import ApiError, Busy, ConfigProblem, PrismctlError, Unreachable

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 40.0
"""Longer than the daemon takes to let its calls end."""
_POLL_S = 0.05
_TAIL_LINES = 15

EXIT_CONFIG = 2
EXIT_RUNNING = 4


def find_prismd() -> list[str]:
    """Return the command that runs the daemon: ``$PRISMD``, our neighbour, or our Python.

    In a single file there is no Python to run it with: then it is what the PATH has.
    """
    given = os.environ.get("PRISMD")
    if given:
        return shlex.split(given)
    neighbour = Path(sys.argv[0]).absolute().parent / "prismd"
    if neighbour.is_file() and os.access(neighbour, os.X_OK):
        return [str(neighbour)]
    return ["prismd"] if hasattr(sys, "frozen") else [sys.executable, "-m", "prismd"]


def run_prismd(*arguments: str) -> str:
    """Run a short command of the daemon; return its stdout.

    Raises:
        PrismctlError: it cannot be run, or failed; the message is what it said.
    """
    command = [*find_prismd(), *arguments]
    try:
        result = subprocess.run(  # noqa: S603 - our own daemon, no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise _cannot_run(command, error) from None
    if result.returncode:
        raise failure(result.returncode, result.stderr.splitlines())
    return result.stdout


def failure(code: int, lines: list[str]) -> PrismctlError:
    """Return what an exit code of the daemon means here, with the last lines it wrote."""
    said = "\n".join(line.removeprefix("prismd: ") for line in lines[-_TAIL_LINES:])
    if code == EXIT_CONFIG:
        return ConfigProblem(said or "prismd refused its configuration")
    if code == EXIT_RUNNING:
        return Busy(said or "a prismd already runs on this data directory")
    if code < 0:
        return PrismctlError(f"prismd was ended by signal {-code}\n{said}".strip())
    return PrismctlError(said or f"prismd ended with exit code {code}")


class Daemon:
    """A running ``prismd serve``, our child. Whoever starts it must ``stop`` it."""

    def __init__(self, url: str, arguments: list[str], log: Path) -> None:
        self.url = url
        self._log = log
        command = [*find_prismd(), "serve", *arguments]
        with log.open("wb") as file:
            log.chmod(0o600)
            try:
                # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
                self._process = subprocess.Popen(  # noqa: S603 - our own daemon, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
            except OSError as error:
                raise _cannot_run(command, error) from None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs; negative for a signal."""
        return self._process.poll()

    def wait_ready(self, stopping: threading.Event) -> None:
        """Return when it answers on ``/readyz``, or when ``stopping`` is set.

        Raises:
            PrismctlError: it ended, or took too long.
        """
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        with Http(self.url, token=None, timeout_s=2.0) as http:
            while not stopping.wait(_POLL_S):
                if self.exit_code is not None:
                    raise self.failure()
                if time.monotonic() > deadline_s:
                    msg = f"prismd is not ready after {READY_TIMEOUT_S:.0f} s"
                    raise PrismctlError(msg, hint=f"see {self._log}")
                try:
                    http.request("GET", "/readyz")
                except (Unreachable, ApiError):
                    continue
                return

    def failure(self) -> PrismctlError:
        """Return why it ended, by its exit code and the last lines of its log."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        problem = failure(self.exit_code or 0, lines)
        problem.hint = f"its log: {self._log}"
        return problem

    def stop(self, hurry: threading.Event) -> None:
        """Ask it to end and wait; kill it when ``hurry`` is set or it takes too long."""
        if self.exit_code is None:
            self._process.terminate()
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        while self.exit_code is None:
            if hurry.wait(_POLL_S) or time.monotonic() > deadline_s:
                self._process.kill()
                self._process.wait()


def _cannot_run(command: list[str], error: OSError) -> PrismctlError:
    return PrismctlError(
        f"cannot run {command[0]}: {error.strerror}", hint="set PRISMD to where prismd is"
    )
