"""Streams whose bodies are kept are put together as the whole answers that they are."""

import json
from typing import Any

from prismd.dialects.base import About
from prismd.dialects.gather import MAX_PARTS, text_of
from prismd.dialects.openai.answer import read_answer
from prismd.dialects.openai.follower import OpenAIStream
from prismd.kernel.sse import encode


def answer_text(body: bytes) -> str:
    return text_of(read_answer(body, provider="p"))


def put_together(*chunks: dict[str, Any] | bytes, max_chars: int = 1_000) -> OpenAIStream:
    stream = OpenAIStream(About(id="r1", model="asked", created_s=7), provider="p")
    stream.keep(max_chars=max_chars)
    for chunk in chunks:
        data = chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()
        list(stream.feed(encode(data)))
    return stream


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def test_text_usage_and_end_are_those_of_the_stream() -> None:
    head = {"id": "c1", "created": 7, "model": "m"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    whole = put_together(
        {**head, **delta(role="assistant", content="")},
        {**head, **delta(content="Hel")},
        {**head, **delta(content="lo", reasoning_content="hm")},
        {**head, **delta(finish="stop")},
        {**head, "choices": [], "usage": usage},
        b"[DONE]",
    )
    body = json.loads(whole.answer())
    assert body == {
        **head,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "refusal": None,
                    "reasoning_content": "hm",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": body["usage"],
    }
    assert body["usage"].items() >= usage.items()
    assert answer_text(whole.answer()) == "Hello"
    assert not whole.is_cut


def test_tool_calls_come_in_pieces() -> None:
    first = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f"}}
    other = {"index": 1, "id": "t2", "function": {"name": "g", "arguments": "{}"}}
    body = put_together(
        delta(tool_calls=[first]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}, other]),
        delta(finish="tool_calls"),
    ).answer()
    [choice] = json.loads(body)["choices"]
    assert choice["message"]["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    assert 'f({"a":1})' in answer_text(body)


def test_choices_are_kept_apart() -> None:
    body = put_together(
        delta(1, content="b"), delta(0, content="a"), delta(1, content="B")
    ).answer()
    said = [choice["message"]["content"] for choice in json.loads(body)["choices"]]
    assert said == ["a", "bB"]


def test_what_is_too_long_is_cut_and_says_so() -> None:
    whole = put_together(delta(content="abcdef"), delta(content="ghi"), max_chars=7)
    assert answer_text(whole.answer()) == "abcdefg"
    assert whole.is_cut
    many = put_together(*(delta(n, content="x") for n in range(MAX_PARTS + 1)))
    assert many.is_cut
    assert len(json.loads(many.answer())["choices"]) == MAX_PARTS


def test_a_chunk_of_another_shape_is_passed_over() -> None:
    whole = put_together(b'{"choices": 7}', delta(content="a"))
    assert answer_text(whole.answer()) == "a"
