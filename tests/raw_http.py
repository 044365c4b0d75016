"""Send bytes as they are: for requests that no client library would send."""

import contextlib
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    """Lower-case names; a repeated header is joined with commas."""
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error object; fails when the body is no error envelope."""
        body = json.loads(self.body)
        assert body.keys() == {"error"}, body
        error: dict[str, Any] = body["error"]
        assert error.keys() == {"message", "type", "param", "code"}, error
        return error


def exchange(address: tuple[str, int], parts: Iterable[bytes]) -> Answer:
    """Send the parts one after another, as far as the other side takes them; read one answer."""
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """Read one answer of a request that was no HEAD."""
    with contextlib.closing(HTTPResponse(connection)) as response:
        response.begin()
        body = response.read()
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            before = headers.get(name.lower())
            headers[name.lower()] = value if before is None else f"{before}, {value}"
        return Answer(response.status, headers, body)


def request(line: str, *headers: str, body: bytes = b"", host: str | None = "127.0.0.1") -> bytes:
    """Write a request: its first line without the version, its headers; Host unless None."""
    lines = [f"{line} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
