"""A body far over the limit: how much of it the gateway takes before it says no."""

import socket
from collections.abc import Iterator
from contextlib import suppress

from tests.bench import process
from tests.bench.modes.mode import Ask, Mode, Row, Tables, calls
from tests.bench.rig import Rig
from tests.raw_http import TIMEOUT_S, read_answer, request

MIB = 1 << 20
BLOCK = b"x" * (1 << 16)
_CHUNK = b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK)


def _upload(rig: Rig, size_bytes: int, *, is_chunked: bool) -> Row:
    """Send until it is refused, or until all is sent."""
    form = "transfer-encoding: chunked" if is_chunked else f"content-length: {size_bytes}"
    authorization = f"authorization: {rig.key.headers['authorization']}"
    before_mb = most_mb = process.resident_mb(rig.daemon.process.pid)
    taken_bytes, status, code = 0, 0, ""
    with socket.create_connection(rig.daemon.address, timeout=TIMEOUT_S) as connection:
        connection.sendall(request("POST /v1/chat/completions", authorization, form))
        with suppress(ConnectionError):
            for block in _blocks(size_bytes, is_chunked=is_chunked):
                connection.sendall(block)
                taken_bytes += len(block)
                if not taken_bytes // len(block) % 16:
                    most_mb = max(most_mb, process.resident_mb(rig.daemon.process.pid))
                    if _has_answered(connection):
                        break
        with suppress(ConnectionError):
            answer = read_answer(connection)
            status, code = answer.status, str(answer.error["code"])
    most_mb = max(most_mb, process.resident_mb(rig.daemon.process.pid))
    return {
        "body": "chunked" if is_chunked else "with a length",
        "MiB": size_bytes // MIB,
        "status": status,
        "code": code,
        "MiB taken": round(taken_bytes / MIB, 1),
        "MB grown": round(most_mb - before_mb, 1),
    }


def _has_answered(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(TIMEOUT_S)


def _blocks(size_bytes: int, *, is_chunked: bool) -> Iterator[bytes]:
    for _ in range(size_bytes // len(BLOCK)):
        yield _CHUNK if is_chunked else BLOCK
    if is_chunked:
        yield b"0\r\n\r\n"


def _run(rig: Rig, ask: Ask) -> Tables:
    rows = [_upload(rig, ask.size * MIB, is_chunked=form) for form in (False, True)]
    return {"uploads": rows, "calls": [calls(rig, "after", ask.seconds)]}


MODE = Mode(
    "upload",
    "a body over the limit, with a length and chunked: the answer, what was taken, memory",
    sizes="MiB",
    size=1024,
    seconds=1.0,
    run=_run,
)
