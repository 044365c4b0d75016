"""OpenAI chat requests: looked at once and relayed, answers checked (OpenAI reference, chat).

Messages are never re-encoded: the top level is spliced from the client's own bytes, so a vendor
sees exactly the values that were checked here, also when the client sent a name twice.
"""

import msgspec

from prismd.dialects.base import Outgoing
from prismd.dialects.openai.usage import ABSENT, is_null, usage_of
from prismd.dialects.reading import check_model, missing, top_level
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel import jsonio
from prismd.kernel.errors import InvalidRequest, UpstreamError
from prismd.wire.chat import ChatPeek, ChatRequest
from prismd.wire.common import Usage

_HINTS = {
    "model": 'a string such as "fake/echo"; GET /v1/models lists what this key may use',
    "messages": 'a non-empty array, for example [{"role": "user", "content": "Hello"}]',
}
_TOOL_FIELDS = ("tools", "functions")
_NAMED_TOOLS = ("function", "custom")

_decode_peek = msgspec.json.Decoder(ChatPeek).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Answer(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode_answer = msgspec.json.Decoder(_Answer).decode


def parse_chat(body: bytes) -> ChatRequest:
    """Read a chat request's top level.

    Raises:
        InvalidRequest: not JSON, a field missing or of the wrong type; ``param`` names it.
    """
    peek, fields = top_level(body, _decode_peek, _HINTS)
    check_model(peek.model)
    if not peek.messages:
        raise missing("messages", _HINTS)
    options = peek.stream_options
    return ChatRequest(
        peek=peek,
        fields=fields,
        size_bytes=len(body),
        model=peek.model,
        is_stream=bool(peek.stream),
        wants_usage=options is not None and bool(options.include_usage),
        max_output_tokens=_max_tokens(peek),
        choices=1 if peek.n is None else max(1, peek.n),
    )


def _max_tokens(peek: ChatPeek) -> int | None:
    if peek.max_completion_tokens is None:
        return peek.max_tokens
    return max(peek.max_tokens or 0, peek.max_completion_tokens)  # a vendor may read either


def peek_of(request: ChatRequest) -> ChatPeek:
    """Return the typed top level of a request of this dialect."""
    assert isinstance(request.peek, ChatPeek)  # noqa: S101  # ``parse_chat`` made it
    return request.peek


def tool_names(request: ChatRequest) -> list[str]:
    """Return the names of the tools that the request offers, in ``tools`` or ``functions``.

    Raises:
        InvalidRequest: a tool has no readable name, or vendors could read different ones.
    """
    peek = peek_of(request)
    try:
        for field in request.fields:
            if field not in _TOOL_FIELDS and field.casefold() in _TOOL_FIELDS:
                msg = f"'{field}' is no field; write it '{field.casefold()}'"
                raise ValueError(msg)  # noqa: TRY301  # told like the rest
        names = [_tool_name(raw) for raw in peek.tools or ()]
        return names + [_name_in(raw) for raw in peek.functions or ()]
    except ValueError as error:
        msg = f"'tools' cannot be read: {error}."
        raise InvalidRequest(msg, code="invalid_value", param="tools") from None


def _tool_name(raw: msgspec.Raw) -> str:
    """Return what rules about tools go by; a vendor's built-in tool is known by its type."""
    tool = jsonio.members(raw)
    kind = jsonio.decode(tool["type"]) if "type" in tool else "function"
    named = [name for name in _NAMED_TOOLS if not is_null(tool.get(name, ABSENT))]
    if named == [kind]:
        return _name_in(tool[kind])
    if named or kind in _NAMED_TOOLS or not isinstance(kind, str):
        msg = "each tool is a 'function' or a 'custom' tool, named by its type and a member of it"
        raise ValueError(msg)
    return kind


def _name_in(raw: msgspec.Raw) -> str:
    name = jsonio.decode(jsonio.members(raw).get("name", b"null"))
    if not isinstance(name, str):
        msg = "a tool has no name"
        raise ValueError(msg)  # noqa: TRY004  # like anything else that cannot be read
    return name


def relay(request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
    """Splice the client's own top level: the vendor's model name, a limit where none was given.

    A stream always asks for its usage; the follower takes it out again if the client did not.

    Raises:
        InvalidRequest: ``stream_options`` cannot be read.
    """
    fields: dict[str, object] = dict(request.fields)
    fields["model"] = model
    if output_limit is not None:
        fields["max_tokens"] = output_limit
    if request.is_stream and not request.wants_usage:
        asked = peek_of(request).stream_options is not None
        options = _stream_options(request.fields["stream_options"]) if asked else {}
        options["include_usage"] = msgspec.Raw(b"true")
        fields["stream_options"] = options
    return Outgoing(fields, [])


def _stream_options(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _decode_fields(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        msg = f"'stream_options' cannot be read: {error}."
        raise InvalidRequest(msg, code="invalid_type", param="stream_options") from None


def read_usage(body: bytes, *, provider: str) -> Usage | None:
    """Check that a 200 answer is a chat completion and return its usage, if it says.

    Raises:
        UpstreamError: not JSON, or an error object under a success status.
    """
    try:
        answer = _decode_answer(body)
        if not body.isascii():
            body.decode()  # the texts that are skipped above are not looked at there
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        msg = f"Provider '{provider}' answered with something that is no chat completion."
        raise UpstreamError(msg, provider=provider, code="invalid_upstream_response") from None
    if answer.choices is None:
        if not is_null(answer.error):
            raise read_embedded_error(body, provider=provider)
        msg = f"Provider '{provider}' answered 200 without a completion."
        raise UpstreamError(msg, provider=provider, upstream_status=200)
    return usage_of(answer.usage)
