"""Media that a caller names by URL, for providers that take only the data itself."""

import asyncio
import base64
from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from prismd.dialects.base import Dialect
from prismd.dialects.parts import kind_of, media_in, mime_of
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.guarded import TOO_LARGE, Fetched, Fetcher
from prismd.wire.conversation import Conversation, Media, MediaKind, Part, ToolResult, Turn

P = TypeVar("P", bound=Part)

MAX_URLS = 32
"""URLs of one request that are fetched."""
MAX_AT_ONCE = 4
MOST_TOGETHER = 2
"""All that is fetched for one request may be so many times as large as one may be."""

PARAM = "messages"
"""Where the URLs stand, as near as a conversation of any dialect knows it."""

_UNTOLD = ("application/octet-stream", "binary/octet-stream")
"""What storage says of files whose type nobody told it: their first bytes do."""
_TYPES = {
    MediaKind.IMAGE: ("image/", *_UNTOLD),
    MediaKind.AUDIO: ("audio/", *_UNTOLD),
    MediaKind.VIDEO: ("video/", *_UNTOLD),
    MediaKind.FILE: ("application/", "text/", *_UNTOLD),
}


async def with_data(conversation: Conversation, dialect: Dialect, fetcher: Fetcher) -> Conversation:
    """Return a conversation whose media a provider can read; the same one if it can already.

    Raises:
        InvalidRequest: a URL may not be fetched, or what is there cannot be used.
    """
    wanted = {
        media.url: media
        for media in media_in(conversation.turns)
        if media.url is not None and not dialect.fetches(media.mime)
    }
    if not wanted:
        return conversation
    if len(wanted) > MAX_URLS:
        msg = f"At most {MAX_URLS} URLs are fetched for one request. Send data (base64) instead."
        raise InvalidRequest(msg, code="too_many_urls", param=PARAM)
    fetched = await _all(wanted, fetcher)
    turns = tuple(_turn(turn, fetched) for turn in conversation.turns)
    return replace(conversation, turns=turns)


async def _all(wanted: Mapping[str, Media], fetcher: Fetcher) -> dict[str, Media]:
    """Fetch a few at a time; the first that fails ends the others."""
    slots = asyncio.Semaphore(MAX_AT_ONCE)
    most_bytes = MOST_TOGETHER * fetcher.rules.max_bytes
    fetched: dict[str, Media] = {}
    together_bytes = 0

    async def one(url: str, media: Media) -> None:
        nonlocal together_bytes
        async with slots:
            found = await fetcher.fetch(url, types=_TYPES[media.kind], param=PARAM)
        together_bytes += len(found.data)
        if together_bytes > most_bytes:
            msg = f"The URLs in '{PARAM}' name more than {most_bytes} bytes together."
            raise InvalidRequest(msg, code=TOO_LARGE, param=PARAM)
        fetched[url] = _with(media, found)

    try:
        async with asyncio.TaskGroup() as group:
            for url, media in wanted.items():
                group.create_task(one(url, media))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return fetched


def _with(media: Media, found: Fetched) -> Media:
    """Return media with its data; raises InvalidRequest if it is not what it was said to be."""
    data = base64.b64encode(found.data).decode()
    got = replace(media, url=None, data=data, mime=found.mime)
    if found.mime not in _UNTOLD:
        return got
    mime = mime_of(replace(got, mime=None), default=media.mime or "")
    if kind_of(mime) is not media.kind or not mime:
        msg = f"A URL in '{PARAM}' names something that is no {media.kind} of a known type."
        raise InvalidRequest(msg, code="url_fetch_failed", param=PARAM)
    return replace(got, mime=mime)


def _turn(turn: Turn, fetched: Mapping[str, Media]) -> Turn:
    return replace(turn, parts=tuple(_part(part, fetched) for part in turn.parts))


def _part(part: P, fetched: Mapping[str, Media]) -> P:
    """Return a part with its data, where that was fetched."""
    if isinstance(part, ToolResult):
        return replace(part, parts=tuple(_part(inner, fetched) for inner in part.parts))
    if isinstance(part, Media) and part.url is not None and part.url in fetched:
        found = fetched[part.url]
        return replace(part, url=None, data=found.data, mime=found.mime)
    return part
