"""Send to the planned targets in order until one answers; the first byte of an answer commits.

A stream counts as answered when its first event is here: until then an error is a real HTTP error
and the next target can be tried; after that there is no way back.

One deadline covers all targets. Where a target that is too slow is followed by the next one, each
has an equal share of the time that is left when its turn comes, and the last has all of it: of 60 s
for three, a silent first gets 20 s, a silent second 20 s. Otherwise the first may use up all.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from itertools import chain, islice

import msgspec

from prismd.dialects.base import Follower
from prismd.dialects.vendor_error import read_error
from prismd.flow.reserve import Reservation
from prismd.flow.saying import NotAllSaid, Saying, say
from prismd.flow.walk import Walk
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import NoTarget, PrismError, UpstreamError, UpstreamTimeout
from prismd.kernel.tasks import Deadline
from prismd.providers.base import UpstreamResponse
from prismd.routing.plan import Attempt
from prismd.wire.bodies import MAX_STREAM_CHARS
from prismd.wire.call import Call
from prismd.wire.common import Usage

_SUCCESS = 200
_STREAM_TYPES = ("text/event-stream", "application/vnd.amazon.eventstream")
_PROVIDER_FAULTS = frozenset({401, 403, 408, 429})
"""Vendor 4xx about the gateway's account or the vendor's state, not about the caller's request."""


class Whole(msgspec.Struct, frozen=True, eq=False):
    """A complete answer, in the caller's dialect."""

    attempt: Attempt
    drops: tuple[str, ...]
    """What of the request the provider was not told: its dialect has no words for it."""
    body: bytes
    usage: Usage | None
    first_byte_s: float


class Begun(msgspec.Struct, frozen=True, eq=False):
    """A stream whose first event is here. ``response`` must be closed by whoever relays it."""

    attempt: Attempt
    drops: tuple[str, ...]
    response: UpstreamResponse
    chunks: AsyncIterator[bytes]
    follower: Follower
    first: Iterator[bytes]
    """What the first bytes hold. An error behind the first event is raised when its turn comes."""
    first_byte_s: float


async def attempt(walk: Walk, reservation: Reservation) -> Whole | Begun:
    """Return the first answer of the attempts that were reserved.

    Raises:
        UpstreamError: the last target's failure, or the caller's own mistake as the vendor saw it.
        NoTarget: several targets were tried and none was available.
        NotAllSaid: the caller is strict, and no target can be told all.
    """
    gateway, snap, call, trace = walk.gateway, walk.snap, walk.call, walk.trace
    planned = reservation.targets.attempts
    allowed_s = reservation.targets.timeout_s
    is_callers_limit = call.timeout_s is not None and call.timeout_s < allowed_s
    deadline_s = call.started_s + (allowed_s if call.timeout_s is None else call.timeout_s)
    failures: list[UpstreamError] = []
    unsaid: NotAllSaid | None = None
    for position, target in enumerate(planned):
        started_s = clock.monotonic_s()
        sharing = len(planned) - position if snap.tries_next_on_timeout else 1
        share_s = (deadline_s - started_s) / sharing
        if share_s <= 0:
            break
        try:
            try:
                with Deadline(share_s):
                    answer = await _send(walk, target, reservation.output_limit)
            except TimeoutError:
                raise _too_slow(target, share_s) from None
        except UpstreamError as error:
            trace.attempt(
                target.provider.id, target.model, status=error.upstream_status, outcome=error.code
            )
            if not (is_callers_limit and isinstance(error, UpstreamTimeout)):
                _note_failure(gateway, target, error, started_s)
            if not snap.failover_covers(error):
                raise
            failures.append(error)
        except NotAllSaid as error:  # it was not asked
            trace.attempt(target.provider.id, target.model, status=None, outcome=error.code)
            unsaid = unsaid or error
        except asyncio.CancelledError:
            trace.attempt(target.provider.id, target.model, status=None, outcome="client_closed")
            raise
        else:
            trace.attempt(target.provider.id, target.model, status=_SUCCESS, outcome="ok")
            _note_success(gateway, target, answer.first_byte_s - started_s)
            return answer
    raise _exhausted(planned[0], failures, unsaid) from (failures[-1] if failures else None)


def _too_slow(target: Attempt, share_s: float) -> UpstreamTimeout:
    waited = f"{share_s:.1f} s" if share_s >= 1 else f"{math.ceil(share_s * 1000)} ms"
    msg = f"Provider '{target.provider.id}' did not answer within {waited}."
    return UpstreamTimeout(msg, provider=target.provider.id)


async def _send(walk: Walk, target: Attempt, output_limit: int | None) -> Whole | Begun:
    call, provider = walk.call, target.provider
    saying = await say(walk, target, output_limit)
    response = await provider.upstream.send(saying.request)
    first_byte_s = clock.monotonic_s()
    is_success = response.status == _SUCCESS
    if is_success and call.request.is_stream:
        return await _begin(call, target, saying, response)
    if (body := response.take_body()) is None:
        try:
            body = await response.read()
        finally:
            await response.aclose()
    if not is_success:
        raise read_error(response.status, response.headers, body, provider=provider.id)
    body, usage = saying.read(body)
    return Whole(target, saying.drops, body, usage, first_byte_s)


async def _begin(call: Call, target: Attempt, saying: Saying, response: UpstreamResponse) -> Begun:
    """Wait for the first event of a stream; what does not become one is closed."""
    begun: Begun | None = None
    try:
        begun = await _first_event(call, target, saying, response)
    finally:
        if begun is None:
            await response.aclose()
    return begun


async def _first_event(
    call: Call, target: Attempt, saying: Saying, response: UpstreamResponse
) -> Begun:
    provider_id = target.provider.id
    if not response.headers.get("content-type", "").startswith(_STREAM_TYPES):
        saying.read(await response.read())
        msg = f"Provider '{provider_id}' answered a stream request without a stream."
        raise UpstreamError(msg, provider=provider_id, code="invalid_upstream_response")
    follower = saying.follow()
    if call.body is not None:
        follower.keep(max_chars=MAX_STREAM_CHARS)
    chunks = response.chunks()
    while True:
        events = await next_events(chunks, follower)
        first = list(islice(events, 1))
        if first or follower.is_done:
            first_byte_s = clock.monotonic_s()
            return Begun(
                target,
                saying.drops,
                response,
                chunks,
                follower,
                chain(first, events),
                first_byte_s,
            )


async def next_events(chunks: AsyncIterator[bytes], follower: Follower) -> Iterator[bytes]:
    """Wait for the vendor's next bytes, or their end; return the events that these complete."""
    try:
        return follower.feed(await anext(chunks))
    except StopAsyncIteration:
        return follower.end()


def _note_success(gateway: Gateway, target: Attempt, first_byte_after_s: float) -> None:
    gateway.health.served(
        target.provider.id,
        latency_ms=first_byte_after_s * 1000,
        now_s=clock.monotonic_s(),
        wall_s=clock.wall_s(),
    )


def _note_failure(
    gateway: Gateway, target: Attempt, error: UpstreamError, started_s: float
) -> None:
    now_s, status = clock.monotonic_s(), error.upstream_status
    if status is not None and 400 <= status < 500 and status not in _PROVIDER_FAULTS:  # noqa: PLR2004
        _note_success(gateway, target, now_s - started_s)
        return
    # Not the vendor's own text: it may quote the prompt.
    said = error.code if status is None else f"{error.code} (status {status})"
    gateway.health.failed(target.provider.id, error=said, now_s=now_s, wall_s=clock.wall_s())


def _exhausted(
    first: Attempt, failures: list[UpstreamError], unsaid: NotAllSaid | None
) -> PrismError:
    """Return why nobody has answered."""
    if not failures:
        msg = "The time for this call was over before a provider could be asked."
        return unsaid or UpstreamTimeout(msg, provider=first.provider.id)
    last = failures[-1]
    if len(failures) == 1:
        return last
    names = ", ".join(error.provider for error in failures)
    return NoTarget(
        f"All {len(failures)} providers of this model failed ({names}). Last: {last.message}",
        provider=last.provider,
        upstream_status=last.upstream_status,
        retry_after_s=last.retry_after_s or 1.0,
    )
