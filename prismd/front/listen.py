"""Where the daemon listens: on a socket of its own, or on one that was opened for it.

A service manager that keeps the listening socket (socket activation: ``LISTEN_PID``,
``LISTEN_FDS``) makes a restart refuse nobody: who comes in between waits in its backlog. The same
manager is told when the daemon is ready and when it stops (``NOTIFY_SOCKET``).
"""

import contextlib
import os
import socket
from enum import Enum

from prismd.kernel.errors import ConfigError

BACKLOG = 2_048
_FIRST_FD = 3
"""The first descriptor that a service manager hands over."""


def listen(host: str, port: int) -> socket.socket:
    """Return the socket to serve on: the one that was handed over, else a new one.

    Raises:
        ConfigError: the address cannot be had, or what was handed over is no TCP listener.
    """
    listener = _handed_over() or _opened(host, port)
    listener.setblocking(False)  # noqa: FBT003  # the standard library's own signature
    return listener


def _handed_over() -> socket.socket | None:
    is_ours = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = os.environ.pop("LISTEN_FDS", "0")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not is_ours or count == "0":
        return None
    if count != "1":
        raise ConfigError([f"{count} sockets were handed over, but prismd serves on one"])
    try:
        os.set_inheritable(_FIRST_FD, False)  # noqa: FBT003  # as above
        listener = socket.socket(fileno=_FIRST_FD)
    except OSError as error:
        msg = f"LISTEN_FDS says that a socket was handed over, but there is none: {error.strerror}"
        raise ConfigError([msg]) from None
    if problem := _unfit(listener):
        listener.close()
        raise ConfigError([f"the socket that was handed over {problem}; give one TCP listener"])
    return listener


def _unfit(listener: socket.socket) -> str | None:
    """Say why calls cannot be served on a socket; None: they can."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return f"is of the family {_name(listener.family)}, not of an internet one"
    if listener.type != socket.SOCK_STREAM:
        return f"is of the type {_name(listener.type)}, not a stream"
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen"
    return None


def _name(kind: int) -> str:
    return kind.name if isinstance(kind, Enum) else str(kind)


def _opened(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        msg = f"cannot listen on {host}:{port}: {error.strerror}"
        raise ConfigError([msg]) from None
    return listener


def notify(state: str) -> None:
    """Tell the service manager, if there is one, for example ``READY=1``."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name that is no file
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),  # it cannot be told that it cannot be told
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
    ):
        told.connect(address)
        told.send(state.encode())
