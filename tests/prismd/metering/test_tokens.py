import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel import jsonio
from prismd.metering.tokens import (
    IMAGE_TOKENS,
    MESSAGE_OVERHEAD_TOKENS,
    REPLY_PRIMER_TOKENS,
    TOOLS_OVERHEAD_TOKENS,
    Size,
    estimate_text,
    estimate_usage,
    size_messages,
)
from prismd.wire.call import DialectName
from tests.builders import make_call


def raw(*messages: object) -> list[msgspec.Raw]:
    return [msgspec.Raw(jsonio.encode(message)) for message in messages]


def likely(messages: list[msgspec.Raw], tools: list[msgspec.Raw] | None = None) -> int:
    return size_messages(messages, tools or []).likely()


def test_text() -> None:
    assert estimate_text("") == 0
    assert estimate_text("a" * 400) == 100
    assert estimate_text("漢" * 30) == 23


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_estimated(text: str) -> None:
    size = Size(texts=[text])
    likely, most = size.bounds()
    assert 0 < likely == size.likely() <= most + len(text)


def test_messages_count_framing_tools_and_images_not_their_bytes() -> None:
    base = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS
    assert likely(raw({"role": "user", "content": "a" * 40})) == base + 10
    image = {"type": "image_url", "image_url": {"url": "data:" + "A" * 1_000_000}}
    parts = {"role": "user", "content": [{"type": "text", "text": "a" * 40}, image]}
    assert likely(raw(parts)) == base + 10 + IMAGE_TOKENS
    tool = {"type": "function", "function": {"name": "x" * 100}}
    assert likely(raw({"content": None}), raw(tool)) > base + 25
    assert likely(raw({"content": {"odd": "shape"}})) > base


def test_a_file_and_a_sound_count_by_their_size() -> None:
    base = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS
    data = "A" * 400_000  # 300 kB
    file = {"type": "file", "file": {"file_data": data}}
    assert likely(raw({"role": "user", "content": [file]})) == pytest.approx(base + 9_375, abs=2)
    sound = {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}
    assert likely(raw({"role": "user", "content": [sound]})) == base + IMAGE_TOKENS


def test_at_most_is_what_a_tool_and_an_image_can_cost() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:" + "A" * 1_000_000}}
    size = size_messages(raw({"role": "user", "content": [image]}))
    assert size.bounds() == (772, 2_507)
    tool = {"type": "function", "function": {"name": "x"}}
    with_tool = size_messages(raw({"role": "user", "content": "hello"}), raw(tool))
    likely, most = with_tool.bounds()
    assert most - likely > TOOLS_OVERHEAD_TOKENS


def test_a_message_nested_too_deeply_to_read_counts_by_its_length() -> None:
    deep = msgspec.Raw(b'{"odd":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
    assert likely([deep]) > 10_000 / 4


def test_usage_of_a_broken_stream_is_marked_as_estimated() -> None:
    usage = estimate_usage(DialectName.OPENAI, make_call().request, output_chars=9)
    assert usage.is_estimated
    assert (usage.output_tokens, usage.input_tokens > 0) == (3, True)
