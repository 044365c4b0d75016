"""A keep-alive HTTP/1.1 connection that costs its client little: for many calls at once."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

PATH = "/v1/chat/completions"

GONE = (OSError, asyncio.IncompleteReadError)
"""What reading and writing raise when the other side is not there any more."""


@dataclass(frozen=True)
class Head:
    """The beginning of an answer."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""


@dataclass
class Connection:
    """One call after another; whoever reads a head must read the body after it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: Head = field(init=False)
    """Of the last answer."""

    @classmethod
    async def open(cls, address: tuple[str, int]) -> "Connection":
        return cls(*await asyncio.open_connection(*address))

    async def post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Head:
        """Make a chat call; wait for the head of the answer."""
        self.send(body, headers)
        return await self.receive_head()

    def send(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Send a chat call."""
        data = json.dumps(body).encode()
        lines = [f"POST {PATH} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    async def receive_head(self) -> Head:
        """Wait for the head of an answer."""
        first, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in rest if line)
        found = {name.lower(): value for name, _, value in pairs}
        self.head = Head(int(first.split()[1]), found)
        return self.head

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Read the body of the last answer to its end, piece by piece."""
        if (length := self.head.headers.get("content-length")) is not None:
            yield await self.reader.readexactly(int(length))
            return
        size = 1
        while size:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            piece = (await self.reader.readexactly(size + 2))[:-2]
            if piece:
                yield piece

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Read the events of the last answer to its end: a piece may hold several."""
        rest = b""
        pieces = self.pieces()
        try:
            async for piece in pieces:
                *events, rest = (rest + piece).split(b"\n\n")
                for event in events:
                    yield event
        finally:
            await pieces.aclose()

    async def body(self) -> bytes:
        """Read the body of the last answer to its end."""
        return b"".join([piece async for piece in self.pieces()])

    async def aclose(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):  # the other side may have been first
            await self.writer.wait_closed()
