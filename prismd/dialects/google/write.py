"""A conversation → a generateContent request.

Schemas go as JSON schema (``parametersJsonSchema``, ``responseJsonSchema``), which the API takes
since 2025: its own form cannot say all of it.
"""

from collections.abc import Mapping

from prismd.dialects.base import Outgoing
from prismd.dialects.parts import (
    Drops,
    arguments_object,
    check_not_said,
    has_cache_marks,
    merged_turns,
    mime_of,
    result_text,
    tool_names_by_id,
)
from prismd.wire.conversation import (
    Conversation,
    Media,
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

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""What the API takes in place of a signature for a call that another model made."""
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH"}
_BUDGETS = {"none": 0, "minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576}
_MODES = {ToolMode.AUTO: "AUTO", ToolMode.NONE: "NONE", ToolMode.REQUIRED: "ANY"}


def write(conversation: Conversation, *, model: str) -> Outgoing:
    """Say a conversation."""
    said, drops = conversation, Drops()
    tools = tool_names_by_id(said.turns)
    contents = [
        {"role": "model" if turn.role == "assistant" else "user", "parts": parts}
        for turn in merged_turns(said.turns)
        if (parts := _parts(turn, tools, model, drops))
    ]
    fields: _Json = {"contents": contents}
    if said.system:
        fields["systemInstruction"] = {"parts": [{"text": text.text} for text in said.system]}
    if said.tools:
        fields["tools"] = [{"functionDeclarations": [_tool(tool, drops) for tool in said.tools]}]
        if (choice := said.tool_choice) is not None:
            fields["toolConfig"] = {"functionCallingConfig": _choice(choice)}
    if config := _config(said, model):
        fields["generationConfig"] = config
    drops.add("cache_control", when=has_cache_marks(said))
    drops.add("parallel_tool_calls", when=said.parallel_tool_calls is False and bool(said.tools))
    check_not_said(said, drops, "logit_bias", "user", "metadata", "service_tier")
    return Outgoing(fields, drops.list())


def _config(said: Conversation, model: str) -> _Json:
    wanted = said.json_format
    given = {
        "maxOutputTokens": said.max_output_tokens,
        "temperature": said.temperature,
        "topP": said.top_p,
        "topK": said.top_k,
        "presencePenalty": said.presence_penalty,
        "frequencyPenalty": said.frequency_penalty,
        "stopSequences": list(said.stop) or None,
        "seed": said.seed,
        "candidateCount": said.n,
        "responseLogprobs": said.logprobs,
        "logprobs": said.top_logprobs,
        "responseMimeType": None if wanted is None else "application/json",
        "responseJsonSchema": None if wanted is None else wanted.schema,
        "thinkingConfig": _thinking(said.reasoning, model),
    }
    return {name: value for name, value in given.items() if value is not None}


def _thinking(reasoning: Reasoning | None, model: str) -> _Json | None:
    if reasoning is None:
        return None
    config: _Json = {"includeThoughts": reasoning.is_shown is not False}
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if "gemini-3" in model and effort in _LEVELS:
        config["thinkingLevel"] = _LEVELS[effort]
    elif budget is not None:
        config["thinkingBudget"] = budget
    elif effort is not None:
        config["thinkingBudget"] = _BUDGETS.get(effort, _BUDGETS["high"])
    if config.get("thinkingBudget") == 0:
        config["includeThoughts"] = False
    return config


def _tool(tool: Tool, drops: Drops) -> _Json:
    drops.add("strict_tools", when=bool(tool.is_strict))
    said: _Json = {"name": tool.name, "parametersJsonSchema": tool.schema}
    if tool.description is not None:
        said["description"] = tool.description
    return said


def _choice(choice: ToolChoice) -> _Json:
    config: _Json = {"mode": _MODES[choice.mode]}
    if choice.names and choice.mode is not ToolMode.NONE:
        # Only some may be called: that is said in a mode that keeps to it.
        config["mode"] = "ANY" if choice.mode is ToolMode.REQUIRED else "VALIDATED"
        config["allowedFunctionNames"] = list(choice.names)
    return config


def _parts(turn: Turn, tools: Mapping[str, str], model: str, drops: Drops) -> list[_Json]:
    drops.add("message_name", when=turn.name is not None)
    parts: list[_Json] = []
    is_first_call = True
    for part in turn.parts:
        if isinstance(part, ToolUse):
            parts.append(_call(part, is_first=is_first_call, model=model))
            is_first_call = False
        else:
            parts += _part(part, tools, drops)
    return parts


def _call(use: ToolUse, *, is_first: bool, model: str) -> _Json:
    call = {"id": use.id, "name": use.name, "args": arguments_object(use.arguments)}
    signature = use.signature
    if signature is None and is_first and "gemini-3" in model:
        signature = SKIP_SIGNATURE
    return {"functionCall": call, **({} if signature is None else {"thoughtSignature": signature})}


def _part(part: Part, tools: Mapping[str, str], drops: Drops) -> list[_Json]:
    match part:
        case Text():
            sealed = {} if part.signature is None else {"thoughtSignature": part.signature}
            return [{"text": part.text, **sealed}] if part.text or sealed else []
        case Media():
            drops.add("image_detail", when=part.detail not in (None, "auto"))
            return [_media(part)]
        case ToolResult():
            return [_result(part, tools)]
        case Thinking() | RedactedThinking():
            drops.add("thinking")
            return []
        case _:
            return []


def _result(result: ToolResult, tools: Mapping[str, str]) -> _Json:
    name = result.name or tools.get(result.tool_use_id) or result.tool_use_id
    shown = [part for part in result.parts if isinstance(part, Media)]
    words = tuple(part for part in result.parts if isinstance(part, Text))
    text = "".join(part.text for part in words) if shown else result_text(result)
    said = {"error" if result.is_error else "result": text}
    response: _Json = {"id": result.tool_use_id, "name": name, "response": said}
    if shown:
        response["parts"] = [_media(part) for part in shown]
    return {"functionResponse": response}


def _media(media: Media) -> _Json:
    if media.data is None:
        mime = {} if media.mime is None else {"mimeType": media.mime}
        return {"fileData": {"fileUri": media.file_id or media.url, **mime}}
    default = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}
    mime_type = mime_of(media, default=default.get(media.kind, "application/pdf"))
    return {"inlineData": {"mimeType": mime_type, "data": media.data}}
