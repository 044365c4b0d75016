"""Media that a caller names by URL, for providers that take only the data itself."""

import asyncio
import base64
from collections.abc import Iterator

from msgspec.structs import replace

from prismd.dialects.base import Dialect
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.guarded import Fetcher
from prismd.wire.conversation import Conversation, Media, MediaKind, Part, ToolResult, Turn

MAX_URLS = 32
"""URLs of one request that are fetched."""
MAX_AT_ONCE = 4

_TYPES = {
    MediaKind.IMAGE: ("image/",),
    MediaKind.AUDIO: ("audio/",),
    MediaKind.VIDEO: ("video/",),
    MediaKind.FILE: ("application/pdf", "text/", "application/"),
}


async def with_data(conversation: Conversation, dialect: Dialect, fetcher: Fetcher) -> Conversation:
    """Return a conversation whose media a provider can read.

    Raises:
        InvalidRequest: a URL may not be fetched, or what is there cannot be used.
    """
    wanted = {
        media.url: media
        for media in _media(conversation)
        if media.url is not None and not dialect.fetches(media.mime)
    }
    if not wanted:
        return conversation
    if len(wanted) > MAX_URLS:
        msg = f"At most {MAX_URLS} URLs are fetched for one request. Send data (base64) instead."
        raise InvalidRequest(msg, code="too_many_urls", param="messages")
    slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def one(media: Media) -> Media:
        async with slots:
            url = media.url or ""
            found = await fetcher.fetch(url, types=_TYPES[media.kind], param="messages")
        data = base64.b64encode(found.data).decode()
        return replace(media, url=None, data=data, mime=found.mime)

    tasks = [one(media) for media in wanted.values()]
    fetched = dict(zip(wanted, await asyncio.gather(*tasks), strict=True))
    turns = tuple(_replaced(turn, fetched) for turn in conversation.turns)
    return replace(conversation, turns=turns)


def _media(conversation: Conversation) -> Iterator[Media]:
    for turn in conversation.turns:
        for part in turn.parts:
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            yield from (one for one in inner if isinstance(one, Media))


def _replaced(turn: Turn, fetched: dict[str, Media]) -> Turn:
    return replace(turn, parts=tuple(_replace(part, fetched) for part in turn.parts))


def _replace(part: Part, fetched: dict[str, Media]) -> Part:
    match part:
        case Media(url=str(url)) if url in fetched:
            found = fetched[url]
            return replace(part, url=None, data=found.data, mime=found.mime)
        case ToolResult():
            inner = tuple(
                replace(one, url=None, data=fetched[one.url].data, mime=fetched[one.url].mime)
                if isinstance(one, Media) and one.url in fetched
                else one
                for one in part.parts
            )
            return replace(part, parts=inner)
        case _:
            return part
