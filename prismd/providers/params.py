"""What is special about a vendor's parameters, as data: rules over the top level of a request.

A rule holds for models by the beginning of their names. Rules are applied in order, after the
dialect has written the request, so they use the vendor's own names. What the vendor is not told
because of a rule is named as the field is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias

import msgspec

from prismd.kernel import jsonio

Fields: TypeAlias = dict[str, object]


class Rule(Protocol):
    """What a vendor's table says of its parameters (here, and in ``message_rules``)."""

    def holds_for(self, model: str) -> bool:
        """Say whether the rule is for a model."""
        ...

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the name of what is lost."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ForModels:
    """For which models a rule holds."""

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
class Drop(ForModels):
    """The vendor refuses this field, or takes one value only."""

    name: str
    unless: object = None
    """A value that makes no difference, and is left out without a word."""

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the name of what is lost."""
        if self.name not in fields:
            return None
        value = value_of(fields.pop(self.name))
        return None if value is None or value == self.unless else self.name


@dataclass(frozen=True, slots=True)
class Omit(ForModels):
    """The vendor refuses this field, and does what it asks for in every case."""

    name: str

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost."""
        fields.pop(self.name, None)
        return None


@dataclass(frozen=True, slots=True)
class Add(ForModels):
    """The vendor wants this field, whoever asks."""

    name: str
    value: str

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost. What the caller says stays."""
        fields.setdefault(self.name, self.value)
        return None


@dataclass(frozen=True, slots=True)
class Rename(ForModels):
    """The vendor has another name for this field."""

    name: str
    to: str

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost. Who gives both names means the vendor's."""
        if self.name in fields:
            value = fields.pop(self.name)
            if value_of(fields.get(self.to)) is None:  # a limit that is null is none
                fields[self.to] = value
        return None


@dataclass(frozen=True, slots=True)
class Clamp(ForModels):
    """The vendor takes numbers from ``low`` to ``high``."""

    name: str
    low: float
    high: float

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the name of what is not as it was asked for."""
        value = value_of(fields.get(self.name))
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        if self.low <= value <= self.high:
            return None
        fields[self.name] = min(max(value, self.low), self.high)
        return self.name


@dataclass(frozen=True, slots=True)
class Unwrap(ForModels):
    """The vendor takes what is in this field at the top level, and only some of it."""

    name: str
    only: frozenset[str]

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost."""
        inner = fields.pop(self.name, None)
        if isinstance(inner, dict):
            fields |= {name: value for name, value in inner.items() if name in self.only}
        return None


@dataclass(frozen=True, slots=True)
class MapValue(ForModels):
    """The vendor has another word for a value."""

    name: str
    values: Mapping[str, str]

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; nothing is lost."""
        value = value_of(fields.get(self.name))
        if isinstance(value, str) and value in self.values:
            fields[self.name] = self.values[value]
        return None


@dataclass(frozen=True, slots=True)
class OneOf(ForModels):
    """The vendor takes only one of these two."""

    kept: str
    name: str
    unless: object = None
    """As of ``Drop``."""

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the name of what is lost."""
        is_kept = value_of(fields.get(self.kept)) is not None
        return Drop(self.name, self.unless).apply(fields) if is_kept else None


@dataclass(frozen=True, slots=True)
class Inside(ForModels):
    """A rule about what is in an object of the top level (``inferenceConfig``)."""

    name: str
    rule: Rule
    told: str
    """What the caller calls the field that the rule is about."""

    def apply(self, fields: Fields) -> str | None:
        """Change the fields; return the caller's name of what is lost."""
        given = fields.get(self.name)
        try:
            parts = decode_members(given) if isinstance(given, msgspec.Raw) else given
        except (msgspec.DecodeError, RecursionError):
            return None  # the vendor says what it thinks of it
        if not isinstance(parts, dict):
            return None
        changed = dict(parts)
        is_lost = self.rule.apply(changed) is not None
        if changed != parts:
            fields[self.name] = changed
        return self.told if is_lost else None


decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


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


def value_of(value: object) -> object:
    """Return what a field says; the caller's own bytes are read."""
    if not isinstance(value, msgspec.Raw):
        return value
    try:
        return jsonio.decode(bytes(value))
    except ValueError:  # too deep to be any value that a rule is about
        return value
