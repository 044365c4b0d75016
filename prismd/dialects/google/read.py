"""All of a generateContent request → a conversation."""

from collections.abc import Iterator

import msgspec

from prismd.dialects.google.request import Members, members, peek_of
from prismd.dialects.google.schema import plain_schema
from prismd.dialects.parts import check_base64, invalid, kind_of, media_of_url, schema_object
from prismd.dialects.reading import item
from prismd.wire.chat import ChatRequest
from prismd.wire.conversation import (
    Conversation,
    JsonFormat,
    Media,
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
_Fields = dict[str, Raw]

_text = msgspec.json.Decoder(str).decode
_texts = msgspec.json.Decoder(list[str]).decode
_number = msgspec.json.Decoder(float).decode
_whole = msgspec.json.Decoder(int).decode
_switch = msgspec.json.Decoder(bool).decode
_list = msgspec.json.Decoder(list[Raw]).decode

_READ = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model"}
_READ_CONFIG = {
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseLogprobs",
    "logprobs",
    "thinkingConfig",
}
_EFFORTS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}
_MODES = {
    "AUTO": ToolMode.AUTO,
    "NONE": ToolMode.NONE,
    "ANY": ToolMode.REQUIRED,
    "VALIDATED": ToolMode.AUTO,
    "MODE_UNSPECIFIED": ToolMode.AUTO,
}


def read(request: ChatRequest) -> Conversation:
    """Read all of a request.

    Raises:
        InvalidRequest: an unknown role or part, data that cannot be decoded, …; with its path.
    """
    fields, peek = request.fields, peek_of(request)
    config = peek.config
    drops = [name for name, raw in fields.items() if name not in _READ and not _is_null(raw)]
    drops += [
        name for name, raw in config.items() if name not in _READ_CONFIG and not _is_null(raw)
    ]
    if "responseModalities" in drops and b"IMAGE" not in bytes(config["responseModalities"]):
        drops.remove("responseModalities")  # text is what there is
    reader = _Turns()
    turns = tuple(reader.turn(raw, f"contents[{at}]") for at, raw in enumerate(peek.contents))
    top_k = config.optional(_number, "topK")
    return Conversation(
        system=tuple(_system(fields)),
        turns=turns,
        tools=tuple(_tools(peek.tools, drops)),
        tool_choice=_tool_choice(fields),
        max_output_tokens=request.max_output_tokens,
        temperature=config.optional(_number, "temperature"),
        top_p=config.optional(_number, "topP"),
        top_k=None if top_k is None else int(top_k),
        presence_penalty=config.optional(_number, "presencePenalty"),
        frequency_penalty=config.optional(_number, "frequencyPenalty"),
        stop=tuple(config.optional(_texts, "stopSequences") or ()),
        seed=config.optional(_whole, "seed"),
        n=config.optional(_whole, "candidateCount"),
        logprobs=config.optional(_switch, "responseLogprobs"),
        top_logprobs=config.optional(_whole, "logprobs"),
        json_format=_json_format(config),
        reasoning=_reasoning(config),
        drops=tuple(dict.fromkeys(drops)),
    )


def _is_null(raw: Raw) -> bool:
    return bytes(raw) in (b"", b"null", b"[]", b"{}")


def _system(fields: _Fields) -> Iterator[Text]:
    raw = fields.get("systemInstruction")
    if raw is None or _is_null(raw):
        return
    if bytes(raw).startswith(b'"'):
        yield Text(text=_text(raw))
        return
    content = members(raw, "systemInstruction")
    for at, part in enumerate(content.optional(_list, "parts") or ()):
        said = members(part, f"systemInstruction.parts[{at}]")
        text = said.optional(_text, "text")
        if text is None:
            raise invalid("it has text parts only", f"systemInstruction.parts[{at}]")
        if text:
            yield Text(text=text)


class _Turns:
    """Reads turns in their order: calls without an id are numbered, results find theirs."""

    def __init__(self) -> None:
        self._made = 0
        self._waiting: dict[str, list[str]] = {}
        """Function → ids of calls that have no result yet."""

    def turn(self, raw: Raw, path: str) -> Turn:
        """Read a content."""
        content = members(raw, path)
        role = content.optional(_text, "role") or "user"
        if role not in ("user", "model", "function", "tool"):
            raise invalid("the role is user or model", f"{path}.role")
        parts = content.optional(_list, "parts") or []
        said = [
            part for at, one in enumerate(parts) for part in self._part(one, f"{path}.parts[{at}]")
        ]
        return Turn(role="assistant" if role == "model" else "user", parts=tuple(said))

    def _part(self, raw: Raw, path: str) -> Iterator[Part]:
        part = members(raw, path)
        signature = part.optional(_text, "thoughtSignature")
        if (text := part.optional(_text, "text")) is not None:
            if part.optional(_switch, "thought"):
                yield Thinking(text=text)
            elif text or signature:
                yield Text(text=text, signature=signature)
        elif "functionCall" in part:
            yield self._call(members(part["functionCall"], f"{path}.functionCall"), path, signature)
        elif "functionResponse" in part:
            where = f"{path}.functionResponse"
            yield self._result(members(part["functionResponse"], where), where)
        elif "inlineData" in part:
            yield _inline(members(part["inlineData"], f"{path}.inlineData"), f"{path}.inlineData")
        elif "fileData" in part:
            yield _file(members(part["fileData"], f"{path}.fileData"), f"{path}.fileData")
        else:
            names = ", ".join(part) or "nothing"
            raise invalid(f"a part of {names} cannot be translated", path)

    def _call(self, call: Members, path: str, signature: str | None) -> ToolUse:
        name = call.optional(_text, "name")
        if not name:
            raise invalid("a call has the name of a function", f"{path}.functionCall.name")
        used = call.optional(_text, "id")
        if not used:
            used = f"call_{self._made}"
            self._made += 1
        self._waiting.setdefault(name, []).append(used)
        arguments = bytes(call.get("args", Raw(b"{}"))).decode() or "{}"
        return ToolUse(id=used, name=name, arguments=arguments, signature=signature)

    def _result(self, result: Members, path: str) -> ToolResult:
        name = result.optional(_text, "name") or ""
        waiting = self._waiting.get(name, [])
        used = result.optional(_text, "id") or (waiting[0] if waiting else f"call_{name}")
        if used in waiting:
            waiting.remove(used)
        response = result.get("response", Raw(b"{}"))
        fields = members(response, f"{path}.response")
        is_error = list(fields) == ["error"]
        text = _said(fields, response)
        parts: list[Text | Media] = [Text(text=text)]
        for at, raw in enumerate(result.optional(_list, "parts") or ()):
            where = f"{path}.parts[{at}]"
            parts += [one for one in self._part(raw, where) if isinstance(one, Text | Media)]
        return ToolResult(tool_use_id=used, name=name, parts=tuple(parts), is_error=is_error)


def _said(response: _Fields, whole: Raw) -> str:
    """Return what a function answered: the one text in the usual place, else all of it as JSON."""
    if len(response) == 1:
        ((name, value),) = response.items()
        if name in ("result", "output", "error") and bytes(value).startswith(b'"'):
            return _text(value)
    return bytes(whole).decode()


def _inline(data: Members, path: str) -> Media:
    mime = (data.optional(_text, "mimeType") or "").lower()
    given = data.optional(_text, "data")
    if not mime or given is None:
        raise invalid("it has mimeType and data", path)
    name = data.optional(_text, "displayName")
    return Media(kind=kind_of(mime), mime=mime, data=check_base64(given, f"{path}.data"), name=name)


def _file(data: Members, path: str) -> Media:
    uri = data.optional(_text, "fileUri")
    mime = data.optional(_text, "mimeType")
    if not uri:
        raise invalid("it has a fileUri", path)
    kind = kind_of(mime or "")
    is_googles = uri.startswith("https://generativelanguage.googleapis.com/")
    if is_googles or not uri.lower().startswith(("http://", "https://", "data:")):
        return Media(kind=kind, mime=mime, file_id=uri)
    return media_of_url(uri, f"{path}.fileUri", kind=kind, mime=mime)


def _tools(tools: list[Raw], drops: list[str]) -> Iterator[Tool]:
    for at, raw in enumerate(tools):
        for name, value in members(raw, f"tools[{at}]").items():
            path = f"tools[{at}].{name}"
            if name != "functionDeclarations":
                drops.append(f"tools.{name}")
                continue
            for number, one in enumerate(item(_list, value, path)):
                yield _declared(members(one, f"{path}[{number}]"), f"{path}[{number}]")


def _declared(function: Members, path: str) -> Tool:
    name = function.optional(_text, "name")
    if not name:
        raise invalid("a function has a name", f"{path}.name")
    schema = function.get("parametersJsonSchema")
    if schema is None and "parameters" in function and not _is_null(function["parameters"]):
        schema = plain_schema(function["parameters"], f"{path}.parameters")
    return Tool(
        name=name,
        description=function.optional(_text, "description"),
        schema=schema_object(schema or Raw(), f"{path}.parametersJsonSchema"),
    )


def _tool_choice(fields: _Fields) -> ToolChoice | None:
    raw = fields.get("toolConfig")
    if raw is None or _is_null(raw):
        return None
    calling = members(raw, "toolConfig").get("functionCallingConfig")
    if calling is None or _is_null(calling):
        return None
    path = "toolConfig.functionCallingConfig"
    config = members(calling, path)
    mode = (config.optional(_text, "mode") or "AUTO").upper()
    if mode not in _MODES:
        raise invalid(f"it is {', '.join(_MODES)}", f"{path}.mode")
    names = tuple(config.optional(_texts, "allowedFunctionNames") or ())
    return ToolChoice(mode=_MODES[mode], names=names)


def _json_format(config: Members) -> JsonFormat | None:
    mime = config.optional(_text, "responseMimeType")
    schema = config.get("responseJsonSchema")
    if schema is None or _is_null(schema):
        schema = config.get("responseSchema")
        if schema is not None and not _is_null(schema):
            schema = plain_schema(schema, "generationConfig.responseSchema")
    if schema is not None and not _is_null(schema):
        path = "generationConfig.responseSchema"
        return JsonFormat(schema=schema_object(schema, path), name="answer")
    return JsonFormat() if mime == "application/json" else None


def _reasoning(config: Members) -> Reasoning | None:
    raw = config.get("thinkingConfig")
    if raw is None or _is_null(raw):
        return None
    thinking = members(raw, "generationConfig.thinkingConfig")
    level = thinking.optional(_text, "thinkingLevel")
    return Reasoning(
        effort=_EFFORTS.get((level or "").upper()),
        budget_tokens=thinking.optional(_whole, "thinkingBudget"),
        is_shown=thinking.optional(_switch, "includeThoughts"),
    )
