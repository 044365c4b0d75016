"""A Converse request: looked at once, relayed, read (AWS reference, bedrock-runtime)."""

import base64
from collections.abc import Iterator

import msgspec

from prismd.dialects.base import Outgoing
from prismd.dialects.parts import check_base64, invalid, schema_object
from prismd.dialects.reading import check_model, item, missing, optional, top_level
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

HINTS = {
    "messages": 'a non-empty array, for example [{"role": "user", "content": [{"text": "Hi"}]}]'
}
FORMATS = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}
"""Format of a document → its media type."""


class _Inference(msgspec.Struct, frozen=True, rename="camel"):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None


class _ToolConfig(msgspec.Struct, frozen=True, rename="camel"):
    tools: list[Raw] = []
    tool_choice: dict[str, Raw] | None = None


class ConversePeek(msgspec.Struct, frozen=True, rename="camel"):
    """The typed top level. Fields not named here are passed on as they are."""

    messages: list[Raw]
    system: list[Raw] | None = None
    inference_config: _Inference | None = None
    tool_config: _ToolConfig | None = None


class _S3(msgspec.Struct):
    uri: str = ""


class _Source(msgspec.Struct, rename="camel"):
    bytes_: str | None = msgspec.field(default=None, name="bytes")
    s3_location: _S3 | None = None
    text: str | None = None


class _Blob(msgspec.Struct):
    source: _Source
    format: str | None = None
    name: str | None = None


class _Use(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str
    input: Raw = _NONE


class _Result(msgspec.Struct, rename="camel"):
    tool_use_id: str
    content: list[Raw]
    status: str | None = None


class _ReasoningText(msgspec.Struct):
    text: str = ""
    signature: str | None = None


class _Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _CachePoint(msgspec.Struct):
    type: str = "default"
    ttl: str | None = None


class _Block(msgspec.Struct, rename="camel"):
    text: str | None = None
    image: _Blob | None = None
    document: _Blob | None = None
    video: _Blob | None = None
    audio: _Blob | None = None
    tool_use: _Use | None = None
    tool_result: _Result | None = None
    reasoning_content: _Reasoning | None = None
    cache_point: _CachePoint | None = None
    json: Raw = _NONE


class _Message(msgspec.Struct):
    role: str
    content: list[Raw]


class _Schema(msgspec.Struct):
    json: Raw = _NONE


class _Spec(msgspec.Struct, rename="camel"):
    name: str
    description: str | None = None
    input_schema: _Schema | None = None
    strict: bool | None = None


class _Offer(msgspec.Struct, rename="camel"):
    tool_spec: _Spec | None = None
    cache_point: _CachePoint | None = None


class _Named(msgspec.Struct):
    name: str


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


class _More(msgspec.Struct):
    top_k: int | None = None
    thinking: _Thinking | None = None


class _JsonSchema(msgspec.Struct):
    schema: str
    name: str | None = None
    description: str | None = None


class _Structure(msgspec.Struct, rename="camel"):
    json_schema: _JsonSchema | None = None


class _TextFormat(msgspec.Struct):
    structure: _Structure | None = None


class _Output(msgspec.Struct, rename="camel"):
    text_format: _TextFormat | None = None
    effort: str | None = None


_decode = msgspec.json.Decoder(ConversePeek).decode
_message = msgspec.json.Decoder(_Message).decode
_block = msgspec.json.Decoder(_Block).decode
_offer = msgspec.json.Decoder(_Offer).decode
_named = msgspec.json.Decoder(_Named).decode
_more = msgspec.json.Decoder(_More).decode
_output = msgspec.json.Decoder(_Output).decode
_metadata = msgspec.json.Decoder(dict[str, str]).decode

_READ = {
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "additionalModelRequestFields",
    "outputConfig",
    "requestMetadata",
    "modelId",
    "model",
}


def peek_of(request: ChatRequest) -> ConversePeek:
    """Return the typed top level of a request of this dialect."""
    assert isinstance(request.peek, ConversePeek)  # noqa: S101  # ``parse`` made it
    return request.peek


def parse(body: bytes, *, model: str, is_stream: bool) -> ChatRequest:
    """Read a request's top level; raises InvalidRequest."""
    peek, fields = top_level(body, _decode, HINTS)
    check_model(model)
    if not peek.messages:
        raise missing("messages", HINTS)
    limits = peek.inference_config
    return ChatRequest(
        peek=peek,
        fields=fields,
        size_bytes=len(body),
        model=model,
        is_stream=is_stream,
        wants_usage=True,
        max_output_tokens=None if limits is None else limits.max_tokens,
    )


def tool_names(request: ChatRequest) -> list[str]:
    """Return the names of the offered tools; raises InvalidRequest."""
    config = peek_of(request).tool_config
    offers = config.tools if config is not None else []
    found = [item(_offer, raw, f"toolConfig.tools[{at}]") for at, raw in enumerate(offers)]
    return [one.tool_spec.name for one in found if one.tool_spec is not None]


def relay(request: ChatRequest, *, output_limit: int | None) -> Outgoing:
    """Splice a limit where none was given; the model is in the path."""
    fields: dict[str, object] = dict(request.fields)
    fields.pop("model", None)
    if output_limit is not None:
        given = request.fields.get("inferenceConfig", Raw(b"{}"))
        config = msgspec.json.decode(given, type=dict[str, Raw])
        fields["inferenceConfig"] = {**config, "maxTokens": output_limit}
    return Outgoing(fields, [])


def read(request: ChatRequest) -> Conversation:
    """Read all of a request; raises InvalidRequest with the path of what is wrong."""
    peek, fields = peek_of(request), request.fields
    limits = peek.inference_config or _Inference()
    more = optional(_more, fields, "additionalModelRequestFields") or _More()
    output = optional(_output, fields, "outputConfig") or _Output()
    config = peek.tool_config
    system = _blocks(peek.system or [], "system")
    thinking = more.thinking
    reasoning = None
    if thinking is not None:
        budget = {"disabled": 0, "adaptive": -1}.get(thinking.type, thinking.budget_tokens)
        reasoning = Reasoning(budget_tokens=budget, effort=output.effort)
    elif output.effort is not None:
        reasoning = Reasoning(effort=output.effort)
    return Conversation(
        system=tuple(part for part in system if isinstance(part, Text)),
        turns=tuple(_turn(raw, f"messages[{at}]") for at, raw in enumerate(peek.messages)),
        tools=() if config is None else tuple(_tools(config)),
        tool_choice=None if config is None else _tool_choice(config.tool_choice),
        max_output_tokens=limits.max_tokens,
        temperature=limits.temperature,
        top_p=limits.top_p,
        top_k=more.top_k,
        stop=tuple(limits.stop_sequences or ()),
        json_format=_json_format(output),
        reasoning=reasoning,
        metadata=optional(_metadata, fields, "requestMetadata"),
        drops=tuple(name for name in fields if name not in _READ),
    )


def _json_format(output: _Output) -> JsonFormat | None:
    structure = output.text_format.structure if output.text_format else None
    if structure is None or structure.json_schema is None:
        return None
    wanted = structure.json_schema
    schema = schema_object(Raw(wanted.schema.encode()), "outputConfig.textFormat")
    return JsonFormat(schema=schema, name=wanted.name or "answer", description=wanted.description)


def _turn(raw: Raw, path: str) -> Turn:
    message = item(_message, raw, path)
    parts = tuple(_blocks(message.content, f"{path}.content"))
    if message.role == "user":
        return Turn(role="user", parts=parts)
    if message.role == "assistant":
        return Turn(role="assistant", parts=parts)
    raise invalid("the role is user or assistant", f"{path}.role")


def _blocks(raws: list[Raw], path: str) -> list[Part]:
    parts: list[Part] = []
    for at, raw in enumerate(raws):
        where = f"{path}[{at}]"
        block = item(_block, raw, where)
        if block.cache_point is not None:
            if parts and not isinstance(parts[-1], Thinking | RedactedThinking):
                ttl: CacheTtl = "1h" if block.cache_point.ttl == "1h" else "5m"
                parts[-1] = msgspec.structs.replace(parts[-1], cache=ttl)
            continue
        parts.append(_part(block, where))
    return parts


def _part(block: _Block, path: str) -> Part:
    if block.text is not None:
        return Text(text=block.text)
    for kind in MediaKind:
        name = "document" if kind is MediaKind.FILE else kind.value
        blob: _Blob | None = getattr(block, name)
        if blob is not None:
            return _media(blob, kind, f"{path}.{name}")
    if (use := block.tool_use) is not None:
        arguments = bytes(use.input).decode() or "{}"
        return ToolUse(id=use.tool_use_id, name=use.name, arguments=arguments)
    if (result := block.tool_result) is not None:
        return _result(result, f"{path}.toolResult")
    if (thought := block.reasoning_content) is not None:
        if thought.redacted_content is not None:
            return RedactedThinking(data=thought.redacted_content)
        text = thought.reasoning_text or _ReasoningText()
        return Thinking(text=text.text, signature=text.signature)
    if bytes(block.json):
        return Text(text=bytes(block.json).decode())
    raise invalid("this kind of block cannot be translated", path)


def _media(blob: _Blob, kind: MediaKind, path: str) -> Media:
    source = blob.source
    mime = None
    if blob.format is not None:
        is_file = kind is MediaKind.FILE
        mime = FORMATS.get(blob.format) if is_file else f"{kind.value}/{blob.format}"
    if source.bytes_ is not None:
        data = check_base64(source.bytes_, f"{path}.source.bytes")
        return Media(kind=kind, mime=mime, data=data, name=blob.name)
    if source.text is not None:
        data = base64.b64encode(source.text.encode()).decode()
        return Media(kind=kind, mime=mime or "text/plain", data=data, name=blob.name)
    if source.s3_location is not None:
        return Media(kind=kind, mime=mime, file_id=source.s3_location.uri, name=blob.name)
    raise invalid("it has bytes, text or s3Location", f"{path}.source")


def _result(result: _Result, path: str) -> ToolResult:
    parts = tuple(
        part
        for part in _blocks(result.content, f"{path}.content")
        if isinstance(part, Text | Media)
    )
    is_error = result.status == "error"
    return ToolResult(tool_use_id=result.tool_use_id, parts=parts, is_error=is_error)


def _tools(config: _ToolConfig) -> Iterator[Tool]:
    for at, raw in enumerate(config.tools):
        path = f"toolConfig.tools[{at}]"
        spec = item(_offer, raw, path).tool_spec
        if spec is None:
            continue
        schema = spec.input_schema.json if spec.input_schema is not None else _NONE
        yield Tool(
            name=spec.name,
            description=spec.description,
            schema=schema_object(schema, f"{path}.toolSpec.inputSchema.json"),
            is_strict=spec.strict,
        )


def _tool_choice(choice: dict[str, Raw] | None) -> ToolChoice | None:
    if not choice:
        return None
    if "any" in choice:
        return ToolChoice(mode=ToolMode.REQUIRED)
    if "tool" in choice:
        name = item(_named, choice["tool"], "toolConfig.toolChoice.tool").name
        return ToolChoice(mode=ToolMode.REQUIRED, names=(name,))
    return ToolChoice(mode=ToolMode.AUTO)
