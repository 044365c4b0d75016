"""Both doors give the same answers: the in-process one, and a real process over real sockets."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from prismd.dialects.base import HttpCall
from prismd.kernel.errors import UpstreamError, UpstreamTimeout
from prismd.kernel.outbound import Outbound
from prismd.kernel.sse import DONE, SseDecoder, SseEvent
from prismd.providers import openai
from prismd.providers.base import Upstream, UpstreamResponse
from prismd.providers.fake import FakeUpstream
from prismd.providers.fake.record import Entry, Outcome
from prismd.providers.sender import HttpUpstream
from tests.fake_process import FakeProcess

Chat = Callable[..., HttpCall]

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city", "unit"],
        },
    },
}


@pytest.fixture(params=["in-process", "http"])
def door(request: pytest.FixtureRequest) -> Upstream:
    if request.param == "http":
        upstream: Upstream = request.getfixturevalue("over_http")
        return upstream
    return FakeUpstream(provider_id="sim")


async def ask(upstream: Upstream, call: HttpCall) -> tuple[int, dict[str, str], bytes]:
    response = await upstream.send(call)
    try:
        return response.status, dict(response.headers), await response.read()
    finally:
        await response.aclose()


async def complete(upstream: Upstream, call: HttpCall) -> ChatCompletion:
    status, _, body = await ask(upstream, call)
    assert status == 200, body
    return ChatCompletion.model_validate_json(body)


async def stream(upstream: Upstream, call: HttpCall) -> list[bytes]:
    """Return the data of each event."""
    response = await upstream.send(call)
    assert response.headers["content-type"].startswith("text/event-stream")
    decoder = SseDecoder()
    events = [event async for chunk in response.chunks() for event in decoder.feed(chunk)]
    await response.aclose()
    assert list(decoder.feed(b"\n\n")) == [SseEvent(b"\n\n", None)]  # nothing was left
    return [event.data or b"" for event in events]


async def gather(response: UpstreamResponse, got: list[bytes]) -> None:
    async for chunk in response.chunks():
        got.append(chunk)  # noqa: PERF401  # keeps what came before an error


def without_ids(body: bytes) -> bytes:
    body = re.sub(rb"(chatcmpl-|call_)[0-9a-v]+", rb"\1", body)
    return re.sub(rb'"created":\d+', b'"created":0', body)


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("echo", {}),
    ("fake/echo+chunk=3", {"text": "one two three four five"}),
    ("lorem", {"n": 2, "stream_options": {"include_usage": True}}),
    ("lorem+tokens=200", {"max_tokens": 20}),
    ("tools", {"tools": [WEATHER]}),
    ("json", {"response_format": {"type": "json_object"}}),
    ("reason", {"stream_options": {"include_usage": True}}),
    ("echo+status=429+retry-after=2", {}),
    ("echo+malformed=2", {}),
    ("echo+usage=7,9", {"stream_options": {"include_usage": True}}),
    ("nope", {}),
    ("echo+nope=1", {}),
    ("echo", {"max_tokens": 0}),
]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(("model", "body"), CALLS)
async def test_both_doors_give_the_same_bytes(
    model: str, body: dict[str, Any], is_stream: bool, over_http: HttpUpstream, chat: Chat
) -> None:
    call = chat(model, stream=is_stream, **body)
    inside = await ask(FakeUpstream(), call)
    outside = await ask(over_http, call)
    assert inside[0] == outside[0]
    assert without_ids(inside[2]) == without_ids(outside[2])
    for name in ("content-type", "retry-after"):
        assert inside[1].get(name) == outside[1].get(name)


async def test_both_doors_list_the_models(door: Upstream) -> None:
    assert await door.list_models() == ["echo", "lorem", "tools", "json", "reason"]


async def test_ids_are_unique_and_nothing_else_differs(door: Upstream, chat: Chat) -> None:
    bodies = [(await ask(door, chat("lorem")))[2] for _ in range(2)]
    assert json.loads(bodies[0])["id"] != json.loads(bodies[1])["id"]
    assert without_ids(bodies[0]) == without_ids(bodies[1])


async def test_a_stream_has_the_shape_of_openai(door: Upstream, chat: Chat) -> None:
    call = chat("echo", "Good day.", stream=True, stream_options={"include_usage": True})
    events = await stream(door, call)
    assert events[-1] == DONE
    chunks = [ChatCompletionChunk.model_validate_json(event) for event in events[:-1]]
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in chunks[1:-2]] == ["Good", " day", "."]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (10, 3)
    assert all(json.loads(event)["usage"] is None for event in events[:-2])


async def test_a_stream_without_the_option_does_not_mention_usage(
    door: Upstream, chat: Chat
) -> None:
    events = await stream(door, chat("echo", stream=True))
    assert all(b"usage" not in event for event in events)


@pytest.mark.parametrize("model", ["lorem", "tools", "json", "reason"])
async def test_stream_and_plain_answer_say_the_same(model: str, door: Upstream, chat: Chat) -> None:
    options = {"tools": [WEATHER], "response_format": {"type": "json_object"}}
    plain = (await complete(door, chat(model, **options))).choices[0]
    chunks = [
        ChatCompletionChunk.model_validate_json(event).choices[0]
        for event in (await stream(door, chat(model, stream=True, **options)))[:-1]
    ]
    assert "".join(chunk.delta.content or "" for chunk in chunks) == (plain.message.content or "")
    thoughts = "".join(getattr(chunk.delta, "reasoning_content", "") for chunk in chunks)
    assert thoughts == getattr(plain.message, "reasoning_content", "")
    calls = [call for chunk in chunks for call in chunk.delta.tool_calls or ()]
    if plain.message.tool_calls:
        function = plain.message.tool_calls[0].function  # type: ignore[union-attr]
        assert calls[0].id
        assert calls[0].function is not None
        assert calls[0].function.name == function.name
        fragments = [call.function.arguments or "" for call in calls if call.function]
        assert len(fragments) > 2
        assert "".join(fragments) == function.arguments
    assert chunks[-1].finish_reason == plain.finish_reason


async def test_latency_and_rate_are_kept(door: Upstream, chat: Chat) -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    response = await door.send(chat("lorem+latency=50ms+rate=100", max_tokens=5, stream=True))
    head_s = clock() - started
    await response.read()
    total_s = clock() - started
    await response.aclose()
    assert head_s >= 0.05
    assert total_s >= 0.1


async def test_a_plain_answer_waits_for_all_its_tokens(door: Upstream, chat: Chat) -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    await ask(door, chat("lorem+rate=100", max_tokens=10))
    assert clock() - started >= 0.1


async def test_headers_say_the_same_as_the_suffix_and_win(door: Upstream, chat: Chat) -> None:
    headers = {"x-prism-fake-status": "503", "x-prism-fake-retry-after": "7"}
    status, answered, body = await ask(door, chat("echo+status=429", headers=headers))
    assert (status, answered["retry-after"]) == (503, "7")
    assert json.loads(body)["error"]["code"] == "overloaded"


async def test_a_cut_stream_breaks_after_n_events(door: Upstream, chat: Chat) -> None:
    response = await door.send(chat("echo+cut=2", stream=True))
    got: list[bytes] = []
    with pytest.raises(UpstreamError, match="'sim'"):
        await gather(response, got)
    await response.aclose()
    assert b"".join(got).count(b"data: ") == 2


async def test_a_cut_plain_answer_breaks(door: Upstream, chat: Chat) -> None:
    response = await door.send(chat("echo+cut=1"))
    assert response.status == 200
    with pytest.raises(UpstreamError):
        await response.read()
    await response.aclose()


async def test_a_cut_after_the_end_changes_nothing(door: Upstream, chat: Chat) -> None:
    assert (await stream(door, chat("echo+cut=1000", stream=True)))[-1] == DONE


async def test_the_wanted_event_is_malformed_and_the_others_are_not(
    door: Upstream, chat: Chat
) -> None:
    events = await stream(door, chat("echo+malformed=2", stream=True))
    with pytest.raises(ValueError):
        json.loads(events[1])
    for event in (events[0], *events[2:-1]):
        json.loads(event)


async def test_a_malformed_plain_answer_arrives_whole_but_is_no_json(
    door: Upstream, chat: Chat
) -> None:
    status, _, body = await ask(door, chat("echo+malformed=1"))
    assert status == 200
    with pytest.raises(ValueError):
        json.loads(body)


async def test_hang_0_never_gives_a_head(door: Upstream, chat: Chat) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await door.send(chat("echo+hang=0"))


async def test_hang_n_gives_n_events_and_then_nothing(door: Upstream, chat: Chat) -> None:
    response = await door.send(chat("echo+hang=2", stream=True))
    got: list[bytes] = []
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gather(response, got), 0.2)
    await response.aclose()
    assert b"".join(got).count(b"data: ") == 2


async def test_the_sender_gives_up_on_a_silent_vendor(
    fake_process: FakeProcess, outbound: Outbound, chat: Chat
) -> None:
    impatient = HttpUpstream(
        openai.SPEC,
        provider_id="sim",
        base_url=fake_process.url,
        timeout_s=0.1,
        outbound=outbound,
    )
    with pytest.raises(UpstreamTimeout, match=r"no answer within 0\.1 s"):
        await impatient.send(chat("echo+hang=0"))


async def test_claimed_usage_is_told_and_recorded(chat: Chat) -> None:
    entries: list[Entry] = []
    upstream = FakeUpstream(sink=entries.append)
    answer = await complete(upstream, chat("echo+usage=1000,2000", "Hi"))
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (1000, 3000)
    assert entries[0].usage is not None
    assert entries[0].usage.output_tokens == 2000
    assert entries[0].output_tokens_sent == 1


async def test_closing_in_process_stops_a_reader_at_once(chat: Chat) -> None:
    entries: list[Entry] = []
    response = await FakeUpstream(sink=entries.append).send(chat("echo+hang=1", stream=True))
    reading = response.chunks()
    assert await anext(reading)
    async with asyncio.timeout(1), asyncio.TaskGroup() as group:
        waiting = group.create_task(_next_or_error(reading))
        await asyncio.sleep(0)
        await response.aclose()
    assert waiting.result() == "UpstreamError"
    assert [entry.outcome for entry in entries] == [Outcome.CLIENT_GONE]


async def _next_or_error(reading: AsyncIterator[bytes]) -> str:
    try:
        await anext(reading)
    except UpstreamError as error:
        return type(error).__name__
    return "more"


async def test_an_answer_that_was_not_read_counts_as_left(chat: Chat) -> None:
    entries: list[Entry] = []
    response = await FakeUpstream(sink=entries.append).send(chat("echo"))
    await response.aclose()
    await response.aclose()
    assert [(entry.outcome, entry.bytes_sent) for entry in entries] == [(Outcome.CLIENT_GONE, 0)]


async def test_a_cancelled_send_is_recorded(chat: Chat) -> None:
    entries: list[Entry] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await FakeUpstream(sink=entries.append).send(chat("echo+latency=10s"))
    assert entries[0].outcome is Outcome.CLIENT_GONE


async def test_who_stops_at_done_has_had_the_whole_answer(chat: Chat) -> None:
    entries: list[Entry] = []
    response = await FakeUpstream(sink=entries.append).send(chat("echo", stream=True))
    async for chunk in response.chunks():
        if DONE in chunk:
            break
    await response.aclose()
    assert entries[0].outcome is Outcome.FINISHED
