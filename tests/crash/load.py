"""Clients that call a gateway without a pause while it dies and comes back, and note what they saw.

An answer is seen when its client has all of it: the whole body, or a stream's ``[DONE]``.
"""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.daemon_process import Key
from tests.keep_alive import GONE, Connection

RETRY_S = 0.02
"""Pause of a client whose gateway is not there."""
DONE = b"data: [DONE]"


@dataclass(frozen=True)
class Seen:
    """An answer that was received to its end."""

    key_id: str
    is_stream: bool
    tokens: tuple[int, int] | None
    """Of prompt and answer, as it said; None if it was a stream that did not."""
    cost_nano_usd: int | None
    """None if it did not say."""


@dataclass
class Load:
    """Concurrent callers. ``address`` is where they go; it may change at any time."""

    keys: list[Key]
    models: list[str]
    seed: int
    callers: int
    address: tuple[str, int]
    seen: dict[str, Seen] = field(default_factory=dict)
    """By request id."""
    refused: Counter[str] = field(default_factory=Counter)
    """Answers that were errors, by status and code."""
    running: int = 0
    """Calls that are waiting for the end of their answer."""
    cut: int = 0
    """Calls whose connection was gone before the end of the answer."""
    _is_over: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self) -> None:
        self._tasks = [
            asyncio.create_task(self._call_on(random.Random(f"{self.seed}/{number}")))
            for number in range(self.callers)
        ]

    async def end(self) -> None:
        """Let the running calls end, and begin no others."""
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def abort(self) -> None:
        """Drop everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _call_on(self, chance: random.Random) -> None:
        """Be one caller: call after call, on one connection while that holds."""
        connection: Connection | None = None
        try:
            while not self._is_over:
                try:
                    if connection is None:
                        connection = await Connection.open(self.address)
                    await self._call(connection, chance)
                except GONE:
                    if connection is not None:
                        await connection.aclose()
                        connection = None
                    await asyncio.sleep(RETRY_S)
        finally:
            if connection is not None:
                await connection.aclose()

    async def _call(self, connection: Connection, chance: random.Random) -> None:
        key = chance.choice(self.keys)
        is_stream = chance.random() < 0.5
        text = "say this again " * chance.randint(1, 8)
        body: dict[str, Any] = {
            "model": chance.choice(self.models),
            "messages": [{"role": "user", "content": text}],
            "stream": is_stream,
        }
        if is_stream and chance.random() < 0.5:
            body["stream_options"] = {"include_usage": True}
        if chance.random() < 0.5:
            body["max_tokens"] = chance.randint(1, 300)
        self.running += 1
        try:
            await self._answer(connection, key, body)
        except GONE:
            self.cut += 1
            raise
        finally:
            self.running -= 1

    async def _answer(self, connection: Connection, key: Key, body: dict[str, Any]) -> None:
        head = await connection.post(body, key.headers)
        if head.status != 200:
            error = json.loads(await connection.body())["error"]
            self.refused[f"{head.status} {error['code']}"] += 1
        elif not body["stream"]:
            answer = json.loads(await connection.body())
            cost = head.headers.get("x-prism-cost")
            nano_usd = None if cost is None else round(float(cost) * 1e9)
            self._note(head.headers["x-request-id"], key, answer, nano_usd, is_stream=False)
        else:
            await self._stream(connection, key)

    async def _stream(self, connection: Connection, key: Key) -> None:
        counted: dict[str, Any] = {}
        last = b""
        async for piece in connection.events():
            last = piece
            if b'"usage"' in piece:
                counted = json.loads(piece.removeprefix(b"data: "))
            if DONE in piece:
                nano_usd = counted.get("prism", {}).get("cost_nano_usd")
                request_id = connection.head.headers["x-request-id"]
                self._note(request_id, key, counted, nano_usd, is_stream=True)
        if DONE not in last:
            self.refused[f"stream: {last[:80]!r}"] += 1

    def _note(
        self,
        request_id: str,
        key: Key,
        answer: dict[str, Any],
        nano_usd: int | None,
        *,
        is_stream: bool,
    ) -> None:
        assert request_id not in self.seen, f"{request_id} was given twice"
        usage = answer.get("usage")
        tokens = (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
        self.seen[request_id] = Seen(key.id, is_stream, tokens, nano_usd)
