"""The fake in every dialect but OpenAI's chat, through the codecs that the gateway itself has.

What is asked is read as a client's request is, and what the engine says is written as an answer to
one: so a laptop has a vendor of each dialect, with the pace and the faults of the fake.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from prismd.dialects.base import About, Dialect
from prismd.dialects.errors import error_body, error_headers
from prismd.dialects.google.request import decode_fields, parse_count
from prismd.dialects.registry import DIALECTS
from prismd.kernel import clock, ids, jsonio
from prismd.kernel.errors import InvalidRequest, PrismError, UpstreamError
from prismd.providers.fake import tokens
from prismd.providers.fake.faults import Settings
from prismd.providers.fake.script import (
    Ask,
    Choice,
    Finish,
    Frame,
    JsonFormat,
    PartKind,
    Piece,
    Refusal,
    Script,
    ToolOffer,
    Turn,
)
from prismd.providers.fake.script import ToolChoice as FakeChoice
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    Conversation,
    Event,
    Finished,
    Media,
    Part,
    RedactedThinking,
    Started,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingSigned,
    ToolArguments,
    ToolResult,
    ToolStarted,
    ToolUse,
    UsageTold,
)

SIGNATURE = "ZmFrZS1zaWduYXR1cmU="
"""The seal of the fake's thoughts; another one is refused, as vendors do."""

_STOPS = {
    Finish.STOP: StopReason.END,
    Finish.LENGTH: StopReason.LENGTH,
    Finish.TOOL_CALLS: StopReason.TOOL_USE,
}
_GOOGLE = re.compile(r"/models/(?P<model>.+):(?P<action>\w+)")
_BEDROCK = re.compile(r"/model/(?P<model>.+)/(?P<action>converse|converse-stream|count-tokens)")
_TOKENS_PER_TURN = 4
_TOKENS_TO_START = 3


@dataclass(frozen=True, slots=True)
class Door:
    """What a path asks for."""

    dialect: Dialect
    model: str | None
    is_stream: bool | None
    is_count: bool = False


def door_at(path: str) -> Door | None:
    """Return what is behind a path below the base URL; None: nothing of these dialects."""
    path = path.partition("?")[0]
    match path:
        case "/messages" | "/messages/count_tokens":
            is_count = path.endswith("count_tokens")
            return Door(DIALECTS[DialectName.ANTHROPIC], None, None, is_count)
        case "/chat":
            return _door(DialectName.COHERE, None, None)
        case "/completions":
            return Door(DIALECTS[DialectName.COMPLETIONS], None, None)
        case _:
            return _with_model(path)


def _door(name: DialectName, model: str | None, is_stream: bool | None) -> Door | None:
    dialect = DIALECTS.get(name)
    return None if dialect is None else Door(dialect, model, is_stream)


def _with_model(path: str) -> Door | None:
    if found := _GOOGLE.fullmatch(path):
        dialect, model = DIALECTS[DialectName.GOOGLE], unquote(found["model"])
        match found["action"]:
            case "generateContent":
                return Door(dialect, model, is_stream=False)
            case "streamGenerateContent":
                return Door(dialect, model, is_stream=True)
            case "countTokens":
                return Door(dialect, model, is_stream=False, is_count=True)
            case _:
                return None
    if found := _BEDROCK.fullmatch(path):
        is_stream = found["action"] == "converse-stream"
        return _door(DialectName.BEDROCK, unquote(found["model"]), is_stream)
    return None


def parse(door: Door, body: bytes) -> ChatRequest:
    """Read a request.

    Raises:
        Refusal: it cannot be read.
    """
    try:
        if door.is_count and door.dialect.name is DialectName.GOOGLE:
            request = parse_count(body, model=door.model or "")
            _check_counted(body)
            return request
        return door.dialect.parse(body, model=door.model, is_stream=door.is_stream)
    except InvalidRequest as error:
        raise _refusal(error) from None


def _check_counted(body: bytes) -> None:
    """Refuse what the Gemini API's counter does: beside contents it takes a whole request only."""
    for name in ("systemInstruction", "tools"):
        if name in decode_fields(body):
            msg = f"Unknown name '{name}': it belongs into generateContentRequest."
            raise InvalidRequest(msg, param=name)


def to_ask(door: Door, request: ChatRequest, settings: Settings) -> tuple[Ask, Conversation]:
    """Say what the engine is asked.

    Raises:
        Refusal: it cannot be read, or gives back a thought with a seal that is not the fake's.
    """
    try:
        said = door.dialect.read(request)
    except InvalidRequest as error:
        raise _refusal(error) from None
    _check_seals(said)
    choice = said.tool_choice
    names = choice.names if choice is not None else ()
    offers = tuple(
        ToolOffer(tool.name, jsonio.decode(bytes(tool.schema)))
        for tool in said.tools
        if not names or tool.name in names
    )
    system = tuple(Turn("system", text.text) for text in said.system)
    turns = (*system, *(turn for one in said.turns for turn in _turns(one.role, one.parts)))
    if not turns:
        msg = "There is nothing to answer."
        raise Refusal(msg)
    wanted = said.json_format
    schema = None if wanted is None or wanted.schema is None else bytes(wanted.schema)
    ask = Ask(
        turns=turns,
        input_tokens=count(turns, said),
        tools=offers,
        tool_choice=FakeChoice.AUTO if choice is None else FakeChoice(choice.mode.value),
        json_format=None if wanted is None else JsonFormat(schema and jsonio.decode(schema)),
        max_tokens=said.max_output_tokens,
        stop=said.stop,
        n=said.n or 1,
        seed="" if said.seed is None else str(said.seed),
        lorem_tokens=settings.tokens,
        calls=settings.calls,
    )
    return ask, said


def _refusal(error: InvalidRequest) -> Refusal:
    return Refusal(error.message, code=error.code, param=error.param)


def _check_seals(said: Conversation) -> None:
    seals = (
        part.signature for turn in said.turns for part in turn.parts if isinstance(part, Thinking)
    )
    if any(seal is not None and seal != SIGNATURE for seal in seals):
        msg = "Invalid signature in a thinking block: it is not of this model."
        raise Refusal(msg, code="invalid_signature", param="messages")


def _turns(role: str, parts: Sequence[Part]) -> Iterator[Turn]:
    """Yield a turn of words, and one for each result of a tool."""
    words = [text for part in parts if (text := _words(part)) is not None]
    for part in parts:
        if isinstance(part, ToolResult):
            yield Turn("tool", "".join(_words(inner) or "" for inner in part.parts))
    if words or not any(isinstance(part, ToolResult) for part in parts):
        yield Turn(role, "".join(words))


def _words(part: Part) -> str | None:
    match part:
        case Text():
            return part.text
        case Media():
            return f"[{part.kind.value}]"
        case ToolResult() | ToolUse() | Thinking() | RedactedThinking():
            return None


def count(turns: Sequence[Turn], said: Conversation) -> int:
    """Count what a prompt costs: words, tools, and a little for each turn."""
    tools = (f"{tool.name} {bytes(tool.schema).decode()}" for tool in said.tools)
    calls = (
        part.arguments for turn in said.turns for part in turn.parts if isinstance(part, ToolUse)
    )
    return (
        _TOKENS_TO_START
        + sum(_TOKENS_PER_TURN + tokens.count(turn.text) for turn in turns)
        + sum(tokens.count(text) for text in (*tools, *calls))
    )


def counted(door: Door, input_tokens: int) -> bytes:
    """Write what the counter of a dialect says."""
    if door.dialect.name is DialectName.GOOGLE:
        return jsonio.encode({"totalTokens": input_tokens})
    return jsonio.encode({"input_tokens": input_tokens})


def whole(door: Door, request: ChatRequest, script: Script, usage: Usage, model: str) -> bytes:
    """Write the plain answer."""
    choices = tuple(_answer(at, choice) for at, choice in enumerate(script.choices))
    answer = Answer(id=None, model=model, choices=choices, usage=usage)
    return door.dialect.write_answer(answer, _about(request, model))


def stream(
    door: Door, request: ChatRequest, script: Script, usage: Usage, model: str
) -> tuple[str, tuple[Frame, ...]]:
    """Write the events of a stream; return what they are, and them."""
    encoder = door.dialect.encoder(_about(request, model))
    frames: list[Frame] = []
    for event, cost in _events(script, usage, model):
        if data := encoder.encode(event):
            frames.append(Frame(data, cost))
        elif frames and cost:  # held back: its time passes all the same
            frames[-1] = Frame(frames[-1].data, frames[-1].tokens + cost)
    return encoder.media_type, (*frames, Frame(encoder.last()))


def refused(door: Door, refusal: Refusal) -> tuple[Mapping[str, str], bytes]:
    """Write an error; return its headers and body."""
    error: PrismError = UpstreamError(
        refusal.message,
        provider="fake",
        status=refusal.status,
        type_=refusal.type,
        code=refusal.code or "refused",
        param=refusal.param,
    )
    name = door.dialect.name
    return error_headers(error, name), error_body(error, name)


def _about(request: ChatRequest, model: str) -> About:
    return About(
        id=ids.new_id("fake"),
        model=model,
        created_s=clock.now_s(),
        wants_usage=request.wants_usage,
        is_array=request.is_array,
        request=request,
    )


def _answer(index: int, choice: Choice) -> AnswerChoice:
    parts: list[Text | Thinking | ToolUse] = []
    if thought := choice.text_of(PartKind.REASONING):
        parts.append(Thinking(text=thought, signature=SIGNATURE))
    if text := choice.text_of(PartKind.TEXT):
        parts.append(Text(text=text))
    for name, arguments in choice.calls():
        parts.append(ToolUse(id=_call_id(), name=name, arguments=arguments))
    return AnswerChoice(index=index, parts=tuple(parts), stop=_STOPS[choice.finish])


def _call_id() -> str:
    return ids.new_id("call")


def _events(script: Script, usage: Usage, model: str) -> Iterator[tuple[Event, int]]:
    start = Usage(input_tokens=usage.input_tokens, requests=1)
    yield Started(id=None, model=model, usage=start), 0
    for index, choice in enumerate(script.choices):
        thinks, tool = False, -1
        for piece in choice.pieces:
            if thinks and piece.kind is not PartKind.REASONING:
                yield ThinkingSigned(signature=SIGNATURE, choice=index), 0
            thinks = piece.kind is PartKind.REASONING
            tool += piece.kind is PartKind.TOOL_NAME
            yield _event(index, piece, tool), piece.tokens
        if thinks:
            yield ThinkingSigned(signature=SIGNATURE, choice=index), 0
        yield Finished(stop=_STOPS[choice.finish], choice=index), 0
    yield UsageTold(usage=usage), 0


def _event(index: int, piece: Piece, tool: int) -> Event:
    match piece.kind:
        case PartKind.TEXT:
            return TextDelta(text=piece.text, choice=index)
        case PartKind.REASONING:
            return ThinkingDelta(text=piece.text, choice=index)
        case PartKind.TOOL_NAME:
            return ToolStarted(tool=tool, id=_call_id(), name=piece.text, choice=index)
        case PartKind.TOOL_ARGUMENTS:
            return ToolArguments(tool=tool, text=piece.text, choice=index)
