"""Which models exist, and which providers serve them. Immutable; a new one is made on each change.

How a name is resolved, first match wins:
1. ``model_map`` names the provider (or ``provider/model``).
2. Providers that list the name serve it, in the order of the config.
3. ``provider/rest`` asks that provider for ``rest``, listed or not.
4. The only provider whose models are not known is asked.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

import msgspec

from prismd.kernel.errors import NotFound
from prismd.providers.base import ProviderSpec, Upstream


@dataclass(frozen=True, slots=True)
class Provider:
    """One configured provider: its table, its connection, and the models it is known to have."""

    id: str
    spec: ProviderSpec
    base_url: str | None
    upstream: Upstream
    listed: tuple[str, ...] | None
    """Upstream model names that the configuration gives; None when it gives none."""
    is_local: bool
    """Whether it is reached over loopback, or in-process."""
    is_asked: bool = False
    """Whether it is asked for its models."""
    passed_headers: frozenset[str] = frozenset()
    """Headers of clients that go on to it, lower case."""
    discovered: tuple[str, ...] | None = None
    """Upstream model names that it gave itself; None until it has."""

    @property
    def models(self) -> tuple[str, ...] | None:
        """Upstream model names, the listed first; None when they are not known."""
        if self.listed is None or self.discovered is None:
            return self.discovered if self.listed is None else self.listed
        return tuple(dict.fromkeys((*self.listed, *self.discovered)))

    def knowing(self, discovered: tuple[str, ...] | None) -> "Provider":
        """Return the same provider with the models that it gave, if it is one that is asked."""
        return replace(self, discovered=discovered) if self.is_asked else self

    def serves(self, model: str) -> bool:
        """Say whether it has, or may have, a model of this upstream name."""
        return self.models is None or self.bare(model) in self.models

    def bare(self, model: str) -> str:
        """Return a model's name without settings."""
        mark = self.spec.settings_mark
        return model.partition(mark)[0] if mark else model

    def apply_rules(self, model: str, fields: dict[str, object]) -> tuple[str, ...]:
        """Apply what is special about its parameters; return the names of what is lost."""
        return self.spec.rules.apply(model, fields)

    def public_name(self, model: str) -> str:
        """Return the name under which a model of this provider is listed."""
        return f"{self.id}/{model}" if self.spec.lists_prefixed else model


class Target(msgspec.Struct, frozen=True):
    """A provider and the model's name there."""

    provider: Provider
    model: str


class Match(Enum):
    """How a name is resolved (see above)."""

    MAPPED = auto()
    LISTED = auto()
    PREFIXED = auto()
    ONLY_UNKNOWN = auto()


class Catalog:
    """Model names and their targets."""

    def __init__(self, providers: Sequence[Provider], model_map: Mapping[str, str]) -> None:
        self.providers: Mapping[str, Provider] = {provider.id: provider for provider in providers}
        self.model_map = dict(model_map)
        passed = {name for provider in providers for name in provider.passed_headers}
        self.passed_headers = tuple(name.encode() for name in sorted(passed))
        """Headers of clients that any of them is passed, as they stand in a request."""
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._prefixed: dict[str, str] = {}
        """Names with their provider's id in front → names under which they are listed."""
        for provider in providers:
            for model in provider.models or ():
                name = provider.public_name(model)
                self._targets[name] = (*self._targets.get(name, ()), Target(provider, model))
                self._prefixed[f"{provider.id}/{model}"] = name
        for name, where in model_map.items():
            self._targets[name] = (self._mapped(name, where),)

    def _mapped(self, name: str, where: str) -> Target:
        provider_id, _, model = where.partition("/")
        return Target(self.providers[provider_id], model or name)

    def names(self) -> list[str]:
        """Return every known model name, sorted."""
        return sorted(self._targets)

    def listed_name(self, name: str) -> str | None:
        """Return which of ``names`` a caller means, whose number is bounded; None: none of them.

        So a provider's id in front, and the settings of a fake model, make no name of their own.
        """
        if name in self._targets:
            return name
        if (found := self._prefixed.get(name)) is not None:
            return found
        provider = self.providers.get(name.partition("/")[0])
        if provider is None or (bare := provider.bare(name)) == name:
            return None
        return self._prefixed.get(bare)

    def find(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a model, best first; empty when nobody has it."""
        return self.match(name)[1]

    def match(self, name: str) -> tuple[Match, tuple[Target, ...]]:
        """Return the targets of a model, and how its name led to them, or to none."""
        if found := self._targets.get(name):
            return Match.MAPPED if name in self.model_map else Match.LISTED, found
        provider_id, slash, rest = name.partition("/")
        provider = self.providers.get(provider_id) if slash and rest else None
        if provider is not None:
            return Match.PREFIXED, (Target(provider, rest),) if provider.serves(rest) else ()
        unknown = [provider for provider in self.providers.values() if provider.models is None]
        return Match.ONLY_UNKNOWN, (Target(unknown[0], name),) if len(unknown) == 1 else ()

    def resolve(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a model.

        Raises:
            NotFound: nobody serves it; the message names the nearest known ones.
        """
        targets = self.find(name)
        if not targets:
            near = difflib.get_close_matches(name, self.names(), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            msg = f"The model '{name}' does not exist here.{hint} GET /v1/models lists them."
            raise NotFound(msg, code="model_not_found", param="model")
        return targets

    def with_models(self, discovered: Mapping[str, tuple[str, ...]]) -> "Catalog":
        """Return a catalog in which providers have the models that they gave themselves."""
        providers = [
            provider.knowing(discovered.get(provider.id, provider.discovered))
            for provider in self.providers.values()
        ]
        return Catalog(providers, self.model_map)
