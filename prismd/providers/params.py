"""What is special about a vendor's parameters, as data: rules over the top level of a request.

A rule holds for models by the beginning of their names. Rules are applied in order, after the
dialect has written the request, so they use the vendor's own names. What the vendor is not told
because of a rule is named as the field is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import msgspec

from prismd.kernel import jsonio

Fields: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForModels:
    models: tuple[str, ...] = ()
    """Beginnings of the names of models; empty: all."""
    but: tuple[str, ...] = ()
    """Of those, the ones for which it does not hold."""

    def holds_for(self, model: str) -> bool:
        """Say whether the rule is for a model; a vendor's prefix (``openai/``) does not count."""
        name = model.rpartition("/")[2]
        return (not self.models or name.startswith(self.models)) and not (
            self.but and name.startswith(self.but)
        )


@dataclass(frozen=True, slots=True)
class Drop(_ForModels):
    """The vendor refuses this field, or takes one value only."""

    name: str
    unless: object = None
    """A value that makes no difference, and is left out without a word."""

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the name of what is lost."""
        if self.name not in fields:
            return None
        value = _value(fields.pop(self.name))
        return None if value is None or value == self.unless else self.name


@dataclass(frozen=True, slots=True)
class Omit(_ForModels):
    """The vendor refuses this field, and does what it asks for in every case."""

    name: str

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost."""
        fields.pop(self.name, None)
        return None


@dataclass(frozen=True, slots=True)
class Rename(_ForModels):
    """The vendor has another name for this field."""

    name: str
    to: str

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost. Who gives both names means the vendor's."""
        if self.name in fields:
            value = fields.pop(self.name)
            fields.setdefault(self.to, value)
        return None


@dataclass(frozen=True, slots=True)
class Clamp(_ForModels):
    """The vendor takes numbers from ``low`` to ``high``."""

    name: str
    low: float
    high: float

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the name of what is not as it was asked for."""
        value = _value(fields.get(self.name))
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        if self.low <= value <= self.high:
            return None
        fields[self.name] = min(max(value, self.low), self.high)
        return self.name


@dataclass(frozen=True, slots=True)
class Default(_ForModels):
    """The vendor needs this field."""

    name: str
    value: object

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost."""
        fields.setdefault(self.name, self.value)
        return None


@dataclass(frozen=True, slots=True)
class MapValue(_ForModels):
    """The vendor has another word for a value."""

    name: str
    values: Mapping[str, str]

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost."""
        value = _value(fields.get(self.name))
        if isinstance(value, str) and value in self.values:
            fields[self.name] = self.values[value]
        return None


@dataclass(frozen=True, slots=True)
class MapRole(_ForModels):
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
        parts = _decode_members(message) if isinstance(message, msgspec.Raw) else message
        if not isinstance(parts, dict) or _value(parts.get("role")) != self.role:
            return message
        return {**parts, "role": self.to}


@dataclass(frozen=True, slots=True)
class OneOf(_ForModels):
    """The vendor takes only one of these two."""

    kept: str
    name: str
    unless: object = None
    """As of ``Drop``."""

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the name of what is lost."""
        is_kept = _value(fields.get(self.kept)) is not None
        return Drop(self.name, self.unless).apply(fields) if is_kept else None


@dataclass(frozen=True, slots=True)
class SchemaAsText(_ForModels):
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


@dataclass(frozen=True, slots=True)
class Inside(_ForModels):
    """A rule about what is in an object of the top level (``inferenceConfig``)."""

    name: str
    rule: "Rule"
    told: str
    """What the caller calls the field that the rule is about."""

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the caller's name of what is lost."""
        given = fields.get(self.name)
        try:
            parts = _decode_members(given) if isinstance(given, msgspec.Raw) else given
        except (msgspec.DecodeError, RecursionError):
            return None  # the vendor says what it thinks of it
        if not isinstance(parts, dict):
            return None
        changed = dict(parts)
        is_lost = self.rule.apply(changed) is not None
        if changed != parts:
            fields[self.name] = changed
        return self.told if is_lost else None


Rule: TypeAlias = (
    Drop | Omit | Rename | Clamp | Default | MapValue | MapRole | OneOf | SchemaAsText | Inside
)


class _Schema(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw(b"{}")


class _Format(msgspec.Struct):
    type: str
    json_schema: _Schema = msgspec.field(default_factory=_Schema)


_decode_format = msgspec.json.Decoder(_Format).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_messages = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _messages(fields: Fields) -> Sequence[object]:
    """Return the messages, each still as it is; raises DecodeError."""
    messages = fields.get("messages")
    if isinstance(messages, msgspec.Raw):
        return _decode_messages(messages)
    return messages if isinstance(messages, list) else ()


class Rules:
    """The rules of a vendor, in their order."""

    def __init__(self, *rules: Rule) -> None:
        self._rules = rules

    def apply(self, model: str, fields: Fields) -> tuple[str, ...]:
        """Apply those of a model; return the names of what is lost."""
        if not self._rules:
            return ()
        return tuple(
            lost for rule in _of_model(self, model) if (lost := rule.apply(fields)) is not None
        )

    def of(self, model: str) -> tuple[Rule, ...]:
        """Return the rules of a model."""
        return tuple(rule for rule in self._rules if rule.holds_for(model))


NO_RULES = Rules()


@lru_cache(maxsize=1024)
def _of_model(rules: Rules, model: str) -> tuple[Rule, ...]:
    return rules.of(model)


def _value(value: object) -> object:
    """Return what a field says; the caller's own bytes are read."""
    if not isinstance(value, msgspec.Raw):
        return value
    try:
        return jsonio.decode(bytes(value))
    except ValueError:  # too deep to be any value that a rule is about
        return value
