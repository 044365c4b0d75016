"""OpenAI chat completions: requests in and out, answers read (OpenAI reference, chat).

Messages are never re-encoded: the top level is spliced from the client's own bytes, so a vendor
sees exactly the values that were checked here, also when the client sent a name twice.
"""

import re

import msgspec
from msgspec.structs import astuple

from prismd.dialects.base import HttpCall
from prismd.dialects.openai_error import read_embedded_error
from prismd.kernel import jsonio
from prismd.kernel.errors import InvalidRequest, UpstreamError
from prismd.wire.chat import ChatPeek, ChatRequest
from prismd.wire.common import Usage

ABSENT = msgspec.Raw()
"""Default of a raw field; ``Raw | None`` would refuse objects."""

MAX_TOKENS = 10**8
"""A vendor that reports more than this for one call is not believed."""

MAX_MODEL_CHARS = 256
"""A name longer than this is no model's: it is not looked up, and written down nowhere."""

_TOOL_FIELDS = ("tools", "functions")
_NAMED_TOOLS = ("function", "custom")

_MISSING_FIELD = re.compile(r"missing required field `(\w+)`")
_AT_PATH = re.compile(r" - at `\$\.?(.+)`$")

_decode_peek = msgspec.json.Decoder(ChatPeek).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None


_NO_DETAILS = _Details()


class UsageBody(msgspec.Struct):
    """The ``usage`` object of an answer or of the last stream chunk."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    cached_tokens: int | None = None
    """Moonshot's place for what others have in the details."""
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's."""
    num_search_queries: int | None = None
    """Perplexity's."""

    def normalised(self) -> Usage | None:
        """Return the counts in the gateway's own terms; None if they cannot be true."""
        prompt = self.prompt_tokens_details or _NO_DETAILS
        completion = self.completion_tokens_details or _NO_DETAILS
        input_, output = self.prompt_tokens or 0, self.completion_tokens or 0
        reasoning = completion.reasoning_tokens or 0
        if reasoning and self.total_tokens == input_ + output + reasoning:
            output += reasoning  # xAI reports it beside the output, and its total says so
        usage = Usage(
            input_tokens=input_,
            output_tokens=output,
            cached_input_tokens=(
                prompt.cached_tokens or self.cached_tokens or self.prompt_cache_hit_tokens or 0
            ),
            reasoning_tokens=reasoning,
            cache_write_tokens=prompt.cache_write_tokens or 0,
            audio_input_tokens=prompt.audio_tokens or 0,
            audio_output_tokens=completion.audio_tokens or 0,
            searches=self.num_search_queries or 0,
            requests=1,
        )
        counts = astuple(usage)
        return usage if min(counts) >= 0 and max(counts) <= MAX_TOKENS else None


class _Answer(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_usage = msgspec.json.Decoder(UsageBody, strict=False).decode


def parse_chat(body: bytes) -> ChatRequest:
    """Read a chat request's top level.

    Raises:
        InvalidRequest: not JSON, a field missing or of the wrong type; ``param`` names it.
    """
    try:
        if not body.isascii():
            body.decode()  # what is not looked at here must be UTF-8, too
        peek = _decode_peek(body)
        fields = _decode_fields(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"The body is not valid JSON: {error}. Send one JSON object, encoded as UTF-8."
        raise InvalidRequest(msg, code="invalid_json") from None
    except RecursionError:
        raise InvalidRequest("The JSON is nested too deeply.", code="invalid_json") from None
    if not peek.model:
        raise _missing("model")
    if len(peek.model) > MAX_MODEL_CHARS:
        msg = (
            f"'model' has more than {MAX_MODEL_CHARS} characters. GET /v1/models lists the models."
        )
        raise InvalidRequest(msg, code="invalid_value", param="model")
    if not peek.messages:
        raise _missing("messages")
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


def _missing(field: str) -> InvalidRequest:
    wanted = {
        "model": 'a string such as "fake/echo"; GET /v1/models lists what this key may use',
        "messages": 'a non-empty array, for example [{"role": "user", "content": "Hello"}]',
    }
    hint = wanted.get(field, "a value")
    return InvalidRequest(f"'{field}' is required: {hint}.", code=f"missing_{field}", param=field)


def _wrong_field(problem: str) -> InvalidRequest:
    if missing := _MISSING_FIELD.search(problem):
        return _missing(missing[1])
    path = _AT_PATH.search(problem)
    if path is None:
        msg = f"The body must be a JSON object with 'model' and 'messages'. {problem}."
        return InvalidRequest(msg, code="invalid_json")
    what = problem[: path.start()].replace("`", "").lower()
    return InvalidRequest(f"'{path[1]}': {what}.", code="invalid_type", param=path[1])


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


def chat_call(
    request: ChatRequest,
    *,
    path: str,
    model: str,
    output_limit: tuple[str, int] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> HttpCall:
    """Build the vendor's request: the client's fields, with the vendor's model name.

    A stream always asks for its usage; the decoder takes it out again if the client did not.

    Args:
        request: What the client asks for.
        path: Below the vendor's base URL.
        model: The vendor's name of the model.
        output_limit: A field and its value that limit the answer, where the client gave none.
        headers: Headers of the call.

    Raises:
        InvalidRequest: ``stream_options`` cannot be read.
    """
    fields = dict(request.fields)
    fields["model"] = msgspec.Raw(jsonio.encode(model))
    if output_limit is not None:
        name, tokens = output_limit
        fields[name] = msgspec.Raw(str(tokens).encode())
    if request.is_stream and not request.wants_usage:
        asked = peek_of(request).stream_options is not None
        options = _stream_options(fields["stream_options"]) if asked else {}
        options["include_usage"] = msgspec.Raw(b"true")
        fields["stream_options"] = msgspec.Raw(jsonio.encode(options))
    return HttpCall("POST", path, jsonio.encode(fields), headers)


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


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Read a ``usage`` object; None if it is absent, null, or not to be believed."""
    if is_null(raw):
        return None
    try:
        body = _decode_usage(raw)
    except msgspec.DecodeError:
        return None
    return body.normalised()


def is_null(raw: msgspec.Raw) -> bool:
    """Say whether a raw field is absent or null."""
    return bytes(raw) in (b"", b"null")
