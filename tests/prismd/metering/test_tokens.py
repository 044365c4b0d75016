import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel import jsonio
from prismd.metering.tokens import (
    IMAGE_TOKENS,
    MESSAGE_OVERHEAD_TOKENS,
    REPLY_PRIMER_TOKENS,
    estimate_messages,
    estimate_text,
    estimate_usage,
)
from prismd.wire.call import DialectName
from tests.builders import make_call


def raw(*messages: object) -> list[msgspec.Raw]:
    return [msgspec.Raw(jsonio.encode(message)) for message in messages]


def test_text() -> None:
    assert estimate_text("") == 0
    assert estimate_text("a" * 400) == 100
    assert estimate_text("漢" * 30) == 20


@given(st.text())
def test_every_character_counts_once(text: str) -> None:
    plain = sum(char.isascii() for char in text)
    assert estimate_text(text) == math.ceil(plain / 4 + (len(text) - plain) / 1.5)


def test_messages_count_framing_tools_and_images_not_their_bytes() -> None:
    base = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS
    assert estimate_messages(raw({"role": "user", "content": "a" * 40})) == base + 10
    image = {"type": "image_url", "image_url": {"url": "data:" + "A" * 1_000_000}}
    parts = {"role": "user", "content": [{"type": "text", "text": "a" * 40}, image]}
    assert estimate_messages(raw(parts)) == base + 10 + IMAGE_TOKENS
    tool = {"type": "function", "function": {"name": "x" * 100}}
    assert estimate_messages(raw({"content": None}), raw(tool)) > base + 25
    assert estimate_messages(raw({"content": {"odd": "shape"}})) > base


def test_a_message_nested_too_deeply_to_read_counts_by_its_length() -> None:
    deep = msgspec.Raw(b'{"odd":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
    assert estimate_messages([deep]) > 10_000 / 4


def test_usage_of_a_broken_stream_is_marked_as_estimated() -> None:
    usage = estimate_usage(DialectName.OPENAI, make_call().request, output_chars=9)
    assert usage.is_estimated
    assert (usage.output_tokens, usage.input_tokens > 0) == (3, True)
