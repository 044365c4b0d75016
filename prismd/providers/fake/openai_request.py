"""OpenAI's chat request → what the engine is asked; with a vendor's checks and error texts."""

import re
from typing import Literal

import msgspec

from prismd.kernel import jsonio
from prismd.providers.fake import tokens
from prismd.providers.fake.faults import Settings
from prismd.providers.fake.script import Ask, JsonFormat, Refusal, ToolChoice, ToolOffer, Turn

ROLES = ("developer", "system", "user", "assistant", "tool", "function")
MAX_CHOICES = 128
MAX_STOP_SEQUENCES = 4

_TOKENS_PER_MESSAGE = 4
_TOKENS_TO_START = 3

_PART_NAMES = {"image_url": "image", "input_audio": "audio"}
_AT_PATH = re.compile(r" - at `\$\.?(.*)`$")


class _Part(msgspec.Struct):
    type: str
    text: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _Function(msgspec.Struct):
    name: str
    parameters: msgspec.Raw = msgspec.Raw(b"{}")


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Function | None = None


class _FunctionName(msgspec.Struct):
    name: str


class _NamedChoice(msgspec.Struct):
    function: _FunctionName


class _JsonSchema(msgspec.Struct):
    name: str
    schema: msgspec.Raw = msgspec.Raw(b"{}")


class _Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct):
    """The fields of a chat request that the fake obeys."""

    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | _NamedChoice | None = None
    response_format: _Format | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk that tells the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)


_decode = msgspec.json.Decoder(ChatRequest).decode


def parse(body: bytes) -> ChatRequest:
    """Read a request.

    Raises:
        Refusal: not JSON, or a field is missing, of a wrong type or out of range.
    """
    try:
        request = _decode(body)
    except msgspec.ValidationError as error:
        path = _AT_PATH.search(str(error))
        raise Refusal(f"Invalid request: {error}.", param=path[1] if path else None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal("We could not parse the JSON body of your request.") from None
    _check(request)
    return request


def _check(request: ChatRequest) -> None:
    if not request.messages:
        raise _invalid("messages", "an array with at least one message")
    for at, message in enumerate(request.messages):
        if message.role not in ROLES:
            raise _invalid(f"messages[{at}].role", f"one of {', '.join(ROLES)}")
        if message.content is None and message.role != "assistant":
            raise _invalid(f"messages[{at}].content", "a string or an array of parts")
    for name in ("max_tokens", "max_completion_tokens"):
        limit = getattr(request, name)
        if limit is not None and limit < 1:
            raise _invalid(name, "at least 1", code="integer_below_min_value")
    if request.n is not None and not 1 <= request.n <= MAX_CHOICES:
        raise _invalid("n", f"1 to {MAX_CHOICES}")
    if isinstance(request.stop, list) and len(request.stop) > MAX_STOP_SEQUENCES:
        raise _invalid("stop", f"at most {MAX_STOP_SEQUENCES} sequences")


def _invalid(param: str, wanted: str, *, code: str = "invalid_value") -> Refusal:
    return Refusal(f"Invalid '{param}': expected {wanted}.", param=param, code=code)


def to_ask(request: ChatRequest, settings: Settings) -> Ask:
    """Say what the engine is asked.

    Raises:
        Refusal: the choice of a tool, or a format, does not fit the rest of the request.
    """
    turns = tuple(Turn(message.role, _text(message)) for message in request.messages)
    offered = [tool for tool in request.tools or () if tool.function is not None]
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    tools, choice = _tools(request, offered)
    return Ask(
        turns=turns,
        input_tokens=_input_tokens(request, turns),
        tools=tools,
        tool_choice=choice,
        json_format=_json_format(request.response_format),
        max_tokens=request.max_completion_tokens or request.max_tokens,
        stop=tuple(word for word in stop if word),
        n=request.n or 1,
        seed="" if request.seed is None else str(request.seed),
        lorem_tokens=settings.tokens,
        calls=settings.calls,
    )


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(
            part.text or "" if part.type == "text" else f"[{_PART_NAMES.get(part.type, part.type)}]"
            for part in message.content
        )
    return message.content or ""


def _input_tokens(request: ChatRequest, turns: tuple[Turn, ...]) -> int:
    """Count what the prompt costs: texts, tool calls, tools, and a little for each message."""
    calls = [bytes(call) for message in request.messages for call in message.tool_calls or ()]
    tools = [jsonio.encode(tool) for tool in request.tools or ()]
    return (
        _TOKENS_TO_START
        + sum(_TOKENS_PER_MESSAGE + tokens.count(turn.text) for turn in turns)
        + sum(tokens.count(raw.decode()) for raw in (*calls, *tools))
    )


def _tools(request: ChatRequest, offered: list[_Tool]) -> tuple[tuple[ToolOffer, ...], ToolChoice]:
    offers = tuple(
        ToolOffer(tool.function.name, jsonio.decode(tool.function.parameters))
        for tool in offered
        if tool.function is not None
    )
    choice = request.tool_choice
    if isinstance(choice, _NamedChoice):
        named = tuple(offer for offer in offers if offer.name == choice.function.name)
        if not named:
            raise _invalid("tool_choice", f"a tool in 'tools', not '{choice.function.name}'")
        return named, ToolChoice.REQUIRED
    if choice == "required" and not offers:
        raise _invalid("tool_choice", "'tools' beside it")
    return offers, ToolChoice(choice or "auto")


def _json_format(wanted: _Format | None) -> JsonFormat | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return JsonFormat(None)
    if wanted.json_schema is None:
        raise _invalid("response_format.json_schema", "an object with 'name' and 'schema'")
    return JsonFormat(jsonio.decode(wanted.json_schema.schema))
