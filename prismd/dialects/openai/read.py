"""All of an OpenAI chat request → a conversation (OpenAI reference, chat/create).

Beside what OpenAI has, this reads what its vendors and gateways have added: ``reasoning_content``
and ``thinking_blocks`` of earlier turns, ``cache_control`` on parts, ``top_k``.
"""

import msgspec

from prismd.dialects.openai.request import peek_of
from prismd.dialects.openai.settings import (
    CacheMark,
    read_json_format,
    read_reasoning,
    read_tool_choice,
    read_tools,
)
from prismd.dialects.openai.usage import ABSENT, is_null
from prismd.dialects.parts import check_base64, invalid, media_of_url, results_together
from prismd.dialects.reading import item
from prismd.wire.chat import ChatPeek, ChatRequest
from prismd.wire.conversation import (
    CacheTtl,
    Conversation,
    Media,
    MediaKind,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)

Raw = msgspec.Raw


class _Url(msgspec.Struct):
    url: str
    detail: str | None = None


class _Audio(msgspec.Struct):
    data: str
    format: str


class _File(msgspec.Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _Url | str | None = None
    input_audio: _Audio | None = None
    file: _File | None = None
    cache_control: CacheMark | None = None


class _Function(msgspec.Struct):
    name: str
    arguments: str | None = None


class _Custom(msgspec.Struct):
    name: str
    input: str = ""


class _Google(msgspec.Struct):
    thought_signature: str | None = None


class _Extra(msgspec.Struct):
    google: _Google | None = None


class _Call(msgspec.Struct):
    id: str = ""
    type: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None
    extra_content: _Extra | None = None


class ThinkingBlock(msgspec.Struct):
    """A thought with its seal, as gateways of many vendors say it in OpenAI's shape."""

    type: str
    thinking: str = ""
    signature: str | None = None
    data: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[Raw] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: Raw = ABSENT
    thinking_blocks: list[ThinkingBlock] | None = None


_message = msgspec.json.Decoder(_Message).decode
_part = msgspec.json.Decoder(_Part).decode
_text = msgspec.json.Decoder(str).decode
_whole = msgspec.json.Decoder(int).decode

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_READ = {*ChatPeek.__struct_fields__, "reasoning_effort", "reasoning", "top_k", "safety_identifier"}
_HARMLESS = {
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "functions",
}


def read(request: ChatRequest) -> Conversation:
    """Read all of a request.

    Raises:
        InvalidRequest: an unknown role or part, data that cannot be decoded, …; with its path.
    """
    peek = peek_of(request)
    system: list[Text] = []
    turns: list[Turn] = []
    drops: list[str] = []
    for at, raw in enumerate(peek.messages):
        path = f"messages[{at}]"
        message = item(_message, raw, path)
        if message.role not in _ROLES:
            raise invalid(f"the role is one of {', '.join(_ROLES)}", f"{path}.role")
        if message.role in ("system", "developer"):
            if turns and "system_position" not in drops:
                drops.append("system_position")
            system += _system(message, path)
        else:
            turns.append(_turn(message, path))
    return Conversation(
        system=tuple(system),
        turns=tuple(results_together(turns)),
        tools=read_tools(peek),
        tool_choice=read_tool_choice(request.fields),
        parallel_tool_calls=peek.parallel_tool_calls,
        max_output_tokens=request.max_output_tokens,
        temperature=peek.temperature,
        top_p=peek.top_p,
        top_k=_optional_whole(request.fields.get("top_k"), "top_k"),
        presence_penalty=peek.presence_penalty,
        frequency_penalty=peek.frequency_penalty,
        stop=_stop(peek),
        seed=peek.seed,
        n=peek.n,
        logprobs=peek.logprobs,
        top_logprobs=peek.top_logprobs,
        logit_bias=peek.logit_bias,
        json_format=read_json_format(request.fields.get("response_format", ABSENT)),
        reasoning=read_reasoning(request.fields),
        user=peek.user,
        metadata=peek.metadata,
        service_tier=peek.service_tier,
        drops=(*drops, *_unknown(request.fields, peek)),
    )


def _unknown(fields: dict[str, Raw], peek: ChatPeek) -> list[str]:
    """Return the members that no other dialect has words for."""
    unread = [
        name
        for name, value in fields.items()
        if name not in _READ and name not in _HARMLESS and not is_null(value)
    ]
    if peek.modalities not in (None, ["text"]):
        unread.append("modalities")
    return unread


def _stop(peek: ChatPeek) -> tuple[str, ...]:
    words = [peek.stop] if isinstance(peek.stop, str) else peek.stop or []
    return tuple(word for word in words if word)


def _optional_whole(raw: Raw | None, path: str) -> int | None:
    return None if raw is None or is_null(raw) else item(_whole, raw, path)


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


def _system(message: _Message, path: str) -> list[Text]:
    texts = []
    for part in _contents(message.content, f"{path}.content"):
        if not isinstance(part, Text):
            raise invalid("a system message has text only", f"{path}.content")
        texts.append(part)
    return texts


def _turn(message: _Message, path: str) -> Turn:
    contents = _contents(message.content, f"{path}.content")
    if message.role in ("tool", "function"):
        name = message.name
        parts = tuple(part for part in contents if isinstance(part, Text | Media))
        used = message.tool_call_id or _made_id(name or "")
        return Turn(role="user", parts=(ToolResult(tool_use_id=used, name=name, parts=parts),))
    if message.role == "user":
        if message.content is None:
            raise invalid("it is required: text, or an array of parts", f"{path}.content")
        return Turn(role="user", parts=tuple(contents), name=message.name)
    said = [*_thoughts(message), *contents]
    if message.refusal:
        said.append(Text(text=message.refusal))
    said += _calls(message, path)
    return Turn(role="assistant", parts=tuple(said), name=message.name)


def _contents(content: str | list[Raw] | None, path: str) -> list[Part]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(text=content)]
    return [
        _read_part(item(_part, raw, f"{path}[{at}]"), f"{path}[{at}]")
        for at, raw in enumerate(content)
    ]


def _read_part(part: _Part, path: str) -> Part:
    cache: CacheTtl | None = None
    if part.cache_control is not None:
        cache = part.cache_control.ttl or "5m"
    match part.type:
        case "text" if part.text is not None:
            return Text(text=part.text, cache=cache)
        case "refusal" if part.refusal is not None:
            return Text(text=part.refusal)
        case "image_url" if part.image_url is not None:
            given = part.image_url if isinstance(part.image_url, _Url) else _Url(part.image_url)
            media = media_of_url(given.url, f"{path}.image_url.url", kind=MediaKind.IMAGE)
            return msgspec.structs.replace(media, detail=given.detail, cache=cache)
        case "input_audio" if part.input_audio is not None:
            data = check_base64(part.input_audio.data, f"{path}.input_audio.data")
            mime = f"audio/{part.input_audio.format}"
            return Media(kind=MediaKind.AUDIO, mime=mime, data=data, cache=cache)
        case "file" if part.file is not None:
            return _file(part.file, f"{path}.file", cache)
        case "text" | "refusal" | "image_url" | "input_audio" | "file":
            raise invalid(f"a part of type '{part.type}' has a member of that name", path)
        case _:
            raise invalid(
                f"'{part.type}' is no type of part that can be translated", f"{path}.type"
            )


def _file(file: _File, path: str, cache: CacheTtl | None) -> Media:
    if file.file_id:
        return Media(
            kind=MediaKind.FILE, mime=None, file_id=file.file_id, name=file.filename, cache=cache
        )
    if not file.file_data:
        raise invalid("it has file_data or file_id", path)
    given = file.file_data
    if given[:5].lower() != "data:" and not given.lower().startswith(("http://", "https://")):
        given = f"data:application/pdf;base64,{given}"
    media = media_of_url(given, f"{path}.file_data", kind=MediaKind.FILE)
    return msgspec.structs.replace(media, name=file.filename, cache=cache)


def _thoughts(message: _Message) -> list[Part]:
    thoughts: list[Part] = []
    for block in message.thinking_blocks or ():
        if block.type == "redacted_thinking":
            thoughts.append(RedactedThinking(data=block.data))
        else:
            thoughts.append(Thinking(text=block.thinking, signature=block.signature))
    if thoughts:
        return thoughts
    text = message.reasoning_content
    if text is None and bytes(message.reasoning).startswith(b'"'):
        text = _text(message.reasoning)
    return [Thinking(text=text)] if text else []


def _calls(message: _Message, path: str) -> list[Part]:
    calls: list[Part] = []
    for at, call in enumerate(message.tool_calls or ()):
        google = call.extra_content.google if call.extra_content else None
        signature = google.thought_signature if google else None
        if call.function is not None:
            name, arguments = call.function.name, call.function.arguments or ""
        elif call.custom is not None:
            name = call.custom.name
            arguments = msgspec.json.encode({"input": call.custom.input}).decode()
        else:
            raise invalid("a call has a function", f"{path}.tool_calls[{at}]")
        used = call.id or _made_id(name)
        calls.append(ToolUse(id=used, name=name, arguments=arguments, signature=signature))
    if message.function_call is not None:
        name, arguments = message.function_call.name, message.function_call.arguments or ""
        calls.append(ToolUse(id=_made_id(name), name=name, arguments=arguments))
    return calls


def _made_id(name: str) -> str:
    """Return the id of a call in the older form, which has none: one call of a name at a time."""
    return f"call_{name}"
