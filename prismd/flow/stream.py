"""Relay a stream that has begun: the vendor's events as they come, settle, the end marker.

Invariant: no byte leaves before the call's hold is durable; the call is settled exactly once,
whatever ends the stream; and the last bytes (``[DONE]``, or the error event) leave only after the
settlement is durable. After an error there is no ``[DONE]``.

When the client leaves, the provider's connection is cut at once and what was produced is estimated;
or, if the provider is to be drained, its answer is read to the end in the background, because some
bill all of it anyway and only its end says how much that is.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

from msgspec.structs import replace

from prismd.flow.attempt import Begun, next_events
from prismd.flow.drain import DRAIN_S, Drain, Pump
from prismd.flow.replay import Transcript
from prismd.flow.reserve import Reservation
from prismd.flow.settle import CLIENT_CLOSED, Outcome
from prismd.gateway import Gateway
from prismd.kernel.errors import Internal, PrismError, UpstreamTimeout
from prismd.kernel.tasks import Deadline, finish
from prismd.metering.tokens import estimate_chars
from prismd.routing.plan import Attempt
from prismd.store import ledger
from prismd.store.db import Tx
from prismd.store.ledger import LedgerMismatch
from prismd.wire.call import Call
from prismd.wire.common import Usage

SUCCESS = 200

Settle = Callable[[Outcome], Awaitable[object]]


async def hold_durably(gateway: Gateway, reservation: Reservation, begun: Begun) -> None:
    """Wait until the hold of a stream is durable; from then on its bytes may leave.

    Raises:
        Overloaded: it could not be written, and the stream is cut.
    """
    if begun.attempt is not reservation.targets.attempts[0]:
        call = replace(
            reservation.call,
            provider=begun.attempt.provider.id,
            upstream_model=begun.attempt.model,
            price=reservation.price_of(begun.attempt),
        )

        def write(tx: Tx) -> None:
            ledger.answered_by(tx, reservation.hold.request_id, call)

        gateway.stores.state.write_soon(write)
    assert reservation.written is not None  # noqa: S101  # that of a stream is waited for
    try:
        await reservation.written
    except LedgerMismatch:
        await begun.response.aclose()
        msg = "The books of this key do not agree. Ask the operator: 'prismctl ledger verify'."
        raise Internal(msg, code="ledger_mismatch") from None
    except BaseException:
        await begun.response.aclose()
        raise


class Relay:
    """One running stream: iterate it once, then ``aclose`` it, also when it was never iterated."""

    def __init__(
        self,
        call: Call,
        begun: Begun,
        *,
        idle_timeout_s: float,
        settle: Settle,
        drain: Drain | None = None,
    ) -> None:
        """Take over a stream.

        Args:
            call: The call.
            begun: Its answer so far.
            idle_timeout_s: How long the provider may be silent.
            settle: Called once, with how the stream ended.
            drain: Where it is read on when the client leaves; None: it is cut then.
        """
        self._call = call
        self._begun = begun
        self._idle_timeout_s = idle_timeout_s
        self._settle = settle
        self._drain_in = drain
        self._sent = Transcript(is_wanted=call.idempotency_key is not None)
        self._is_settled = False
        self._stopped: PrismError | None = None
        self._pump = Pump(begun.chunks, drain.tasks) if drain else None
        self._chunks = self._pump or begun.chunks
        self._events = self._run()

    @property
    def attempt(self) -> Attempt:
        """Return the attempt that answers."""
        return self._begun.attempt

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the events that the client receives."""
        return self._events

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that say what the body is."""
        return {"content-type": self._begun.follower.media_type, "cache-control": "no-cache"}

    @property
    def output_tokens(self) -> int:
        """What has been generated so far, as estimated."""
        follower = self._begun.follower
        return max(estimate_chars(follower.output_chars), follower.output_deltas)

    async def stop(self, error: PrismError) -> None:
        """End it now: the client is told why, and the provider is let go."""
        self._stopped = error
        await self._begun.response.aclose()

    async def aclose(self) -> None:
        """Cut, drain or give back the upstream connection; settle if the end was not reached."""
        try:
            await self._events.aclose()
        finally:
            if self._is_settled:
                await self._let_go()
            elif self._drain_in is not None and self._drain_in.has_room:
                self._drain_in.tasks.spawn(self._drain(self._drain_in.slots), name="drain")
            else:
                await self._leave()

    async def _leave(self) -> None:
        try:
            await self._let_go()
        finally:
            status, code = CLIENT_CLOSED, "client_closed"
            if self._stopped is not None:
                status, code = self._stopped.status, self._stopped.code
            await finish(self._close(status, code))

    async def _let_go(self) -> None:
        if self._pump is not None:
            self._pump.stop()
        await self._begun.response.aclose()

    async def _drain(self, slots: asyncio.Semaphore) -> None:
        follower = self._begun.follower
        try:
            async with slots, asyncio.timeout(DRAIN_S):
                deque(self._begun.first, maxlen=0)
                while not follower.is_done:
                    deque(await next_events(self._chunks, follower), maxlen=0)
        except (PrismError, TimeoutError):
            pass  # what has come so far is what is known
        finally:
            await self._leave()

    async def _run(self) -> AsyncGenerator[bytes, None]:
        follower = self._begun.follower
        try:
            events = self._begun.first
            while True:
                # What came together leaves together; what comes before a fault leaves before it.
                ready, fault = _gather(events)
                if ready:
                    yield self._sent.add(ready)
                if fault is not None:
                    raise fault
                if follower.is_done:
                    break
                events = await self._next()
        except PrismError as error:
            told = self._stopped or error
            yield await self._last(told.status, told)
        else:
            yield await self._last(SUCCESS, None)

    async def _next(self) -> Iterator[bytes]:
        begun = self._begun
        try:
            with Deadline(self._idle_timeout_s):
                return await next_events(self._chunks, begun.follower)
        except TimeoutError:
            provider = begun.attempt.provider.id
            msg = f"Provider '{provider}' sent nothing for {self._idle_timeout_s:g} s."
            raise UpstreamTimeout(msg, provider=provider) from None

    async def _last(self, status: int, error: PrismError | None) -> bytes:
        """Settle, and return the end marker, or the event that says why there is none."""
        follower = self._begun.follower
        end = follower.failed(error) if error else follower.last()
        try:
            await self._close(status, error.code if error else None, end=end)
        except PrismError as refused:  # by the disk: what is not written is not finished
            return follower.failed(refused)
        return end

    async def _close(
        self, status: int, error_code: str | None, *, end: bytes | None = None
    ) -> None:
        """Settle, once. ``end`` are the last bytes; None when the client left before them."""
        if self._is_settled:
            return
        self._is_settled = True
        follower = self._begun.follower
        usage = follower.usage
        if usage is None and not follower.output_chars and status not in (SUCCESS, CLIENT_CLOSED):
            usage = Usage()  # the provider failed before it produced anything
        await self._settle(
            Outcome(
                status=status,
                error_code=error_code,
                attempt=self._begun.attempt,
                usage=usage,
                output_chars=follower.output_chars,
                output_deltas=follower.output_deltas,
                is_complete=error_code is None,
                first_byte_s=self._begun.first_byte_s,
                answer=None if end is None else self._sent.answer(self.headers, end=end),
                follower=follower,
            )
        )


def _gather(events: Iterator[bytes]) -> tuple[bytes, PrismError | None]:
    """Return the events up to the first fault, and the fault."""
    ready: list[bytes] = []
    try:
        ready.extend(events)  # keeps what it got when it fails
    except PrismError as error:
        return b"".join(ready), error
    return b"".join(ready), None
