"""What all dialects do alike with the parts of a conversation."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.parts import (
    Drops,
    arguments_object,
    check_base64,
    check_not_said,
    media_of_url,
    merged_turns,
    mime_of,
    schema_object,
    tool_names_by_id,
)
from prismd.kernel.errors import InvalidRequest
from prismd.wire.conversation import Conversation, Media, MediaKind, Text, ToolUse, Turn

HELLO = (Turn(role="user", parts=(Text(text="hi"),)),)


@given(st.binary(max_size=50))
def test_base64_is_taken_in_every_usual_spelling(data: bytes) -> None:
    standard = base64.b64encode(data).decode()
    spellings = (
        standard,
        standard.rstrip("="),
        base64.urlsafe_b64encode(data).decode(),
        "\n".join(standard[at : at + 7] for at in range(0, len(standard), 7)),
    )
    assert {check_base64(spelling, "p") for spelling in spellings} == {standard}


@pytest.mark.parametrize("text", ["abcde", "ab=c", "ab!d", "abc==", "=", "ä"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_base64(text, "messages[0].data")
    assert caught.value.param == "messages[0].data"


@given(st.text(max_size=40))
def test_any_text_is_base64_or_refused(text: str) -> None:
    try:
        found = check_base64(text, "p")
    except InvalidRequest:
        return
    base64.b64decode(found, validate=True)


def test_urls_of_media() -> None:
    png = media_of_url("data:image/png;base64,iVBORw==", "p")
    assert (png.kind, png.mime, png.data) == (MediaKind.IMAGE, "image/png", "iVBORw==")
    text = media_of_url("data:,a%20b", "p")
    assert (text.kind, text.mime, text.data) == (MediaKind.FILE, "text/plain", "YSBi")
    far = media_of_url("https://example.com/a.png", "p", kind=MediaKind.IMAGE)
    assert (far.url, far.mime, far.data) == ("https://example.com/a.png", None, None)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x", "data:image/png", "/x", "", "data:a;base64,%"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        media_of_url(url, "p")


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\x89PNG\r\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x01\x02\x03\x04WEBPVP8", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"", "x/y"),
    ],
)
def test_a_type_that_nobody_told_is_seen(head: bytes, mime: str) -> None:
    media = Media(kind=MediaKind.IMAGE, mime=None, data=base64.b64encode(head).decode())
    assert mime_of(media, default="x/y") == mime


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (' {"a": 1} ', {"a": 1}),
        ("[1]", {"_raw": [1]}),
        ('{"a":', {"_raw": '{"a":'}),
        ("[" * 5000, {"_raw": "[" * 5000}),
    ],
)
def test_arguments_are_an_object_in_every_case(text: str, found: object) -> None:
    assert json.loads(bytes(arguments_object(text))) == found


def test_a_schema_is_an_object() -> None:
    assert json.loads(bytes(schema_object(msgspec.Raw(b"null"), "p")))["type"] == "object"
    assert bytes(schema_object(msgspec.Raw(b' {"a":1}'), "p")) == b'{"a":1}'
    with pytest.raises(InvalidRequest):
        schema_object(msgspec.Raw(b"[1]"), "p")


def test_neighbours_of_one_role_are_one_turn() -> None:
    say = [Turn(role="user", parts=(Text(text=text),)) for text in "ab"]
    answer = Turn(role="assistant", parts=(ToolUse(id="1", name="f", arguments=""),))
    merged = merged_turns([*say, answer])
    assert [len(turn.parts) for turn in merged] == [2, 1]
    assert tool_names_by_id(merged) == {"1": "f"}


def test_only_what_would_matter_is_dropped() -> None:
    drops = Drops()
    idle = Conversation(
        turns=HELLO, n=1, stop=(), logprobs=False, presence_penalty=0, service_tier="auto"
    )
    names = ("n", "stop", "logprobs", "presence_penalty", "service_tier", "seed")
    check_not_said(idle, drops, *names)
    assert drops.list() == []
    busy = Conversation(
        turns=HELLO,
        n=2,
        stop=("a",),
        logprobs=True,
        presence_penalty=1,
        service_tier="flex",
        seed=0,
    )
    check_not_said(busy, drops, *names)
    check_not_said(busy, drops, *names)
    assert drops.list() == list(names)
