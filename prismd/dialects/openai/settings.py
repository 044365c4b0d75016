"""What an OpenAI chat request asks for beside its messages: tools, a shape, thoughts."""

from typing import Literal

import msgspec

from prismd.dialects.openai.usage import ABSENT, is_null
from prismd.dialects.parts import invalid, schema_object
from prismd.dialects.reading import item
from prismd.wire.chat import ChatPeek
from prismd.wire.conversation import CacheTtl, JsonFormat, Reasoning, Tool, ToolChoice, ToolMode

Raw = msgspec.Raw


class CacheMark(msgspec.Struct):
    """``cache_control``, which gateways have added."""

    ttl: Literal["5m", "1h"] | None = None


class _OfferedFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Raw = ABSENT
    strict: bool | None = None


class _Offer(msgspec.Struct):
    type: str = "function"
    function: _OfferedFunction | None = None
    cache_control: CacheMark | None = None


class _Named(msgspec.Struct):
    name: str


class _Allowed(msgspec.Struct):
    mode: str = "auto"
    tools: list[_Offer] = []


class _Choice(msgspec.Struct):
    type: str = "function"
    function: _Named | None = None
    allowed_tools: _Allowed | None = None
    name: str | None = None


class _JsonSchema(msgspec.Struct):
    name: str = "answer"
    description: str | None = None
    schema: Raw = ABSENT
    strict: bool | None = None


class _Format(msgspec.Struct):
    type: str
    json_schema: _JsonSchema | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


_offer = msgspec.json.Decoder(_Offer).decode
_function = msgspec.json.Decoder(_OfferedFunction).decode
_choice = msgspec.json.Decoder(_Choice | str).decode
_format = msgspec.json.Decoder(_Format).decode
_text = msgspec.json.Decoder(str).decode
_reasoning = msgspec.json.Decoder(_Reasoning).decode


def read_tools(peek: ChatPeek) -> tuple[Tool, ...]:
    """Read what is offered, functions of the older form too; raises InvalidRequest."""
    tools = []
    for at, raw in enumerate(peek.tools or ()):
        path = f"tools[{at}]"
        offer = item(_offer, raw, path)
        if offer.function is None:
            raise invalid(f"a tool of type '{offer.type}' cannot be translated", f"{path}.type")
        cache = (offer.cache_control.ttl or "5m") if offer.cache_control else None
        tools.append(_tool(offer.function, f"{path}.function", cache))
    for at, raw in enumerate(peek.functions or ()):
        path = f"functions[{at}]"
        tools.append(_tool(item(_function, raw, path), path, None))
    return tuple(tools)


def _tool(function: _OfferedFunction, path: str, cache: CacheTtl | None) -> Tool:
    return Tool(
        name=function.name,
        description=function.description,
        schema=schema_object(function.parameters, f"{path}.parameters"),
        is_strict=function.strict,
        cache=cache,
    )


def read_tool_choice(fields: dict[str, Raw]) -> ToolChoice | None:
    """Read which tools may or must be called; raises InvalidRequest."""
    raw = fields.get("tool_choice", fields.get("function_call", ABSENT))
    if is_null(raw):
        return None
    choice = item(_choice, raw, "tool_choice")
    if isinstance(choice, str):
        modes = {"auto": ToolMode.AUTO, "none": ToolMode.NONE, "required": ToolMode.REQUIRED}
        if choice not in modes:
            raise invalid("it is auto, none, required or a tool", "tool_choice")
        return ToolChoice(mode=modes[choice])
    if choice.allowed_tools is not None:
        allowed = choice.allowed_tools
        mode = ToolMode.REQUIRED if allowed.mode == "required" else ToolMode.AUTO
        names = tuple(one.function.name for one in allowed.tools if one.function is not None)
        return ToolChoice(mode=mode, names=names)
    name = choice.function.name if choice.function else choice.name
    if not name:
        raise invalid("it is auto, none, required or a tool", "tool_choice")
    return ToolChoice(mode=ToolMode.REQUIRED, names=(name,))


def read_json_format(raw: Raw) -> JsonFormat | None:
    """Read what shape an answer has to have; raises InvalidRequest."""
    if is_null(raw):
        return None
    wanted = item(_format, raw, "response_format")
    match wanted.type:
        case "text":
            return None
        case "json_object":
            return JsonFormat()
        case "json_schema" if wanted.json_schema is not None:
            schema = wanted.json_schema
            return JsonFormat(
                schema=schema_object(schema.schema, "response_format.json_schema.schema"),
                name=schema.name,
                description=schema.description,
                is_strict=schema.strict,
            )
        case _:
            raise invalid("it is text, json_object or json_schema", "response_format.type")


def read_reasoning(fields: dict[str, Raw]) -> Reasoning | None:
    """Read how much is to be thought: OpenAI's word, or OpenRouter's object."""
    effort = fields.get("reasoning_effort", ABSENT)
    if not is_null(effort):
        return Reasoning(effort=item(_text, effort, "reasoning_effort"))
    given = fields.get("reasoning", ABSENT)
    if is_null(given):
        return None
    wanted = item(_reasoning, given, "reasoning")
    budget = 0 if wanted.enabled is False else wanted.max_tokens
    shown = None if wanted.exclude is None else not wanted.exclude
    return Reasoning(effort=wanted.effort, budget_tokens=budget, is_shown=shown)
