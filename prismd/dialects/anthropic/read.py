"""All of a Messages request → a conversation."""

import base64
from collections.abc import Iterator

import msgspec

from prismd.dialects.anthropic.request import Cache, peek_of
from prismd.dialects.parts import check_base64, invalid, kind_of, media_of_url, schema_object
from prismd.dialects.reading import item, optional
from prismd.wire.chat import ChatRequest
from prismd.wire.conversation import (
    CacheTtl,
    Conversation,
    JsonFormat,
    Media,
    MediaKind,
    Part,
    Reasoning,
    RedactedThinking,
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


class _Source(msgspec.Struct):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: str | list[Raw] | None = None


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    source: _Source | None = None
    title: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = _NONE
    tool_use_id: str | None = None
    content: Raw = _NONE
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    cache_control: Cache | None = None

    @property
    def cache(self) -> CacheTtl | None:
        """How long the prompt is to be kept up to here."""
        return None if self.cache_control is None else self.cache_control.ttl or "5m"


class _Message(msgspec.Struct):
    role: str
    content: str | list[Raw]


class _Tool(msgspec.Struct):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: Raw = _NONE
    strict: bool | None = None
    cache_control: Cache | None = None


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class _Format(msgspec.Struct):
    type: str
    schema: Raw = _NONE


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


_message = msgspec.json.Decoder(_Message).decode
_block = msgspec.json.Decoder(_Block).decode
_blocks = msgspec.json.Decoder(str | list[Raw]).decode
_tool = msgspec.json.Decoder(_Tool).decode
_choice = msgspec.json.Decoder(_Choice).decode
_thinking = msgspec.json.Decoder(_Thinking).decode
_output = msgspec.json.Decoder(_OutputConfig).decode
_format = msgspec.json.Decoder(_Format).decode
_metadata = msgspec.json.Decoder(_Metadata).decode

_READ = frozenset(
    {
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",
        "service_tier",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)


def read(request: ChatRequest) -> Conversation:
    """Read all of a request.

    Raises:
        InvalidRequest: an unknown role or block, data that cannot be decoded, …; with its path.
    """
    peek, fields = peek_of(request), request.fields
    drops = [name for name, raw in fields.items() if name not in _READ and not _is_null(raw)]
    choice = optional(_choice, fields, "tool_choice")
    metadata = optional(_metadata, fields, "metadata")
    is_single = choice is not None and choice.disable_parallel_tool_use
    tools = tuple(_tools(peek.tools or (), drops))
    return Conversation(
        system=tuple(_system(peek.system)),
        turns=tuple(_turn(raw, f"messages[{at}]") for at, raw in enumerate(peek.messages)),
        tools=tools,
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=False if is_single else None,
        max_output_tokens=peek.max_tokens,
        temperature=peek.temperature,
        top_p=peek.top_p,
        top_k=peek.top_k,
        stop=tuple(peek.stop_sequences or ()),
        json_format=_json_format(fields),
        reasoning=_reasoning(fields),
        user=None if metadata is None else metadata.user_id,
        service_tier={"standard_only": "default"}.get(peek.service_tier or "", peek.service_tier),
        drops=tuple(drops),
    )


def _is_null(raw: Raw) -> bool:
    return bytes(raw) in (b"", b"null")


def _system(system: str | list[Raw] | None) -> Iterator[Text]:
    if isinstance(system, str):
        if system:
            yield Text(text=system)
        return
    for at, raw in enumerate(system or ()):
        block = item(_block, raw, f"system[{at}]")
        if block.type != "text" or block.text is None:
            raise invalid("the system prompt has text blocks only", f"system[{at}].type")
        yield Text(text=block.text, cache=block.cache)


def _turn(raw: Raw, path: str) -> Turn:
    message = item(_message, raw, path)
    if message.role not in ("user", "assistant"):
        raise invalid("the role is user or assistant", f"{path}.role")
    is_user = message.role == "user"
    parts = tuple(_parts(message.content, f"{path}.content"))
    return Turn(role="user" if is_user else "assistant", parts=parts)


def _parts(content: str | list[Raw], path: str) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(text=content)
        return
    for at, raw in enumerate(content):
        where = f"{path}[{at}]"
        yield _part(item(_block, raw, where), where)


def _part(block: _Block, path: str) -> Part:
    match block.type:
        case "text" if block.text is not None:
            return Text(text=block.text, cache=block.cache)
        case "image" if block.source is not None:
            return _media(block, block.source, MediaKind.IMAGE, f"{path}.source")
        case "document" if block.source is not None:
            return _media(block, block.source, MediaKind.FILE, f"{path}.source")
        case "tool_use" if block.id and block.name:
            arguments = "{}" if _is_null(block.input) else bytes(block.input).decode()
            return ToolUse(id=block.id, name=block.name, arguments=arguments, cache=block.cache)
        case "tool_result" if block.tool_use_id:
            return _result(block, block.tool_use_id, path)
        case "thinking" if block.thinking is not None:
            return Thinking(text=block.thinking, signature=block.signature or None)
        case "redacted_thinking" if block.data is not None:
            return RedactedThinking(data=block.data)
        case "text" | "image" | "document" | "tool_use" | "tool_result" | "thinking":
            raise invalid(f"a block of type '{block.type}' is not complete", path)
        case _:
            what = f"'{block.type}' is no type of block that can be translated"
            raise invalid(what, f"{path}.type")


def _media(block: _Block, source: _Source, kind: MediaKind, path: str) -> Media:
    name, cache, mime = block.title, block.cache, source.media_type
    match source.type:
        case "base64" if source.data is not None:
            data = check_base64(source.data, f"{path}.data")
            kind = kind if kind is MediaKind.IMAGE else kind_of(mime or "")
            return Media(kind=kind, mime=mime, data=data, name=name, cache=cache)
        case "text" if source.data is not None:
            data = base64.b64encode(source.data.encode()).decode()
            return Media(kind=kind, mime=mime or "text/plain", data=data, name=name, cache=cache)
        case "url" if source.url is not None:
            mime = "application/pdf" if kind is MediaKind.FILE else None
            media = media_of_url(source.url, f"{path}.url", kind=kind, mime=mime)
            return msgspec.structs.replace(media, name=name, cache=cache)
        case "file" if source.file_id is not None:
            return Media(kind=kind, mime=None, file_id=source.file_id, name=name, cache=cache)
        case "content" if source.content is not None:
            texts = [
                part.text
                for part in _parts(source.content, f"{path}.content")
                if isinstance(part, Text)
            ]
            data = base64.b64encode("".join(texts).encode()).decode()
            return Media(kind=kind, mime="text/plain", data=data, name=name, cache=cache)
        case _:
            raise invalid("it is base64, text, url, file or content", f"{path}.type")


def _result(block: _Block, used: str, path: str) -> ToolResult:
    content: str | list[Raw] = ""
    if not _is_null(block.content):
        content = item(_blocks, block.content, f"{path}.content")
    parts = []
    for part in _parts(content, f"{path}.content"):
        if not isinstance(part, Text | Media):
            raise invalid("a result has text, images and documents", f"{path}.content")
        parts.append(part)
    return ToolResult(
        tool_use_id=used, parts=tuple(parts), is_error=bool(block.is_error), cache=block.cache
    )


def _tools(raws: list[Raw] | tuple[Raw, ...], drops: list[str]) -> Iterator[Tool]:
    for at, raw in enumerate(raws):
        path = f"tools[{at}]"
        tool = item(_tool, raw, path)
        if tool.type not in (None, "custom"):
            if f"tools.{tool.type}" not in drops:
                drops.append(f"tools.{tool.type}")
            continue
        yield Tool(
            name=tool.name,
            description=tool.description,
            schema=schema_object(tool.input_schema, f"{path}.input_schema"),
            is_strict=tool.strict,
            cache=None if tool.cache_control is None else tool.cache_control.ttl or "5m",
        )


def _tool_choice(choice: _Choice | None) -> ToolChoice | None:
    if choice is None:
        return None
    match choice.type:
        case "auto":
            return ToolChoice(mode=ToolMode.AUTO)
        case "any":
            return ToolChoice(mode=ToolMode.REQUIRED)
        case "none":
            return ToolChoice(mode=ToolMode.NONE)
        case "tool" if choice.name:
            return ToolChoice(mode=ToolMode.REQUIRED, names=(choice.name,))
        case _:
            raise invalid("it is auto, any, none or a tool", "tool_choice.type")


def _json_format(fields: dict[str, Raw]) -> JsonFormat | None:
    output = optional(_output, fields, "output_config")
    wanted = output.format if output is not None else None
    path = "output_config.format"
    if wanted is None:
        wanted, path = optional(_format, fields, "output_format"), "output_format"
    if wanted is None:
        return None
    if wanted.type != "json_schema":
        raise invalid("it is json_schema", f"{path}.type")
    return JsonFormat(schema=schema_object(wanted.schema, f"{path}.schema"))


def _reasoning(fields: dict[str, Raw]) -> Reasoning | None:
    output = optional(_output, fields, "output_config")
    effort = None if output is None else output.effort
    thinking = optional(_thinking, fields, "thinking")
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort)
    shown = None if thinking.display is None else thinking.display != "omitted"
    match thinking.type:
        case "enabled":
            return Reasoning(effort=effort, budget_tokens=thinking.budget_tokens, is_shown=shown)
        case "adaptive":
            return Reasoning(effort=effort, budget_tokens=-1, is_shown=shown)
        case "disabled":
            return Reasoning(effort=effort, budget_tokens=0)
        case _:
            raise invalid("it is enabled, adaptive or disabled", "thinking.type")
