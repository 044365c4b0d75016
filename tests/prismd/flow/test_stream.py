"""The relay settles exactly once, whatever ends the stream, and before the last bytes leave."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.base import About
from prismd.dialects.openai.follower import OpenAIStream
from prismd.flow.attempt import Begun
from prismd.flow.settle import CLIENT_CLOSED, Outcome
from prismd.flow.stream import Relay
from prismd.providers.base import Endpoint, ProviderSpec, Upstream
from prismd.routing.catalog import Provider
from prismd.routing.plan import Attempt
from tests.builders import make_call

FINISHED = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
CHUNK = b'data: {"choices":[{"delta":{"content":"abcd"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


class Answer:
    """A vendor's stream (the port ``UpstreamResponse``): its chunks, then silence or an end."""

    def __init__(self, chunks: list[bytes], *, hangs: bool = False) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.is_closed = False
        self._chunks = chunks
        self._hangs = hangs

    def take_body(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        return b""

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            await asyncio.sleep(0)
            yield chunk
        if self._hangs:
            await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.is_closed = True


class Case:
    """A relay with what it told the settlement, and what had left by then."""

    def __init__(self, chunks: list[bytes], *, hangs: bool = False, idle_s: float = 5.0) -> None:
        self.outcomes: list[Outcome] = []
        self.left_before: list[int] = []
        self.seen: list[bytes] = []
        self.answer = Answer(chunks, hangs=hangs)
        spec = ProviderSpec(type="openai", title="x", docs_url="x", base_url=None)
        upstream: Upstream = object()  # type: ignore[assignment]
        target = Provider("p", spec, None, upstream, None, is_local=False)
        decoder = OpenAIStream(About(id="r1", model="m", created_s=7), provider="p")
        begun = Begun(
            Attempt(target, "m", Endpoint("/x")),
            (),
            self.answer,
            self.answer.chunks(),
            decoder,
            decoder.feed(CHUNK),
            1.0,
        )
        call = make_call(stream=True)
        self.relay = Relay(call, begun, idle_timeout_s=idle_s, settle=self._settle)

    async def _settle(self, outcome: Outcome) -> None:
        await asyncio.sleep(0)
        self.left_before.append(len(self.seen))
        self.outcomes.append(outcome)

    async def read(self, at_most: int | None = None) -> None:
        try:
            async for event in self.relay:
                self.seen.append(event)
                if at_most is not None and len(self.seen) >= at_most:
                    break
        finally:
            await self.relay.aclose()


async def test_a_whole_stream_is_settled_before_its_end_marker_leaves() -> None:
    case = Case([CHUNK, CHUNK + DONE])
    await case.read()
    assert case.seen == [CHUNK, CHUNK, CHUNK, DONE]
    assert case.left_before == [3]
    (outcome,) = case.outcomes
    assert (outcome.status, outcome.is_complete, outcome.error_code) == (200, True, None)
    assert (outcome.usage, outcome.output_chars) == (None, 12)  # the settlement estimates
    assert case.answer.is_closed


async def test_a_stream_that_ends_early_has_an_error_and_no_end_marker() -> None:
    case = Case([CHUNK])
    await case.read()
    assert DONE not in case.seen
    assert b"upstream_closed_early" in case.seen[-1]
    assert case.left_before == [2]
    assert [one.status for one in case.outcomes] == [502]


@pytest.mark.parametrize("end", [[FINISHED], [FINISHED + DONE[:-1]], [FINISHED, DONE[:-2]]])
async def test_a_complete_answer_without_its_end_marker_is_complete(end: list[bytes]) -> None:
    case = Case([CHUNK, *end])
    await case.read()
    assert case.seen == [CHUNK, CHUNK, FINISHED, DONE]
    assert [one.is_complete for one in case.outcomes] == [True]


async def test_what_came_before_a_broken_event_leaves_before_the_error() -> None:
    case = Case([CHUNK + b"data: {oops\n\n"])
    await case.read()
    assert case.seen[:2] == [CHUNK, CHUNK]
    assert b"invalid_upstream_response" in case.seen[2]
    assert case.left_before == [2]


async def test_silence_ends_with_a_timeout() -> None:
    case = Case([], hangs=True, idle_s=0.01)
    await case.read()
    assert b"gateway_timeout" in case.seen[-1]
    assert [one.status for one in case.outcomes] == [504]


async def test_a_relay_that_was_never_read_is_settled_too() -> None:
    case = Case([CHUNK, DONE])
    await case.relay.aclose()
    assert [one.status for one in case.outcomes] == [CLIENT_CLOSED]
    assert case.answer.is_closed
    await case.relay.aclose()
    assert len(case.outcomes) == 1


@given(chunks=st.integers(0, 4), leaves_after=st.integers(1, 6), ends=st.booleans())
async def test_a_client_that_leaves_anywhere_is_settled_once(
    chunks: int, leaves_after: int, *, ends: bool
) -> None:
    case = Case([CHUNK] * chunks + ([DONE] if ends else []))
    await case.read(at_most=leaves_after)
    assert len(case.outcomes) == 1
    assert case.answer.is_closed
    (outcome,) = case.outcomes
    assert outcome.output_chars >= 4 * (min(leaves_after, chunks + 1) - 1)
    assert outcome.is_complete == (ends and leaves_after > chunks + 1)


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancel_at_any_moment_settles_once_and_closes_the_vendor(turns: int) -> None:
    case = Case([CHUNK, CHUNK], hangs=True)
    reading = asyncio.get_running_loop().create_task(case.read())
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    if turns:
        assert [one.status for one in case.outcomes] == [CLIENT_CLOSED]
        assert case.answer.is_closed
