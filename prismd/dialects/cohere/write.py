"""A conversation → a Chat request of Cohere."""

from collections.abc import Iterator

from prismd.dialects.base import Outgoing
from prismd.dialects.parts import Drops, check_not_said, has_cache_marks, mime_of, result_text
from prismd.wire.conversation import (
    Conversation,
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

_BUDGETS = {"minimal": 512, "low": 1_024, "medium": 4_096, "high": 16_384}


def write(conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
    """Say a conversation."""
    said, drops = conversation, Drops()
    system = "\n\n".join(text.text for text in said.system)
    messages: list[_Json] = [{"role": "system", "content": system}] if system else []
    for turn in said.turns:
        messages += _messages(turn, drops)
    fields: _Json = {"model": model, "messages": messages}
    if is_stream:
        fields["stream"] = True
    tools = _offered(said)
    given = {
        "tools": [_tool(tool) for tool in tools] or None,
        "tool_choice": _choice(said.tool_choice) if tools else None,
        "strict_tools": True if tools and all(tool.is_strict for tool in tools) else None,
        "max_tokens": said.max_output_tokens,
        "temperature": said.temperature,
        "p": said.top_p,
        "k": said.top_k,
        "seed": said.seed,
        "stop_sequences": list(said.stop) or None,
        "presence_penalty": said.presence_penalty,
        "frequency_penalty": said.frequency_penalty,
        "logprobs": said.logprobs or None,
        "response_format": _format(said),
        "thinking": _thinking(said.reasoning),
    }
    fields |= {name: value for name, value in given.items() if value is not None}
    drops.add("parallel_tool_calls", when=said.parallel_tool_calls is False and bool(tools))
    drops.add("cache_control", when=has_cache_marks(said))
    names = ("n", "top_logprobs", "logit_bias", "user", "metadata", "service_tier")
    check_not_said(said, drops, *names)
    return Outgoing(fields, drops.list())


def _offered(said: Conversation) -> tuple[Tool, ...]:
    """Return the tools that may be called: a choice among them is made by leaving out others."""
    choice = said.tool_choice
    if choice is None or not choice.names:
        return said.tools
    return tuple(tool for tool in said.tools if tool.name in choice.names)


def _choice(choice: ToolChoice | None) -> str | None:
    if choice is None or choice.mode is ToolMode.AUTO:
        return None
    return "NONE" if choice.mode is ToolMode.NONE else "REQUIRED"


def _tool(tool: Tool) -> _Json:
    function: _Json = {"name": tool.name, "parameters": tool.schema}
    if tool.description is not None:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _format(said: Conversation) -> _Json | None:
    wanted = said.json_format
    if wanted is None:
        return None
    schema = {} if wanted.schema is None else {"json_schema": wanted.schema}
    return {"type": "json_object", **schema}


def _thinking(reasoning: Reasoning | None) -> _Json | None:
    if reasoning is None:
        return None
    budget = reasoning.budget_tokens
    if budget is None and reasoning.effort is not None:
        budget = 0 if reasoning.effort == "none" else _BUDGETS.get(reasoning.effort)
    if budget == 0:
        return {"type": "disabled"}
    limit = {} if budget is None or budget < 0 else {"token_budget": budget}
    return {"type": "enabled", **limit}


def _messages(turn: Turn, drops: Drops) -> Iterator[_Json]:
    drops.add("message_name", when=turn.name is not None)
    if turn.role == "assistant":
        yield _assistant(turn, drops)
        return
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    for result in results:
        drops.add("tool_result_error", when=result.is_error)
        drops.add("tool_result_media", when=any(isinstance(one, Media) for one in result.parts))
        text = result_text(result)
        yield {"role": "tool", "tool_call_id": result.tool_use_id, "content": text}
    rest = [part for part in turn.parts if isinstance(part, Text | Media)]
    if rest or not results:
        yield {"role": "user", "content": _content(rest, drops)}


def _content(parts: list[Text | Media], drops: Drops) -> object:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    said: list[_Json] = []
    for part in parts:
        if isinstance(part, Text):
            said.append({"type": "text", "text": part.text})
        elif part.kind is MediaKind.IMAGE and part.file_id is None:
            detail = {} if part.detail is None else {"detail": part.detail}
            url = part.url or f"data:{mime_of(part, default='image/png')};base64,{part.data}"
            said.append({"type": "image_url", "image_url": {"url": url, **detail}})
        else:
            drops.add(part.kind.value)
    return said


def _assistant(turn: Turn, drops: Drops) -> _Json:
    message: _Json = {"role": "assistant"}
    calls = [part for part in turn.parts if isinstance(part, ToolUse)]
    thoughts = [part.text for part in turn.parts if isinstance(part, Thinking)]
    drops.add("thinking", when=any(isinstance(part, RedactedThinking) for part in turn.parts))
    content: list[_Json] = []
    if thoughts and calls:
        message["tool_plan"] = "".join(thoughts)
    elif thoughts:
        content = [{"type": "thinking", "thinking": text} for text in thoughts]
    content += [
        {"type": "text", "text": part.text} for part in turn.parts if isinstance(part, Text)
    ]
    if content or not calls:
        message["content"] = content or ""
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
            for call in calls
        ]
    return message
