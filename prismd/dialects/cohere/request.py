"""A Chat request of Cohere, version 2: looked at once, relayed, read (reference, v2/chat)."""

from collections.abc import Iterator

import msgspec

from prismd.dialects.base import Outgoing
from prismd.dialects.parts import invalid, media_of_url, results_together, schema_object
from prismd.dialects.reading import check_model, item, missing, optional, top_level
from prismd.wire.chat import ChatRequest
from prismd.wire.conversation import (
    Conversation,
    JsonFormat,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
    ToolResult,
    ToolUse,
    Turn,
)

Raw = msgspec.Raw
_NONE = Raw()

HINTS = {
    "model": "a string, such as command-a-03-2025",
    "messages": 'a non-empty array, for example [{"role": "user", "content": "Hello"}]',
}


class ChatV2(msgspec.Struct, frozen=True, gc=False):
    """The typed top level. Fields not named here are passed on as they are."""

    model: str
    messages: list[Raw]
    stream: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    p: float | None = None
    k: int | None = None
    seed: int | None = None
    stop_sequences: list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    tools: list[Raw] | None = None
    tool_choice: str | None = None
    strict_tools: bool | None = None


class Function(msgspec.Struct):
    """What is called, or offered."""

    name: str = ""
    arguments: str | None = None
    description: str | None = None
    parameters: Raw = _NONE


class ToolCall(msgspec.Struct):
    """A call, whole or a piece of it."""

    id: str | None = None
    function: Function | None = None


class _Url(msgspec.Struct):
    url: str
    detail: str | None = None


class _Document(msgspec.Struct):
    data: Raw = _NONE


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    image_url: _Url | None = None
    document: _Document | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_plan: str | None = None
    tool_call_id: str | None = None


class _Offer(msgspec.Struct):
    function: Function


class _Format(msgspec.Struct):
    type: str
    json_schema: Raw = _NONE
    schema: Raw = _NONE


class _Thinking(msgspec.Struct):
    type: str
    token_budget: int | None = None


_decode = msgspec.json.Decoder(ChatV2).decode
_message = msgspec.json.Decoder(_Message).decode
_offer = msgspec.json.Decoder(_Offer).decode
_format = msgspec.json.Decoder(_Format).decode
_thinking = msgspec.json.Decoder(_Thinking).decode

_READ = {*ChatV2.__struct_fields__, "response_format", "thinking"}


def peek_of(request: ChatRequest) -> ChatV2:
    """Return the typed top level of a request of this dialect."""
    assert isinstance(request.peek, ChatV2)  # noqa: S101  # ``parse`` made it
    return request.peek


def parse(body: bytes) -> ChatRequest:
    """Read a request's top level; raises InvalidRequest."""
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


def tool_names(request: ChatRequest) -> list[str]:
    """Return the names of the offered tools; raises InvalidRequest."""
    offers = enumerate(peek_of(request).tools or ())
    return [item(_offer, raw, f"tools[{at}]").function.name for at, raw in offers]


def relay(request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
    """Splice the vendor's model name, and a limit where none was given."""
    fields: dict[str, object] = {**request.fields, "model": model}
    if output_limit is not None:
        fields["max_tokens"] = output_limit
    return Outgoing(fields, [])


def read(request: ChatRequest) -> Conversation:
    """Read all of a request; raises InvalidRequest with the path of what is wrong."""
    peek, fields = peek_of(request), request.fields
    system: list[Text] = []
    turns: list[Turn] = []
    drops = [name for name, raw in fields.items() if name not in _READ and bytes(raw) != b"null"]
    for at, raw in enumerate(peek.messages):
        path = f"messages[{at}]"
        message = item(_message, raw, path)
        if message.role == "system":
            if turns and "system_position" not in drops:
                drops.append("system_position")
            parts = _contents(message, path)
            system += [part for part in parts if isinstance(part, Text)]
        else:
            turns.append(_turn(message, path))
    thinking = optional(_thinking, fields, "thinking")
    return Conversation(
        system=tuple(system),
        turns=tuple(results_together(turns)),
        tools=tuple(_tools(peek)),
        tool_choice=_tool_choice(peek.tool_choice),
        max_output_tokens=peek.max_tokens,
        temperature=peek.temperature,
        top_p=peek.p,
        top_k=peek.k or None,
        presence_penalty=peek.presence_penalty,
        frequency_penalty=peek.frequency_penalty,
        stop=tuple(peek.stop_sequences or ()),
        seed=peek.seed,
        logprobs=peek.logprobs,
        json_format=_json_format(optional(_format, fields, "response_format")),
        reasoning=None if thinking is None else _reasoning(thinking),
        drops=tuple(drops),
    )


def _reasoning(thinking: _Thinking) -> Reasoning:
    is_off = thinking.type == "disabled"
    return Reasoning(budget_tokens=0 if is_off else thinking.token_budget or -1)


def _turn(message: _Message, path: str) -> Turn:
    contents = tuple(_contents(message, path))
    match message.role:
        case "user":
            return Turn(role="user", parts=contents)
        case "tool":
            if not message.tool_call_id:
                raise invalid("it is required", f"{path}.tool_call_id")
            parts = tuple(part for part in contents if isinstance(part, Text | Media))
            return Turn(
                role="user", parts=(ToolResult(tool_use_id=message.tool_call_id, parts=parts),)
            )
        case "assistant":
            plan = (Thinking(text=message.tool_plan),) if message.tool_plan else ()
            calls = [
                ToolUse(
                    id=call.id or f"call_{at}",
                    name=call.function.name,
                    arguments=call.function.arguments or "{}",
                )
                for at, call in enumerate(message.tool_calls or ())
                if call.function is not None
            ]
            return Turn(role="assistant", parts=(*plan, *contents, *calls))
        case _:
            raise invalid("the role is system, user, assistant or tool", f"{path}.role")


def _contents(message: _Message, path: str) -> Iterator[Part]:
    content = message.content or []
    if isinstance(content, str):
        yield Text(text=content)
        return
    for at, part in enumerate(content):
        where = f"{path}.content[{at}]"
        match part.type:
            case "text" if part.text is not None:
                yield Text(text=part.text)
            case "thinking" if part.thinking is not None:
                yield Thinking(text=part.thinking)
            case "image_url" if part.image_url is not None:
                url, detail = part.image_url.url, part.image_url.detail
                media = media_of_url(url, f"{where}.image_url.url", kind=MediaKind.IMAGE)
                yield msgspec.structs.replace(media, detail=detail)
            case "document" if part.document is not None:
                data = bytes(part.document.data)
                is_text = data.startswith(b'"')
                yield Text(text=msgspec.json.decode(data, type=str) if is_text else data.decode())
            case _:
                raise invalid(f"'{part.type}' is no type of part that can be translated", where)


def _tools(peek: ChatV2) -> Iterator[Tool]:
    for at, raw in enumerate(peek.tools or ()):
        function = item(_offer, raw, f"tools[{at}]").function
        yield Tool(
            name=function.name,
            description=function.description,
            schema=schema_object(function.parameters, f"tools[{at}].function.parameters"),
            is_strict=peek.strict_tools,
        )


def _tool_choice(choice: str | None) -> ToolChoice | None:
    match choice:
        case None:
            return None
        case "REQUIRED":
            return ToolChoice(mode=ToolMode.REQUIRED)
        case "NONE":
            return ToolChoice(mode=ToolMode.NONE)
        case _:
            raise invalid("it is REQUIRED or NONE", "tool_choice")


def _json_format(wanted: _Format | None) -> JsonFormat | None:
    if wanted is None or wanted.type == "text":
        return None
    for schema in (wanted.json_schema, wanted.schema):
        if bytes(schema) not in (b"", b"null"):
            return JsonFormat(schema=schema_object(schema, "response_format.json_schema"))
    return JsonFormat()
