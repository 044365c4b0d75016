"""A conversation → an OpenAI chat request, for any vendor that speaks like OpenAI."""

from collections.abc import Iterator

from prismd.dialects.base import Outgoing
from prismd.dialects.parts import Drops, has_cache_marks, mime_of
from prismd.wire.conversation import (
    Conversation,
    JsonFormat,
    Media,
    MediaKind,
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

_Json = dict[str, object]

_EFFORTS = ((0, "none"), (1_024, "minimal"), (4_096, "low"), (16_384, "medium"))
"""Budget of thought up to → effort; what is above is ``high``."""


def write(conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
    """Say a conversation."""
    drops = Drops()
    said = conversation
    system = "\n\n".join(text.text for text in said.system)
    messages: list[_Json] = [{"role": "system", "content": system}] if system else []
    drops.add("cache_control", when=has_cache_marks(said))
    for turn in said.turns:
        messages += _messages(turn, drops)
    fields: _Json = {"model": model, "messages": messages}
    if is_stream:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    given = {
        "tools": [_tool(tool) for tool in said.tools] or None,
        "tool_choice": _tool_choice(said.tool_choice) if said.tools else None,
        "parallel_tool_calls": said.parallel_tool_calls if said.tools else None,
        "max_tokens": said.max_output_tokens,
        "temperature": said.temperature,
        "top_p": said.top_p,
        "presence_penalty": said.presence_penalty,
        "frequency_penalty": said.frequency_penalty,
        "stop": list(said.stop) or None,
        "seed": said.seed,
        "n": said.n,
        "logprobs": said.logprobs,
        "top_logprobs": said.top_logprobs,
        "logit_bias": said.logit_bias,
        "response_format": _format(said.json_format),
        "reasoning_effort": _effort(said.reasoning),
        "user": said.user,
        "metadata": said.metadata,
        "service_tier": said.service_tier,
    }
    fields |= {name: value for name, value in given.items() if value is not None}
    drops.add("top_k", when=said.top_k is not None)
    return Outgoing(fields, drops.list())


def _messages(turn: Turn, drops: Drops) -> Iterator[_Json]:
    """Say a turn: results of tools are messages of their own here."""
    if turn.role == "assistant":
        yield _assistant(turn, drops)
        return
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    for result in results:
        yield {
            "role": "tool",
            "tool_call_id": result.tool_use_id,
            "content": _content([part for part in result.parts if isinstance(part, Text)], drops),
        }
        drops.add("tool_result_error", when=result.is_error)
    shown = [part for result in results for part in result.parts if isinstance(part, Media)]
    # A tool's message has no images: they are shown by the user right behind it.
    rest = [*shown, *(part for part in turn.parts if isinstance(part, Text | Media))]
    if rest or not results:
        name = {} if turn.name is None else {"name": turn.name}
        yield {"role": "user", "content": _content(rest, drops), **name}


def _content(parts: list[Text] | list[Text | Media], drops: Drops) -> object:
    """Say words, and media where there are any; words alone are plain text."""
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts) and len(texts) <= 1:
        return "".join(texts)
    return [said for part in parts if (said := _part(part, drops)) is not None]


def _part(part: Text | Media, drops: Drops) -> _Json | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    match part.kind:
        case MediaKind.IMAGE if part.file_id is None:
            detail = {} if part.detail is None else {"detail": part.detail}
            return {"type": "image_url", "image_url": {"url": _url(part, "image/png"), **detail}}
        case MediaKind.AUDIO if part.data is not None:
            kind = mime_of(part, default="audio/wav").partition("/")[2]
            kind = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}.get(kind, kind)
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": kind}}
        case MediaKind.FILE:
            return {"type": "file", "file": _file(part)}
        case _:
            drops.add(part.kind.value)
            return None


def _url(media: Media, default: str) -> str:
    if media.url is not None:
        return media.url
    return f"data:{mime_of(media, default=default)};base64,{media.data}"


def _file(media: Media) -> _Json:
    if media.file_id is not None:
        return {"file_id": media.file_id}
    name = media.name or ("document.pdf" if media.mime in (None, "application/pdf") else "document")
    return {"filename": name, "file_data": _url(media, "application/pdf")}


def _assistant(turn: Turn, drops: Drops) -> _Json:
    message: _Json = {"role": "assistant"}
    texts = [part for part in turn.parts if isinstance(part, Text)]
    message["content"] = "".join(text.text for text in texts) if texts else None
    thoughts = [part for part in turn.parts if isinstance(part, Thinking)]
    sealed = any(one.signature for one in thoughts) or any(
        isinstance(part, RedactedThinking) for part in turn.parts
    )
    drops.add("thinking", when=bool(thoughts) or sealed)
    calls = [_call(part) for part in turn.parts if isinstance(part, ToolUse)]
    if calls:
        message["tool_calls"] = calls
    elif message["content"] is None:
        message["content"] = ""
    if turn.name is not None:
        message["name"] = turn.name
    return message


def _call(use: ToolUse) -> _Json:
    return {
        "id": use.id,
        "type": "function",
        "function": {"name": use.name, "arguments": use.arguments or "{}"},
    }


def _tool(tool: Tool) -> _Json:
    function: _Json = {"name": tool.name, "parameters": tool.schema}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.is_strict is not None:
        function["strict"] = tool.is_strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice | None) -> object:
    if choice is None:
        return None
    if choice.mode is ToolMode.NONE or not choice.names:
        return choice.mode.value
    if choice.mode is ToolMode.REQUIRED and len(choice.names) == 1:
        return {"type": "function", "function": {"name": choice.names[0]}}
    tools = [{"type": "function", "function": {"name": name}} for name in choice.names]
    return {
        "type": "allowed_tools",
        "allowed_tools": {"mode": choice.mode.value, "tools": tools},
    }


def _format(wanted: JsonFormat | None) -> _Json | None:
    if wanted is None:
        return None
    if wanted.schema is None:
        return {"type": "json_object"}
    schema: _Json = {"name": wanted.name, "schema": wanted.schema}
    if wanted.description is not None:
        schema["description"] = wanted.description
    if wanted.is_strict is not None:
        schema["strict"] = wanted.is_strict
    return {"type": "json_schema", "json_schema": schema}


def _effort(reasoning: Reasoning | None) -> str | None:
    if reasoning is None or reasoning.effort is not None:
        return None if reasoning is None else reasoning.effort
    budget = reasoning.budget_tokens
    if budget is None or budget < 0:
        return None
    return next((effort for most, effort in _EFFORTS if budget <= most), "high")
