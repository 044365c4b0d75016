"""A socket that a service manager hands over is served on only if it can be."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon_process import PRISMD, ROOT

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""

LISTEN = """
from prismd.front.listen import listen
from prismd.kernel.errors import ConfigError
try:
    listen("127.0.0.1", 0)
except ConfigError as error:
    print(error)
"""


def unix(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "listener"))
    listener.listen()
    return listener


def datagram(_: Path) -> socket.socket:
    sink = socket.socket(type=socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    return sink


def mute(_: Path) -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def handed(given: socket.socket, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HAND_OVER, str(given.fileno()), *command],
        pass_fds=[given.fileno()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (unix, "is of the family AF_UNIX, not of an internet one"),
        (datagram, "is of the type SOCK_DGRAM, not a stream"),
        (mute, "does not listen"),
    ],
)
def test_what_is_no_tcp_listener_is_refused(
    tmp_path: Path, make: Callable[[Path], socket.socket], why: str
) -> None:
    with make(tmp_path) as given:
        ended = handed(given, "-c", LISTEN)
    assert ended.stdout == f"the socket that was handed over {why}; give one TCP listener\n"


def test_the_daemon_ends_as_with_any_bad_configuration(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    in_data_dir = ["--data-dir", str(tmp_path / "data")]
    init = [*PRISMD, "init", *in_data_dir]
    subprocess.run(init, env=environment, capture_output=True, check=True)
    with unix(tmp_path) as given:
        ended = handed(given, *PRISMD[1:], "serve", *in_data_dir)
    assert ended.returncode == 2, ended.stderr
    told = ended.stderr.splitlines()[-1]
    assert told.startswith("prismd: the socket that was handed over is of the family AF_UNIX")
    assert "Traceback" not in ended.stderr
