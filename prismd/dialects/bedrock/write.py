"""A conversation → a Converse request."""

import re
from collections.abc import Iterator

from prismd.dialects.anthropic.write import tool_id
from prismd.dialects.base import Outgoing
from prismd.dialects.bedrock.request import FORMATS
from prismd.dialects.json_tool import with_json_tool
from prismd.dialects.parts import (
    BLANKS,
    Drops,
    arguments_object,
    check_not_said,
    merged_turns,
    mime_of,
)
from prismd.dialects.thinking import budget_of, fitted_budget
from prismd.wire.conversation import (
    CacheTtl,
    Conversation,
    Media,
    MediaKind,
    Part,
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

MAX_ID_CHARS = 64
_FORMATS = {mime: name for name, mime in FORMATS.items()}
_UNTOLD = re.compile(r"[^A-Za-z0-9 \-()\[\]]+")
_IMAGES = ("png", "jpeg", "gif", "webp")


def write(conversation: Conversation, *, model: str) -> Outgoing:
    """Say a conversation. A JSON format is asked for as the call of a tool: few models have it."""
    said, json_tool = with_json_tool(conversation)
    drops = Drops()
    messages = [
        {"role": turn.role, "content": blocks}
        for turn in merged_turns(said.turns)
        if (blocks := list(_blocks(turn, drops)))
    ]
    fields: _Json = {"messages": messages}
    if said.system:
        fields["system"] = [
            block
            for text in said.system
            if text.text.strip(BLANKS)
            for block in ({"text": text.text}, *_point(text.cache))
        ]
    inference = _inference(said)
    more = _more(said, inference, model, drops)
    if inference:
        fields["inferenceConfig"] = inference
    if more:
        fields["additionalModelRequestFields"] = more
    if said.tools and (said.tool_choice is None or said.tool_choice.mode is not ToolMode.NONE):
        fields["toolConfig"] = _tool_config(said, drops)
    elif said.tools:
        _keep_for_history(said, fields, drops)
    if said.metadata:
        fields["requestMetadata"] = dict(said.metadata)
    drops.add("parallel_tool_calls", when=said.parallel_tool_calls is False and bool(said.tools))
    names = ("presence_penalty", "frequency_penalty", "seed", "n", "logprobs", "logit_bias", "user")
    check_not_said(said, drops, *names, "service_tier")
    return Outgoing(fields, drops.list(), json_tool)


def _keep_for_history(said: Conversation, fields: _Json, drops: Drops) -> None:
    """Offer tools that may not be called only where earlier turns need them to be known."""
    has_calls = any(isinstance(part, ToolUse) for turn in said.turns for part in turn.parts)
    if has_calls:
        fields["toolConfig"] = {"tools": [_tool(tool) for tool in said.tools]}
        drops.add("tool_choice")


def _inference(said: Conversation) -> _Json:
    given = {
        "maxTokens": said.max_output_tokens,
        "temperature": said.temperature,
        "topP": said.top_p,
        "stopSequences": [word for word in said.stop if word.strip(BLANKS)] or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _more(said: Conversation, inference: _Json, model: str, drops: Drops) -> _Json:
    """Say what only some models take, in their own words."""
    more: _Json = {}
    is_claude = "anthropic" in model or "claude" in model
    if said.top_k is not None:
        if is_claude:
            more["top_k"] = said.top_k
        else:
            drops.add("top_k")
    reasoning = said.reasoning
    if reasoning is None:
        return more
    if not is_claude:
        drops.add("reasoning", when=reasoning.budget_tokens != 0)
        return more
    budget = budget_of(reasoning)
    forced = said.tool_choice is not None and said.tool_choice.mode is ToolMode.REQUIRED
    limit = said.max_output_tokens
    if not budget:
        return more
    fitted = fitted_budget(budget, limit)
    if forced or fitted is None:
        drops.add("reasoning")
        return more
    if limit is None:
        inference["maxTokens"] = 2 * fitted
    more["thinking"] = {"type": "enabled", "budget_tokens": fitted}
    drops.add("temperature", when=inference.pop("temperature", 1) != 1)
    drops.add("top_p", when=inference.pop("topP", 1) != 1)
    drops.add("top_k", when=more.pop("top_k", None) is not None)
    return more


def _tool_config(said: Conversation, drops: Drops) -> _Json:
    tools: list[_Json] = []
    for tool in said.tools:
        tools += [_tool(tool), *_point(tool.cache)]
    choice = said.tool_choice
    chosen = {} if choice is None else {"toolChoice": _choice(choice, drops)}
    return {"tools": tools, **chosen}


def _choice(choice: ToolChoice, drops: Drops) -> _Json:
    if choice.mode is ToolMode.REQUIRED and len(choice.names) == 1:
        return {"tool": {"name": choice.names[0]}}
    drops.add("tool_choice", when=bool(choice.names))
    return {"any": {}} if choice.mode is ToolMode.REQUIRED else {"auto": {}}


def _tool(tool: Tool) -> _Json:
    spec: _Json = {"name": tool.name, "inputSchema": {"json": tool.schema}}
    if tool.description:
        spec["description"] = tool.description
    if tool.is_strict:
        spec["strict"] = True
    return {"toolSpec": spec}


def _point(ttl: CacheTtl | None) -> list[_Json]:
    if ttl is None:
        return []
    return [{"cachePoint": {"type": "default", **({} if ttl == "5m" else {"ttl": ttl})}}]


def _blocks(turn: Turn, drops: Drops) -> Iterator[_Json]:
    drops.add("message_name", when=turn.name is not None)
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    for part in (*results, *(part for part in turn.parts if not isinstance(part, ToolResult))):
        block = _block(part, drops)
        if block is not None:
            yield block
            yield from _point(getattr(part, "cache", None))


def _block(part: Part, drops: Drops) -> _Json | None:
    match part:
        case Text():
            return {"text": part.text} if part.text.strip(BLANKS) else None
        case Media():
            return _media(part, drops)
        case ToolUse():
            arguments = arguments_object(part.arguments)
            used = tool_id(part.id)[:MAX_ID_CHARS]
            return {"toolUse": {"toolUseId": used, "name": part.name, "input": arguments}}
        case ToolResult():
            return _result(part, drops)
        case Thinking():
            if part.signature is None:
                drops.add("thinking")
                return None
            text = {"text": part.text, "signature": part.signature}
            return {"reasoningContent": {"reasoningText": text}}
        case RedactedThinking():
            return {"reasoningContent": {"redactedContent": part.data}}


def _result(result: ToolResult, drops: Drops) -> _Json:
    content = [block for part in result.parts if (block := _block(part, drops)) is not None]
    said: _Json = {
        "toolUseId": tool_id(result.tool_use_id)[:MAX_ID_CHARS],
        "content": content or [{"text": " "}],
    }
    if result.is_error:
        said["status"] = "error"
    return {"toolResult": said}


def _media(media: Media, drops: Drops) -> _Json | None:
    drops.add("image_detail", when=media.detail not in (None, "auto"))
    source: _Json = {"bytes": media.data}
    if media.data is None:
        if media.file_id is None or not media.file_id.startswith("s3://"):
            drops.add("file_id" if media.file_id else media.kind.value)
            return None
        source = {"s3Location": {"uri": media.file_id}}
    match media.kind:
        case MediaKind.IMAGE:
            form = mime_of(media, default="image/png").partition("/")[2]
            form = {"jpg": "jpeg"}.get(form, form)
            if form not in _IMAGES:
                drops.add("image")
                return None
            return {"image": {"format": form, "source": source}}
        case MediaKind.FILE:
            mime = mime_of(media, default="application/pdf")
            form = _FORMATS.get(mime, "txt" if mime.startswith("text/") else "pdf")
            name = _UNTOLD.sub("-", media.name or "document").strip() or "document"
            return {"document": {"format": form, "name": name[:200], "source": source}}
        case _:
            form = (media.mime or f"{media.kind.value}/mp4").partition("/")[2]
            form = {"3gpp": "three_gp", "x-wav": "wav", "quicktime": "mov"}.get(form, form)
            return {media.kind.value: {"format": form, "source": source}}
