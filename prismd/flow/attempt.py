"""Send to the planned targets in order until one answers; the first byte of an answer commits.

A stream counts as answered when its first event is here: until then an error is a real HTTP error
and the next target can be tried; after that there is no way back.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from prismd.dialects.openai import chat_call, read_error, read_usage
from prismd.dialects.openai_stream import OpenAIStream
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import NoTarget, UpstreamError, UpstreamTimeout
from prismd.metering.trace import Trace
from prismd.providers.base import UpstreamResponse
from prismd.routing.plan import Attempt
from prismd.snapshot import Snapshot
from prismd.wire.call import Call
from prismd.wire.common import Usage

_FAKE_HEADERS = "x-prism-fake-"
_SUCCESS = 200
_PROVIDER_FAULTS = frozenset({401, 403, 408, 429})
"""Vendor 4xx about the gateway's account or the vendor's state, not about the caller's request."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A complete answer."""

    attempt: Attempt
    body: bytes
    usage: Usage | None
    first_byte_s: float


@dataclass(frozen=True, slots=True)
class Begun:
    """A stream whose first events are here. ``response`` must be closed by whoever relays it."""

    attempt: Attempt
    response: UpstreamResponse
    chunks: AsyncIterator[bytes]
    decoder: OpenAIStream
    first: list[bytes]
    first_byte_s: float


async def attempt(
    gateway: Gateway, snap: Snapshot, call: Call, planned: tuple[Attempt, ...], trace: Trace
) -> Whole | Begun:
    """Return the first answer.

    Raises:
        UpstreamError: the last target's failure, or the caller's own mistake as the vendor saw it.
        NoTarget: several targets were tried and none was available.
    """
    deadline_s = call.started_s + snap.timeout_s(call, planned[0].provider.id)
    for number, target in enumerate(planned, start=1):
        started_s = clock.monotonic_s()
        try:
            answer = await _send_before(deadline_s, call, target)
        except UpstreamError as error:
            trace.attempt(
                target.provider.id, target.model, status=error.upstream_status, outcome=error.code
            )
            _note_failure(gateway, target, error, started_s)
            if not snap.failover_covers(error):
                raise
            if number == len(planned):
                raise _exhausted(planned, error) from error
        except asyncio.CancelledError:
            trace.attempt(target.provider.id, target.model, status=None, outcome="client_closed")
            raise
        else:
            trace.attempt(target.provider.id, target.model, status=_SUCCESS, outcome="ok")
            _note_success(gateway, target, answer.first_byte_s - started_s)
            return answer
    raise AssertionError  # a plan holds at least one attempt


async def _send_before(deadline_s: float, call: Call, target: Attempt) -> Whole | Begun:
    remaining_s = deadline_s - clock.monotonic_s()
    try:
        async with asyncio.timeout(max(0.0, remaining_s)):
            return await _send(call, target)
    except TimeoutError:
        waited_s = clock.monotonic_s() - call.started_s
        msg = f"Provider '{target.provider.id}' did not answer within {waited_s:.1f} s."
        raise UpstreamTimeout(msg, provider=target.provider.id) from None


async def _send(call: Call, target: Attempt) -> Whole | Begun:
    provider = target.provider
    request = chat_call(call.request, path=target.endpoint.path, model=target.model)
    if provider.is_local:
        fake = tuple(item for item in call.headers.items() if item[0].startswith(_FAKE_HEADERS))
        request = replace(request, headers=(("x-request-id", call.id), *fake))
    response = await provider.upstream.send(request)
    keep_open = False
    try:
        if response.status != _SUCCESS:
            body = await response.read()
            raise read_error(response.status, response.headers, body, provider=provider.id)
        first_byte_s = clock.monotonic_s()
        if not call.request.is_stream:
            body = await response.read()
            usage = read_usage(body, provider=provider.id)
            return Whole(target, body, usage, first_byte_s)
        begun = await _begin(call, target, response)
        keep_open = True
        return begun
    finally:
        if not keep_open:
            await response.aclose()


async def _begin(call: Call, target: Attempt, response: UpstreamResponse) -> Begun:
    provider_id = target.provider.id
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        read_usage(await response.read(), provider=provider_id)
        msg = f"Provider '{provider_id}' answered a stream request without a stream."
        raise UpstreamError(msg, provider=provider_id, code="invalid_upstream_response")
    decoder = OpenAIStream(provider=provider_id, wants_usage=call.request.wants_usage)
    chunks = response.chunks()
    async for chunk in chunks:
        first = decoder.feed(chunk)
        if first or decoder.is_done:
            return Begun(target, response, chunks, decoder, first, clock.monotonic_s())
    msg = f"Provider '{provider_id}' ended the stream before its first event."
    raise UpstreamError(msg, provider=provider_id, code="upstream_closed_early")


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


def _exhausted(planned: tuple[Attempt, ...], last: UpstreamError) -> UpstreamError:
    if len(planned) == 1:
        return last
    names = ", ".join(target.provider.id for target in planned)
    return NoTarget(
        f"All {len(planned)} providers of this model failed ({names}). Last: {last.message}",
        provider=last.provider,
        upstream_status=last.upstream_status,
        retry_after_s=last.retry_after_s or 1.0,
    )
