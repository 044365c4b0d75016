"""Relay a stream that has begun: the vendor's events as they come, settle, the end marker.

Invariant: the call is settled exactly once, whatever ends the stream, and the last bytes
(``[DONE]``, or the error event) leave only after the settlement is durable. After an error there
is no ``[DONE]``.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

from prismd.dialects.errors import error_event
from prismd.flow.attempt import Begun, next_events
from prismd.flow.replay import Transcript
from prismd.flow.settle import CLIENT_CLOSED, Outcome
from prismd.kernel import sse
from prismd.kernel.errors import PrismError, UpstreamTimeout
from prismd.kernel.tasks import finish
from prismd.wire.call import Call

Settle = Callable[[Outcome], Awaitable[object]]

STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Relay:
    """One running stream: iterate it once, then ``aclose`` it, also when it was never iterated."""

    def __init__(self, call: Call, begun: Begun, *, idle_timeout_s: float, settle: Settle) -> None:
        self._call = call
        self._begun = begun
        self._idle_timeout_s = idle_timeout_s
        self._settle = settle
        self._sent = Transcript(is_wanted=call.idempotency_key is not None)
        self._is_settled = False
        self._events = self._run()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the events that the client receives."""
        return self._events

    async def aclose(self) -> None:
        """Cut or give back the upstream connection, and settle if the end was not reached."""
        try:
            await self._events.aclose()
            await self._begun.response.aclose()
        finally:
            if not self._is_settled:
                await finish(self._close(CLIENT_CLOSED, "client_closed"))

    async def _run(self) -> AsyncGenerator[bytes, None]:
        decoder = self._begun.decoder
        try:
            for event in self._begun.first:
                yield self._sent.add(event)
            while not decoder.is_done:
                for event in await self._next():
                    yield self._sent.add(event)
        except PrismError as error:
            end = error_event(error, self._call.dialect)
            await self._close(error.status, error.code, end=end)
            yield end
        else:
            end = sse.encode(sse.DONE)
            await self._close(200, None, end=end)
            yield end

    async def _next(self) -> Iterator[bytes]:
        begun = self._begun
        try:
            async with asyncio.timeout(self._idle_timeout_s):
                return await next_events(begun.chunks, begun.decoder)
        except TimeoutError:
            provider = begun.attempt.provider.id
            msg = f"Provider '{provider}' sent nothing for {self._idle_timeout_s:g} s."
            raise UpstreamTimeout(msg, provider=provider) from None

    async def _close(
        self, status: int, error_code: str | None, *, end: bytes | None = None
    ) -> None:
        """Settle. ``end`` are the last bytes, None when the client left before them."""
        self._is_settled = True
        begun = self._begun
        answer = None if end is None else self._sent.answer(STREAM_HEADERS, end=end)
        await self._settle(
            Outcome(
                status=status,
                error_code=error_code,
                attempt=begun.attempt,
                usage=begun.decoder.usage,
                output_chars=begun.decoder.output_chars,
                is_complete=error_code is None,
                first_byte_s=begun.first_byte_s,
                answer=answer,
            )
        )
