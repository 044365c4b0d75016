"""A stream between two dialects."""

import json

import pytest

from prismd.dialects.base import About
from prismd.dialects.completions import Completions
from prismd.dialects.openai import OpenAI
from prismd.dialects.translation import Translation
from prismd.kernel.errors import Internal, UpstreamError
from prismd.wire.common import Usage

ABOUT = About(id="req_1", model="m", created_s=7)
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def chunk(delta: dict[str, object], finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "choices": [choice], **more}).encode() + b"\n\n"


STREAM = (
    chunk({"role": "assistant", "reasoning_content": "hm"})
    + chunk({"content": "Hel"})
    + chunk({"content": "lo"})
    + chunk({}, "stop", usage=USAGE)
    + b"data: [DONE]\n\n"
)


def translation(json_tool: str | None = None) -> Translation:
    decoder = OpenAI().decoder(provider="p")
    return Translation(decoder, Completions(), ABOUT, json_tool=json_tool)


def test_the_client_gets_its_own_dialect_and_the_corridor_its_figures() -> None:
    following = translation()
    following.keep(max_chars=4)
    out = b"".join(following.feed(STREAM))
    assert following.is_done
    assert following.usage == Usage(input_tokens=3, output_tokens=2, requests=1)
    assert (following.output_chars, following.output_deltas) == (7, 3)
    texts = [json.loads(line[6:]) for line in out.decode().split("\n\n") if line]
    assert "".join(one["choices"][0]["text"] for one in texts if one["choices"]) == "Hello"
    assert following.last() == b"data: [DONE]\n\n"
    assert following.media_type.startswith("text/event-stream")
    assert following.is_cut
    assert json.loads(following.answer())["choices"][0]["text"] == "He"


def test_what_is_annotated_reaches_the_encoder() -> None:
    following = translation()
    following.annotate = lambda usage: b'{"in":%d}' % usage.input_tokens
    assert following.annotate is not None
    assert b'"prism":{"in":3}' in b"".join(following.feed(STREAM))


def test_the_call_of_the_answers_tool_is_the_answer() -> None:
    call = {"index": 0, "id": "1", "function": {"name": "json_answer", "arguments": '{"a":1}'}}
    following = translation("json_answer")
    stream = chunk({"tool_calls": [call]}) + chunk({}, "tool_calls") + b"data: [DONE]\n\n"
    out = b"".join(following.feed(stream))
    assert rb'"text":"{\"a\":1}"' in out
    assert b'"finish_reason":"stop"' in out


def test_a_stream_that_breaks_off_is_told() -> None:
    following = translation()
    assert list(following.feed(chunk({"content": "a"})))
    with pytest.raises(UpstreamError):
        list(following.end())
    assert not following.is_done
    assert b'"error"' in following.failed(Internal("broke"))
