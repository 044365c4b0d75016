"""What is special about a vendor's parameters, as data: rules over the top level of a request.

A rule holds for models by the beginning of their names. Rules are applied in order, after the
dialect has written the request, so they use the vendor's own names. What the vendor is not told
because of a rule is named as the field is.
"""

from collections.abc import Mapping
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
        if not isinstance(value, int | float) or self.low <= value <= self.high:
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
        messages = fields.get("messages")
        if isinstance(messages, msgspec.Raw):
            if self.role.encode() not in bytes(messages):
                return None  # as nearly all are: nothing is read
            messages = _decode_messages(messages)
        if not isinstance(messages, list):
            return None
        fields["messages"] = [self._renamed(message) for message in messages]
        return None

    def _renamed(self, message: dict[str, object]) -> dict[str, object]:
        is_it = _value(message.get("role")) == self.role
        return {**message, "role": self.to} if is_it else message


Rule: TypeAlias = Drop | Rename | Clamp | Default | MapValue | MapRole

_decode_messages = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


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
    return jsonio.decode(bytes(value)) if isinstance(value, msgspec.Raw) else value
