"""A conversation → a Messages request."""

import re
from collections.abc import Iterator

import msgspec

from prismd.dialects.base import Outgoing
from prismd.dialects.json_tool import with_json_tool
from prismd.dialects.parts import (
    BLANKS,
    Drops,
    arguments_object,
    check_not_said,
    merged_turns,
    mime_of,
    text_parts,
)
from prismd.dialects.thinking import budget_of, fitted_budget, is_exact
from prismd.wire.conversation import (
    CacheTtl,
    Conversation,
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

_Json = dict[str, object]

DEFAULT_MAX_TOKENS = 4_096
"""The API demands a limit; every model allows this one."""

_NEWER = re.compile(r"claude-(?:opus|sonnet|haiku|mythos)-(?:4-[6-9]|[5-9])")
"""Models that think as they like (adaptive) and take an effort."""
_NATIVE_FORMAT = re.compile(r"claude-(?:opus|sonnet|haiku|mythos)-(?:4-[1-9](?!\d)|[5-9])")
"""Models with structured outputs of their own."""
_ID = re.compile(r"[^a-zA-Z0-9_-]")
_TIERS = {"default": "standard_only", "standard_only": "standard_only", "auto": "auto"}


def write(conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
    """Say a conversation."""
    said, drops, json_tool = conversation, Drops(), None
    wanted = said.json_format
    if wanted is not None and (wanted.schema is None or not has_own_format(model)):
        said, json_tool = with_json_tool(said)
    fields: _Json = {"model": model, "max_tokens": said.max_output_tokens or DEFAULT_MAX_TOKENS}
    if is_stream:
        fields["stream"] = True
    if said.system:
        fields["system"] = [_text(text) for text in said.system if text.text]
    fields["messages"] = [
        {"role": turn.role, "content": content}
        for turn in merged_turns(said.turns)
        if (content := list(_blocks(turn, drops)))
    ]
    _trim_prefill(fields["messages"])
    if said.tools:
        fields["tools"] = [_tool(tool) for tool in said.tools]
        fields |= _choice(said, drops)
    fields |= _thinking(said.reasoning, fields, model, drops)
    fields |= _sampling(said, fields, drops)
    if said.stop:
        words = [word for word in said.stop if word.strip(BLANKS)]
        drops.add("stop", when=len(words) < len(said.stop))
        fields |= {"stop_sequences": words} if words else {}
    if said.user is not None:
        fields["metadata"] = {"user_id": said.user}
    if (tier := _TIERS.get(said.service_tier or "")) is not None:
        fields["service_tier"] = tier
    elif said.service_tier is not None:
        drops.add("service_tier")
    _add_format(said, fields)
    names = ("presence_penalty", "frequency_penalty", "seed", "n", "logprobs", "logit_bias")
    check_not_said(said, drops, *names, "metadata")
    return Outgoing(fields, drops.list(), json_tool)


def has_own_format(model: str) -> bool:
    """Say whether a model keeps to a JSON schema by itself; for others a tool stands for it."""
    return _NATIVE_FORMAT.search(model) is not None


def _add_format(said: Conversation, fields: _Json) -> None:
    if said.json_format is None:
        return
    output = fields.get("output_config")
    given = output if isinstance(output, dict) else {}
    form = {"type": "json_schema", "schema": said.json_format.schema}
    fields["output_config"] = {**given, "format": form}


def _sampling(said: Conversation, fields: _Json, drops: Drops) -> _Json:
    """Say how to sample: a model that thinks takes only some of it."""
    given: _Json = {}
    thinks = fields.get("thinking", {"type": "disabled"}) != {"type": "disabled"}
    if said.temperature is not None:
        if thinks:
            drops.add("temperature", when=said.temperature != 1)
        else:
            given["temperature"] = min(said.temperature, 1.0)
            drops.add("temperature", when=said.temperature > 1)
    if said.top_p is not None:
        is_taken = 0.95 <= said.top_p <= 1 if thinks else said.temperature is None  # noqa: PLR2004
        if is_taken:
            given["top_p"] = said.top_p
        else:
            drops.add("top_p", when=said.top_p != 1)
    if said.top_k is not None:
        if thinks:
            drops.add("top_k")
        else:
            given["top_k"] = said.top_k
    return given


def _thinking(reasoning: Reasoning | None, fields: _Json, model: str, drops: Drops) -> _Json:
    if reasoning is None:
        return {}
    budget, effort = budget_of(reasoning), reasoning.effort
    if not budget:
        return {"thinking": {"type": "disabled"}}
    choice = fields.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] in ("any", "tool"):
        drops.add("reasoning")  # who thinks may not be forced to call a tool
        return {}
    if _NEWER.search(model):
        words = {"minimal": "low", "xhigh": "max"}
        output = {} if effort is None else {"output_config": {"effort": words.get(effort, effort)}}
        if not is_exact(reasoning):
            return {"thinking": {"type": "adaptive"}, **output}
    limit = fields["max_tokens"]
    assert isinstance(limit, int)  # noqa: S101  # it was put there above
    fitted = fitted_budget(budget, limit)
    if fitted is None:
        drops.add("reasoning")
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": fitted}}


def _choice(said: Conversation, drops: Drops) -> _Json:
    choice = said.tool_choice
    chosen: _Json = {"type": "auto"}
    if choice is not None:
        chosen = _chosen(choice, drops)
    if said.parallel_tool_calls is False and chosen["type"] != "none":
        chosen["disable_parallel_tool_use"] = True
    is_plain = choice is None and said.parallel_tool_calls is not False
    return {} if is_plain else {"tool_choice": chosen}


def _chosen(choice: ToolChoice, drops: Drops) -> _Json:
    if choice.mode is ToolMode.NONE:
        return {"type": "none"}
    if choice.mode is ToolMode.AUTO:
        drops.add("tool_choice", when=bool(choice.names))
        return {"type": "auto"}
    if len(choice.names) == 1:
        return {"type": "tool", "name": choice.names[0]}
    drops.add("tool_choice", when=bool(choice.names))
    return {"type": "any"}


def _tool(tool: Tool) -> _Json:
    said: _Json = {"name": tool.name, "input_schema": tool.schema, **_cache(tool.cache)}
    if tool.description:
        said["description"] = tool.description
    if tool.is_strict is not None:
        said["strict"] = tool.is_strict
    return said


def _cache(ttl: CacheTtl | None) -> _Json:
    if ttl is None:
        return {}
    return {"cache_control": {"type": "ephemeral", **({} if ttl == "5m" else {"ttl": ttl})}}


def _text(text: Text) -> _Json:
    return {"type": "text", "text": text.text, **_cache(text.cache)}


def _blocks(turn: Turn, drops: Drops) -> Iterator[_Json]:
    """Say a turn; results come first, as the API demands."""
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    rest = [part for part in turn.parts if not isinstance(part, ToolResult)]
    drops.add("message_name", when=turn.name is not None)
    for result in results:
        yield _result(result, drops)
    for part in rest:
        block = _block(part, drops)
        if block is not None:
            yield block


def _block(part: Part, drops: Drops) -> _Json | None:
    match part:
        case Text():
            return _text(part) if part.text.strip(BLANKS) else None  # refused there
        case Media():
            return _media(part, drops)
        case ToolUse():
            called: _Json = {
                "type": "tool_use",
                "id": tool_id(part.id),
                "name": part.name,
                "input": arguments_object(part.arguments),
            }
            return called | _cache(part.cache)
        case Thinking():
            if part.signature is None:
                drops.add("thinking")
                return None
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        case RedactedThinking():
            return {"type": "redacted_thinking", "data": part.data}
        case _:
            return None


def tool_id(given: str) -> str:
    """Return an id that the API takes; the same for the same."""
    return _ID.sub("_", given)[:256] or "call"


def _result(result: ToolResult, drops: Drops) -> _Json:
    said: _Json = {"type": "tool_result", "tool_use_id": tool_id(result.tool_use_id)}
    parts = [block for part in result.parts if (block := _block(part, drops)) is not None]
    if all(isinstance(part, Text) for part in result.parts):
        said["content"] = text_parts(result.parts)
    else:
        said["content"] = parts
    if result.is_error:
        said["is_error"] = True
    return said | _cache(result.cache)


def _media(media: Media, drops: Drops) -> _Json | None:
    is_image = media.kind is MediaKind.IMAGE
    if media.kind in (MediaKind.AUDIO, MediaKind.VIDEO):
        drops.add(media.kind.value)
        return None
    drops.add("image_detail", when=media.detail not in (None, "auto"))
    title = {} if is_image or media.name is None else {"title": media.name}
    return {
        "type": "image" if is_image else "document",
        "source": _source(media, is_image=is_image),
        **title,
        **_cache(media.cache),
    }


def _source(media: Media, *, is_image: bool) -> _Json:
    if media.file_id is not None:
        return {"type": "file", "file_id": media.file_id}
    if media.url is not None:
        return {"type": "url", "url": media.url}
    mime = mime_of(media, default="image/png" if is_image else "application/pdf")
    if not is_image and mime.startswith("text/"):
        text = msgspec.json.decode(f'"{media.data}"'.encode(), type=bytes)
        return {"type": "text", "media_type": "text/plain", "data": text.decode("utf-8", "replace")}
    return {"type": "base64", "media_type": mime, "data": media.data}


def _trim_prefill(messages: object) -> None:
    """Take trailing space off a begun answer: the API refuses it there."""
    assert isinstance(messages, list)  # noqa: S101  # as it was made above
    if not messages or messages[-1]["role"] != "assistant":
        return
    last = messages[-1]["content"][-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()
