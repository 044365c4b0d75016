"""Rules about messages (as ``params``), for vendors of OpenAI's dialect.

Messages are the caller's bytes, and long: nothing is read where a rule cannot matter, and what is
changed is one message.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from prismd.kernel import jsonio
from prismd.providers.params import Fields, ForModels, decode_members, value_of


@dataclass(frozen=True, slots=True)
class MapRole(ForModels):
    """The vendor has another word for the role of messages."""

    role: str
    to: str

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost."""
        given = fields.get("messages")
        if isinstance(given, msgspec.Raw) and self.role.encode() not in bytes(given):
            return None  # as nearly all are: nothing is read
        try:
            messages = _messages(fields)
            if messages:
                fields["messages"] = [self._renamed(message) for message in messages]
        except (msgspec.DecodeError, RecursionError):
            return None  # the vendor says what it thinks of it
        return None

    def _renamed(self, message: object) -> object:
        parts = decode_members(message) if isinstance(message, msgspec.Raw) else message
        if not isinstance(parts, dict) or value_of(parts.get("role")) != self.role:
            return message
        return {**parts, "role": self.to}


@dataclass(frozen=True, slots=True)
class DropOfMessages(ForModels):
    """The vendor refuses this field of messages."""

    name: str
    told: str

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return what is lost."""
        given = fields.get("messages")
        if isinstance(given, msgspec.Raw) and f'"{self.name}"'.encode() not in bytes(given):
            return None  # as most are: nothing is read
        try:
            messages = _messages(fields)
            kept = [self._without(message) for message in messages]
        except (msgspec.DecodeError, RecursionError):
            return None  # the vendor says what it thinks of it
        if all(one is other for one, other in zip(kept, messages, strict=True)):
            return None
        fields["messages"] = kept
        return self.told

    def _without(self, message: object) -> object:
        parts = decode_members(message) if isinstance(message, msgspec.Raw) else message
        if not isinstance(parts, dict) or self.name not in parts:
            return message
        return {name: value for name, value in parts.items() if name != self.name}


@dataclass(frozen=True, slots=True)
class SchemaAsText(ForModels):
    """The vendor knows ``json_object`` but not ``json_schema``: the model is told of the schema.

    It cannot be held to it, so that is told to the caller as lost.
    """

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return what the vendor does not see to."""
        try:
            wanted = _decode_format(jsonio.encode(fields.get("response_format")))
            messages = _messages(fields)
        except (msgspec.DecodeError, RecursionError):
            return None  # the vendor says what it thinks of it
        if wanted.type != "json_schema":
            return None
        schema = bytes(wanted.json_schema.schema).decode()
        text = f"Answer with one JSON object and nothing else. It fits this JSON schema: {schema}"
        fields["messages"] = [{"role": "system", "content": text}, *messages]
        fields["response_format"] = {"type": "json_object"}
        return "json_format"


class _Schema(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw(b"{}")


class _Format(msgspec.Struct):
    type: str
    json_schema: _Schema = msgspec.field(default_factory=_Schema)


_decode_format = msgspec.json.Decoder(_Format).decode
_decode_messages = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _messages(fields: Fields) -> Sequence[object]:
    """Return the messages, each still as it is; raises DecodeError."""
    messages = fields.get("messages")
    if isinstance(messages, msgspec.Raw):
        return _decode_messages(messages)
    return messages if isinstance(messages, list) else ()
