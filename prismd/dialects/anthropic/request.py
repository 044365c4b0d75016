"""A Messages request: looked at once, and relayed (Anthropic reference, messages)."""

from typing import Literal

import msgspec

from prismd.dialects.base import Outgoing
from prismd.dialects.parts import invalid
from prismd.dialects.reading import check_model, item, missing, top_level
from prismd.wire.chat import ChatRequest

Raw = msgspec.Raw

HINTS = {
    "model": 'a string such as "fake/echo"; GET /v1/models lists what this key may use',
    "messages": 'a non-empty array, for example [{"role": "user", "content": "Hello"}]',
    "max_tokens": "a whole number: the most tokens that the answer may have",
}


class MessagesPeek(msgspec.Struct, frozen=True, gc=False):
    """The typed top level. Fields not named here are passed on as they are."""

    model: str
    messages: list[Raw]
    max_tokens: int | None = None
    stream: bool | None = None
    system: str | list[Raw] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    tools: list[Raw] | None = None
    service_tier: str | None = None


class _Offer(msgspec.Struct):
    name: str
    type: str | None = None


_decode = msgspec.json.Decoder(MessagesPeek).decode
_offer = msgspec.json.Decoder(_Offer).decode


def peek_of(request: ChatRequest) -> MessagesPeek:
    """Return the typed top level of a request of this dialect."""
    assert isinstance(request.peek, MessagesPeek)  # noqa: S101  # ``parse`` made it
    return request.peek


def parse(body: bytes) -> ChatRequest:
    """Read a request's top level.

    ``max_tokens`` may be missing here: a request whose tokens are counted has none.

    Raises:
        InvalidRequest: not JSON, a field missing or of the wrong type; ``param`` names it.
    """
    peek, fields = top_level(body, _decode, HINTS)
    check_model(peek.model)
    if not peek.messages:
        raise missing("messages", HINTS)
    return ChatRequest(
        peek=peek,
        fields=fields,
        size_bytes=len(body),
        model=peek.model,
        is_stream=bool(peek.stream),
        wants_usage=True,
        max_output_tokens=peek.max_tokens,
    )


def check_limit(request: ChatRequest) -> None:
    """Check that the answer has a limit, as the API demands; raises InvalidRequest."""
    limit = peek_of(request).max_tokens
    if limit is None:
        raise missing("max_tokens", HINTS)
    if limit < 1:
        raise invalid("it must be at least 1", "max_tokens")


def tool_names(request: ChatRequest) -> list[str]:
    """Return the names of the offered tools, and of a vendor's own its type, too.

    Raises:
        InvalidRequest: a tool has no readable name.
    """
    names = []
    for at, raw in enumerate(peek_of(request).tools or ()):
        offer = item(_offer, raw, f"tools[{at}]")
        names.append(offer.name)
        if offer.type not in (None, "custom"):
            names.append(offer.type or "")
    return names


def relay(request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
    """Splice the vendor's model name, and a limit where none was given."""
    fields: dict[str, object] = {**request.fields, "model": model}
    if output_limit is not None:
        fields["max_tokens"] = output_limit
    return Outgoing(fields, [])


Ttl = Literal["5m", "1h"]


class Cache(msgspec.Struct):
    """``cache_control``."""

    type: str = "ephemeral"
    ttl: Ttl | None = None
