"""What all dialects do alike with the parts of a conversation. Pure.

Reading is told by the JSON path of what is wrong; what a vendor's dialect cannot say goes to
``Drops``.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec.structs import replace

from prismd.kernel import jsonio
from prismd.kernel.errors import InvalidRequest
from prismd.wire.conversation import (
    Conversation,
    Media,
    MediaKind,
    Part,
    Text,
    ToolResult,
    ToolUse,
    Turn,
)

Raw = msgspec.Raw

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,", re.IGNORECASE)
_MAGIC = (
    ("image/png", b"\x89PNG"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF8"),
    ("application/pdf", b"%PDF"),
)
BLANKS = " \t\r\n"
"""Text of nothing else is refused by Anthropic and AWS."""
_WEBP = re.compile(rb"RIFF....WEBP", re.DOTALL)


def invalid(message: str, param: str, *, code: str = "invalid_value") -> InvalidRequest:
    """Return the error for a part that cannot be read."""
    return InvalidRequest(f"'{param}': {message}.", code=code, param=param)


class Drops:
    """What a dialect could not say, each once, in the order in which it was met."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str, *, when: bool = True) -> None:
        """Note a name, if it matters."""
        if when:
            self._names[name] = None

    def list(self) -> list[str]:
        """Return the names."""
        return list(self._names)


def check_base64(text: str, param: str) -> str:
    """Return standard base64 as a vendor takes it: padded, on one line.

    Raises:
        InvalidRequest: it cannot be decoded; perhaps it was cut.
    """
    compact = "".join(text.split()) if any(space in text for space in "\r\n \t") else text
    compact = compact.translate(_URL_SAFE) if "-" in compact or "_" in compact else compact
    bare = compact.rstrip("=")
    if len(bare) % 4 == 1:
        raise invalid("this is no base64: it ends in the middle of a group", param)
    padded = bare + "=" * (-len(bare) % 4)
    if len(compact) != len(bare) and compact != padded:
        raise invalid("this is no base64: its padding is wrong, perhaps it was cut", param)
    try:
        binascii.a2b_base64(padded, strict_mode=True)
    except (binascii.Error, ValueError):
        raise invalid("this is no base64, or it was cut", param) from None
    return padded


_URL_SAFE = str.maketrans("-_", "+/")


def media_of_url(
    url: str, param: str, *, kind: MediaKind | None = None, mime: str | None = None
) -> Media:
    """Read a URL of an image or file: ``data:``, or http(s).

    Args:
        url: The URL.
        param: Where it stands.
        kind: What it is, where that is known.
        mime: Its media type, where that is known.

    Raises:
        InvalidRequest: another scheme, or data that cannot be decoded.
    """
    if url[:5].lower() == "data:":
        found = _DATA_URL.match(url)
        if found is None:
            raise invalid("this data: URL has no comma", param)
        mime = found[1].lower() or mime or "text/plain"
        rest = url[found.end() :]
        data = (
            check_base64(rest, param)
            if found[3]
            else base64.b64encode(unquote_to_bytes(rest)).decode()
        )
        return Media(kind=kind or kind_of(mime), mime=mime, data=data)
    if not url.lower().startswith(("http://", "https://")):
        raise invalid("a URL must begin with https:// or data:", param, code="invalid_url")
    return Media(kind=kind or kind_of(mime or ""), mime=mime, url=url)


def kind_of(mime: str) -> MediaKind:
    """Return what media of a type is."""
    match mime.partition("/")[0]:
        case "image":
            return MediaKind.IMAGE
        case "audio":
            return MediaKind.AUDIO
        case "video":
            return MediaKind.VIDEO
        case _:
            return MediaKind.FILE


def mime_of(media: Media, *, default: str) -> str:
    """Return the type of media that has its data: as told, else by its first bytes."""
    if media.mime:
        return media.mime
    head = base64.b64decode((media.data or "")[:24] + "====", validate=False)
    for mime, magic in _MAGIC:
        if head.startswith(magic):
            return mime
    return "image/webp" if _WEBP.match(head) else default


def arguments_object(text: str) -> Raw:
    """Return the arguments of a call as an object, for dialects that want one.

    What a model wrote that is no JSON object is put into one, so that nothing is lost.
    """
    if not text.strip():
        return Raw(b"{}")
    try:
        value = jsonio.decode(text)
    except ValueError:
        return Raw(jsonio.encode({"_raw": text}))
    return Raw(jsonio.encode(value if isinstance(value, dict) else {"_raw": value}))


def schema_object(schema: Raw, param: str) -> Raw:
    """Check that a schema is an object; raises InvalidRequest."""
    text = bytes(schema).strip()
    if text in (b"", b"null"):
        return Raw(b'{"type":"object","properties":{}}')
    if not text.startswith(b"{"):
        raise invalid("a schema must be an object", param)
    return Raw(text)


def merged_turns(turns: Sequence[Turn]) -> list[Turn]:
    """Put neighbours of one role together, for dialects in which roles alternate."""
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1] = replace(merged[-1], parts=(*merged[-1].parts, *turn.parts))
        else:
            merged.append(turn)
    return merged


def results_together(turns: Iterable[Turn]) -> list[Turn]:
    """Put neighbouring results into one turn: they answer the calls of one turn."""
    together: list[Turn] = []
    for turn in turns:
        is_result = bool(turn.parts) and isinstance(turn.parts[0], ToolResult)
        before = together[-1] if together else None
        if is_result and before is not None and _is_results(before):
            together[-1] = Turn(role="user", parts=(*before.parts, *turn.parts))
        else:
            together.append(turn)
    return together


def _is_results(turn: Turn) -> bool:
    return bool(turn.parts) and all(isinstance(part, ToolResult) for part in turn.parts)


def has_cache_marks(said: Conversation) -> bool:
    """Say whether some of it is to be kept in a vendor's cache."""
    parts = [part for turn in said.turns for part in turn.parts]
    return any(getattr(one, "cache", None) for one in (*said.system, *parts, *said.tools))


def tool_names_by_id(turns: Iterable[Turn]) -> Mapping[str, str]:
    """Return which tool each call is of."""
    parts = (part for turn in turns for part in turn.parts)
    return {part.id: part.name for part in parts if isinstance(part, ToolUse)}


def text_parts(parts: Iterable[Part | Media | Text]) -> str:
    """Return all words of some parts."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def result_text(result: ToolResult) -> str:
    """Return what a tool answered as text; media stand there as their kind."""
    return "".join(
        part.text if isinstance(part, Text) else f"[{part.kind}]" for part in result.parts
    )


def check_not_said(conversation: Conversation, drops: Drops, *names: str) -> None:
    """Note which of these settings the caller gave: a dialect that lacks them calls this."""
    for name in names:
        drops.add(name, when=_matters(name, getattr(conversation, name)))


def _matters(name: str, value: object) -> bool:
    if value is None or value is False or value in ((), {}):
        return False
    if name == "n":
        return value != 1
    if name in ("presence_penalty", "frequency_penalty"):
        return value != 0
    return value != "auto"  # a service tier


def media_in(turns: Iterable[Turn]) -> Iterator[Media]:
    """Yield every media part, also those that tools answered with."""
    for turn in turns:
        for part in turn.parts:
            if isinstance(part, Media):
                yield part
            elif isinstance(part, ToolResult):
                yield from (inner for inner in part.parts if isinstance(inner, Media))
