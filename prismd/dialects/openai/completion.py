"""A stream of chat chunks put together as one completion.

Used where bodies are kept: what is relayed to clients are the vendor's own bytes.
"""

from collections.abc import Mapping

import msgspec

from prismd.kernel import jsonio


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int = 0
    id: str | None = None
    type: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: dict[str, msgspec.Raw] | None = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_TEXTS = ("content", "refusal", "reasoning_content")
MAX_PARTS = 128
"""Choices, and tool calls of each, that are put together."""


class _Said:
    """What one choice has said so far."""

    def __init__(self) -> None:
        self.role = "assistant"
        self.texts: dict[str, list[str]] = {}
        self.calls: dict[int, dict[str, str]] = {}
        self.finish_reason: str | None = None

    def message(self) -> dict[str, object]:
        texts = {name: "".join(parts) for name, parts in self.texts.items()}
        message: dict[str, object] = {"role": self.role, "content": None, **texts}
        if self.calls:
            message["tool_calls"] = [_call(call) for _, call in sorted(self.calls.items())]
        return message


class Completion:
    """Puts the events of a stream together, up to a number of characters."""

    def __init__(self, *, max_chars: int) -> None:
        self.is_cut = False
        """Whether there was more than that."""
        self._left = max_chars
        self._head: dict[str, object] = {}
        self._usage: Mapping[str, msgspec.Raw] | None = None
        self._choices: dict[int, _Said] = {}

    def add(self, data: bytes) -> None:
        """Take the data of one event; one of another shape is passed over."""
        try:
            chunk = _decode_chunk(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        if not self._head:
            self._head = {"id": chunk.id, "created": chunk.created, "model": chunk.model}
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices or ():
            if choice.index not in self._choices and len(self._choices) >= MAX_PARTS:
                self.is_cut = True
                continue
            said = self._choices.setdefault(choice.index, _Said())
            said.finish_reason = choice.finish_reason or said.finish_reason
            if choice.delta is not None:
                self._add_delta(said, choice.delta)

    def body(self) -> bytes:
        """Return what has come so far as one chat completion."""
        choices = [
            {"index": index, "message": said.message(), "finish_reason": said.finish_reason}
            for index, said in sorted(self._choices.items())
        ]
        whole = {**self._head, "object": "chat.completion", "choices": choices}
        return jsonio.encode(whole | ({"usage": self._usage} if self._usage else {}))

    def _add_delta(self, said: _Said, delta: _Delta) -> None:
        said.role = delta.role or said.role
        for name in _TEXTS:
            if text := getattr(delta, name):
                said.texts.setdefault(name, []).append(self._fitting(text))
        for call in delta.tool_calls or ():
            if call.index not in said.calls and len(said.calls) >= MAX_PARTS:
                self.is_cut = True
                continue
            known = said.calls.setdefault(call.index, {"id": "", "type": "function"})
            known["id"] = call.id or known["id"]
            known["type"] = call.type or known["type"]
            if call.function is not None:
                known["name"] = call.function.name or known.get("name", "")
                arguments = self._fitting(call.function.arguments or "")
                known["arguments"] = known.get("arguments", "") + arguments

    def _fitting(self, text: str) -> str:
        fitting = text[: self._left]
        self._left -= len(fitting)
        self.is_cut = self.is_cut or len(fitting) < len(text)
        return fitting


def _call(call: dict[str, str]) -> dict[str, object]:
    function = {"name": call.get("name", ""), "arguments": call.get("arguments", "")}
    return {"id": call["id"], "type": call["type"], "function": function}
