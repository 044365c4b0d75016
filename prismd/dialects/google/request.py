"""A generateContent request: looked at once, and relayed (Google reference, generate-content).

Model and streaming are said by the URL. Names may be written in camel or snake case.
"""

from collections.abc import Callable, Mapping

import msgspec

from prismd.dialects.base import Outgoing
from prismd.dialects.parts import invalid
from prismd.dialects.reading import Item, check_model, item, missing, top_level
from prismd.kernel.errors import InvalidRequest
from prismd.wire.chat import ChatRequest

Raw = msgspec.Raw

HINTS = {"contents": 'a non-empty array, for example [{"parts": [{"text": "Hello"}]}]'}
_COUNT_HINTS = {"contents": "what is to be counted, or 'generateContentRequest'"}


class GenerationConfig(msgspec.Struct, rename="camel"):
    """What limits an answer, for the description of the API."""

    max_output_tokens: int | None = None
    candidate_count: int | None = None


class ContentBody(msgspec.Struct, rename="camel"):
    """The body of a request, for the description of the API. Other members are passed on."""

    contents: list[dict[str, Raw]]
    system_instruction: dict[str, Raw] | None = None
    generation_config: GenerationConfig | None = None
    tools: list[dict[str, Raw]] | None = None


class _Peek(msgspec.Struct, frozen=True, gc=False):
    """As it comes: both spellings."""

    contents: Raw = Raw()
    tools: list[Raw] | None = None


class _Declaration(msgspec.Struct):
    name: str


_decode = msgspec.json.Decoder(_Peek).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_declarations = msgspec.json.Decoder(list[_Declaration]).decode
_whole = msgspec.json.Decoder(int).decode


class Members(dict[str, Raw]):
    """An object of a request, by camel-case names, which knows where it stands."""

    def __init__(self, fields: Mapping[str, Raw], path: str) -> None:
        """Take the members and the JSON path of the object."""
        super().__init__(fields)
        self._path = path

    def optional(self, decode: Callable[[Raw], Item], name: str) -> Item | None:
        """Read a typed member that may be absent or null; raises InvalidRequest."""
        raw = self.get(name)
        if raw is None or bytes(raw) in (b"", b"null"):
            return None
        return item(decode, raw, f"{self._path}.{name}")


class Peek(msgspec.Struct, frozen=True):
    """What is looked at of a request."""

    contents: list[Raw]
    config: Members
    """``generationConfig``, its names in camel case."""
    tools: list[Raw]


def peek_of(request: ChatRequest) -> Peek:
    """Return what was looked at of a request of this dialect."""
    assert isinstance(request.peek, Peek)  # noqa: S101  # ``parse`` made it
    return request.peek


def camel(name: str) -> str:
    """Return a name as the API writes it."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def members(raw: Raw, path: str) -> Members:
    """Read an object; its names in camel case. Raises InvalidRequest."""
    return Members(
        {camel(name): value for name, value in item(decode_fields, raw, path).items()}, path
    )


def parse(body: bytes, *, model: str, is_stream: bool, is_array: bool = False) -> ChatRequest:
    """Read a request's top level.

    Raises:
        InvalidRequest: not JSON, a field missing or of the wrong type; ``param`` names it.
    """
    peek, given = top_level(body, _decode, HINTS)
    check_model(model)
    fields = {camel(name): value for name, value in given.items()}
    contents = _contents(peek.contents)
    if not contents:
        raise missing("contents", HINTS)
    config = Members({}, "generationConfig")
    if (raw := fields.get("generationConfig")) is not None and bytes(raw) != b"null":
        config = members(raw, "generationConfig")
        fields["generationConfig"] = raw
    count = config.optional(_whole, "candidateCount")
    return ChatRequest(
        peek=Peek(contents, config, peek.tools or []),
        fields=fields,
        size_bytes=len(body),
        model=model,
        is_stream=is_stream,
        wants_usage=True,
        max_output_tokens=config.optional(_whole, "maxOutputTokens"),
        choices=1 if count is None else max(1, count),
        is_array=is_array,
    )


def _contents(raw: Raw) -> list[Raw]:
    text = bytes(raw).strip()
    if text in (b"", b"null"):
        return []
    if text.startswith(b"{"):
        return [Raw(text)]
    return item(_decode_list, Raw(text), "contents")


def parse_count(body: bytes, *, model: str) -> ChatRequest:
    """Read a request for a count: contents, or a whole request; raises InvalidRequest."""
    try:
        fields = decode_fields(body)
    except (msgspec.DecodeError, RecursionError):
        return parse(body, model=model, is_stream=False)  # says what is wrong
    for name in ("generateContentRequest", "generate_content_request"):
        if name in fields:
            return parse(bytes(fields[name]), model=model, is_stream=False)
    if "contents" not in fields:
        raise missing("contents", _COUNT_HINTS)
    return parse(body, model=model, is_stream=False)


def tool_names(request: ChatRequest) -> list[str]:
    """Return the names of the declared functions; a vendor's own tool is known by its member.

    Raises:
        InvalidRequest: a function has no readable name.
    """
    names: list[str] = []
    for at, raw in enumerate(peek_of(request).tools):
        for name, value in members(raw, f"tools[{at}]").items():
            if name == "functionDeclarations":
                path = f"tools[{at}].functionDeclarations"
                names += [one.name for one in item(_declarations, value, path)]
            else:
                names.append(name)
    return names


def relay(request: ChatRequest, *, output_limit: int | None) -> Outgoing:
    """Splice a limit where none was given; the model is in the path."""
    fields: dict[str, object] = dict(request.fields)
    fields.pop("model", None)
    if output_limit is not None:
        fields["generationConfig"] = {**peek_of(request).config, "maxOutputTokens": output_limit}
    return Outgoing(fields, [])


def no_model() -> InvalidRequest:
    """Return the error for a path without a model."""
    return invalid("the path names the model: /v1beta/models/{model}:generateContent", "model")
