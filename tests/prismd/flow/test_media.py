"""Media by URL: fetched for a vendor that does not, and nothing else of a conversation changes."""

import asyncio
import base64
from typing import cast

import pytest

from prismd.dialects.base import Dialect
from prismd.dialects.registry import DIALECTS
from prismd.flow.media import MAX_AT_ONCE, MAX_URLS, with_data
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.guarded import Fetched, Fetcher, FetchRules
from prismd.wire.call import DialectName
from prismd.wire.conversation import (
    Conversation,
    Media,
    MediaKind,
    Part,
    Text,
    ToolResult,
    Turn,
)

PNG = b"\x89PNG\r\n"


class Vendor:
    """A dialect that fetches what is named ``fetched``."""

    def __init__(self, fetched: str = "") -> None:
        self.fetched = fetched

    def fetches(self, mime: str | None) -> bool:
        return mime == self.fetched


class Store(Fetcher):
    """What is where."""

    def __init__(self, mime: str = "image/png", data: bytes = PNG, *, max_bytes: int = 100) -> None:
        self.rules = FetchRules(max_bytes=max_bytes)
        self.mime, self.data = mime, data
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.at_once = self.most_at_once = 0
        self.cancelled = 0

    async def fetch(self, url: str, *, types: tuple[str, ...], param: str) -> Fetched:
        self.asked.append((url, types))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(60 if url == "slow" else 0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.at_once -= 1
        if url == "bad":
            raise InvalidRequest("No.", code="url_not_allowed", param=param)
        return Fetched(self.mime, self.data)


def said(*parts: Part) -> Conversation:
    return Conversation(system=(Text(text="s"),), turns=(Turn(role="user", parts=parts),))


def image(url: str = "https://a.example/x", mime: str | None = None) -> Media:
    return Media(kind=MediaKind.IMAGE, mime=mime, url=url, detail="low", cache="5m")


def media(conversation: Conversation) -> list[Media]:
    return [part for turn in conversation.turns for part in turn.parts if isinstance(part, Media)]


async def run(
    conversation: Conversation, store: Store, vendor: Vendor | None = None
) -> Conversation:
    return await with_data(conversation, cast("Dialect", vendor or Vendor()), store)


async def test_it_stands_there_with_its_data() -> None:
    store = Store()
    before = said(Text(text="Look:"), image())
    after = await run(before, store)
    text, got = after.turns[0].parts
    assert (after.system, text) == (before.system, Text(text="Look:"))
    data = base64.b64encode(PNG).decode()
    assert got == Media(kind=MediaKind.IMAGE, mime="image/png", data=data, detail="low", cache="5m")
    assert media(before)[0].url == "https://a.example/x"


async def test_also_what_a_tool_answered_with() -> None:
    result = ToolResult(tool_use_id="1", parts=(Text(text="t"), image()))
    after = await run(said(result), Store())
    got = after.turns[0].parts[0]
    assert isinstance(got, ToolResult)
    assert (got.parts[0], got.tool_use_id) == (Text(text="t"), "1")
    assert isinstance(got.parts[1], Media)
    assert (got.parts[1].url, got.parts[1].mime) == (None, "image/png")


async def test_where_nothing_is_to_do_it_is_the_same_conversation() -> None:
    data = Media(kind=MediaKind.IMAGE, mime="image/png", data="AAAA")
    theirs = Media(kind=MediaKind.FILE, mime=None, file_id="file-1")
    before, store = said(Text(text="t"), data, theirs, image(mime="image/gif")), Store()
    assert await run(before, store, Vendor("image/gif")) is before
    assert store.asked == []


async def test_a_url_that_the_vendor_fetches_is_passed_on_beside_one_that_it_does_not() -> None:
    both = said(image("a", "image/gif"), image("b"))
    one, other = media(await run(both, Store(), Vendor("image/gif")))
    assert (one.url, other.url, other.data is None) == ("a", None, False)


async def test_the_same_url_is_fetched_once() -> None:
    store = Store()
    assert len(media(await run(said(image("a"), image("b"), image("a")), store))) == 3
    assert sorted(url for url, _ in store.asked) == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        (MediaKind.IMAGE, "image/", "text/"),
        (MediaKind.AUDIO, "audio/", "image/"),
        (MediaKind.VIDEO, "video/", "image/"),
        (MediaKind.FILE, "application/", "image/"),
    ],
)
async def test_each_kind_has_its_types(kind: MediaKind, taken: str, refused: str) -> None:
    store = Store("application/pdf")
    await run(said(Media(kind=kind, mime=None, url="a")), store)
    (_, types), *_ = store.asked
    assert (taken in types, refused in types) == (True, False)


@pytest.mark.parametrize("mime", ["application/octet-stream", "binary/octet-stream"])
async def test_what_storage_calls_bytes_is_told_by_its_first_ones(mime: str) -> None:
    (got,) = media(await run(said(image()), Store(mime)))
    assert got.mime == "image/png"
    pdf = Media(kind=MediaKind.FILE, mime=None, url="a")
    (got,) = media(await run(said(pdf), Store(mime, b"%PDF-1.7")))
    assert got.mime == "application/pdf"
    said_so = Media(kind=MediaKind.AUDIO, mime="audio/mpeg", url="a")
    (got,) = media(await run(said(said_so), Store(mime, b"ID3")))
    assert got.mime == "audio/mpeg"
    for data in (b"%PDF-1.7", b"<html>", b""):
        with pytest.raises(InvalidRequest, match="no image of a known type"):
            await run(said(image()), Store(mime, data))


async def test_a_few_at_a_time_and_not_too_many() -> None:
    store = Store()
    await run(said(*(image(str(at)) for at in range(MAX_URLS))), store)
    assert (len(store.asked), store.most_at_once) == (MAX_URLS, MAX_AT_ONCE)
    with pytest.raises(InvalidRequest) as caught:
        await run(said(*(image(str(at)) for at in range(MAX_URLS + 1))), store)
    assert (caught.value.code, len(store.asked)) == ("too_many_urls", MAX_URLS)


async def test_all_together_are_capped() -> None:
    store = Store(data=b"x" * 100)
    await run(said(image("a"), image("b")), store)
    with pytest.raises(InvalidRequest) as caught:
        await run(said(*(image(str(at)) for at in range(9))), store)
    assert (caught.value.code, "200 bytes together" in caught.value.message) == (
        "url_too_large",
        True,
    )
    assert len(store.asked) < 2 + 9


async def test_the_first_that_fails_ends_the_others() -> None:
    store = Store()
    with pytest.raises(InvalidRequest) as caught:
        await run(said(image("slow"), image("bad"), image("slow2")), store)
    assert (caught.value.code, store.cancelled, store.at_once) == ("url_not_allowed", 1, 0)


@pytest.mark.parametrize("name", DIALECTS)
async def test_every_dialect_says_what_it_fetches(name: DialectName) -> None:
    for mime in (None, "image/png", "application/pdf", "audio/mpeg"):
        assert DIALECTS[name].fetches(mime) in (True, False)
