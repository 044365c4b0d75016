import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.base import About
from prismd.dialects.openai.follower import OpenAIStream
from prismd.kernel.errors import UpstreamError


def follower(*, wants_usage: bool = True) -> OpenAIStream:
    about = About(id="r1", model="m", created_s=7, wants_usage=wants_usage)
    return OpenAIStream(about, provider="p")


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


def delta(text: str) -> bytes:
    return event(id="c", choices=[{"index": 0, "delta": {"content": text}}], usage=None)


USAGE = event(id="c", choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2})
STREAM = delta("Hel") + delta("lo") + USAGE + b"data: [DONE]\n\n"


def relay(parts: list[bytes], *, wants_usage: bool) -> tuple[OpenAIStream, bytes]:
    stream = follower(wants_usage=wants_usage)
    return stream, b"".join(out for part in parts for out in stream.feed(part))


def test_with_usage_wanted_the_vendors_bytes_pass_untouched() -> None:
    stream, out = relay([STREAM], wants_usage=True)
    assert out == STREAM.removesuffix(b"data: [DONE]\n\n")
    assert stream.is_done
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (3, 2)
    assert stream.output_chars == 5


def test_without_it_every_trace_of_having_asked_is_taken_out() -> None:
    stream, out = relay([STREAM], wants_usage=False)
    assert b"usage" not in out
    assert b'"content":"Hel"' in out
    assert stream.usage is not None


@given(st.lists(st.integers(0, len(STREAM)), max_size=15))
def test_any_split_relays_the_same_bytes(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[a:b] for a, b in pairwise(places)]
    assert relay(parts, wants_usage=False)[1] == relay([STREAM], wants_usage=False)[1]


def test_an_event_of_another_shape_is_relayed_and_its_size_counted() -> None:
    odd = event(choices=[{"delta": {"content": [{"type": "text", "text": "hi"}]}}])
    stream, out = relay([odd], wants_usage=True)
    assert out == odd
    assert stream.output_chars == len(odd) - len(b"data: \n\n")


def test_text_that_looks_like_the_field_is_not_touched() -> None:
    _, out = relay([delta('say ,"usage":null now')], wants_usage=False)
    assert json.loads(out[6:])["choices"][0]["delta"]["content"] == 'say ,"usage":null now'


def test_nothing_passes_after_the_end_marker() -> None:
    _, out = relay([b"data: [DONE]\n\n", delta("late")], wants_usage=True)
    assert out == b""


@pytest.mark.parametrize(
    "bad", [b"data: {oops\n\n", b"data: \xff\n\n", b'data: {"error":{"message":"x"}}\n\n']
)
def test_a_broken_event_ends_the_stream_with_an_error(bad: bytes) -> None:
    stream = follower()
    assert list(stream.feed(delta("a")))
    with pytest.raises(UpstreamError) as caught:
        list(stream.feed(bad))
    assert caught.value.status == 502


def test_tool_arguments_and_reasoning_count_as_output() -> None:
    chunk = event(
        choices=[{"delta": {"reasoning_content": "abc", "tool_calls": [{"function": {}}]}}]
    )
    stream, _ = relay([chunk], wants_usage=True)
    assert stream.output_chars == 3 + len('{"function":{}}')


def test_what_precedes_a_broken_event_in_the_same_bytes_is_relayed_first() -> None:
    out = follower().feed(delta("a") + b"data: {oops\n\n")
    assert next(out) == delta("a")
    with pytest.raises(UpstreamError):
        next(out)


@pytest.mark.parametrize("empty", [b"data:\n\n", b"data: \n\n", b"data\n\n"])
def test_an_event_without_data_is_ignored(empty: bytes) -> None:
    _, out = relay([empty + delta("a")], wants_usage=True)
    assert out == delta("a")


def test_an_error_in_the_stream_keeps_the_vendors_own_text_and_code() -> None:
    stream = follower()
    said = event(error={"message": "The model is overloaded.", "code": "overloaded"})
    with pytest.raises(UpstreamError, match=r"The model is overloaded\.") as caught:
        list(stream.feed(said))
    assert (caught.value.status, caught.value.code) == (502, "overloaded")


FINISHED = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])


@pytest.mark.parametrize(
    "rest",
    [
        FINISHED,
        FINISHED.rstrip(),
        FINISHED + USAGE.removesuffix(b"\n"),
        b"data: [DONE]\n",
        b"data: [DONE]",
    ],
)
def test_an_answer_that_is_complete_may_end_without_its_end_marker(rest: bytes) -> None:
    stream, _ = relay([delta("a") + rest], wants_usage=True)
    list(stream.end())
    assert stream.is_done


def test_what_lacks_only_its_blank_line_is_relayed() -> None:
    stream, _ = relay([delta("a") + FINISHED.rstrip()], wants_usage=True)
    assert list(stream.end()) == [FINISHED]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        delta("a"),
        delta("a") + b'data: {"choi',
        event(choices=[{"index": 0, "finish_reason": "stop"}, {"index": 1, "delta": {}}]),
        event(choices=[{"index": 0, "delta": {}, "finish_reason": None}]),
    ],
)
def test_an_answer_that_is_not_complete_is_an_error(sent: bytes) -> None:
    stream, _ = relay([sent], wants_usage=True)
    with pytest.raises(UpstreamError) as caught:
        list(stream.end())
    assert caught.value.status == 502
