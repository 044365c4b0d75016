"""What a model costs: the chain of price sources, first match wins.

1. an override in the database: the org's own (``org``), then everybody's (``override``)
2. ``cost_tracking.custom_pricing`` (``config``)
3. the vendor's own table (``fake``)
4. nothing, for a provider on loopback (``local``)
5. the public price data (``genai-prices``), then our own small table (``gap-table``)

Otherwise the price is unknown, which is not the same as nothing.
"""

from collections.abc import Mapping

import msgspec

from prismd.kernel import clock
from prismd.kernel.money import PicoUsd
from prismd.metering.gap_prices import gap_price
from prismd.metering.overrides import PriceOverrides
from prismd.metering.public_prices import public_facts
from prismd.providers.base import ProviderSpec
from prismd.wire.price import PARTS, ModelFacts, Price, PriceOverride, Unit

MAX_REMEMBERED = 4_096
"""Models whose facts are remembered at once."""

REMEMBERED_S = 1_800
"""Some vendors are cheaper at night: their hours begin on the hour or half past (UTC)."""

_IN_PARTS = frozenset(part for parts in PARTS.values() for part in parts)
_LOCAL = Price({unit: PicoUsd(0) for unit in Unit if unit not in _IN_PARTS}, source="local")


class PricedModel(msgspec.Struct, frozen=True):
    """Which model to price: who serves it, its name there, and whether it is self-hosted."""

    provider_id: str
    spec: ProviderSpec
    model: str
    is_local: bool


class PriceBook:
    """Prices of one config. Public ones are remembered until the clock's next half hour, at most.

    The overrides are the process's, shared by all configurations: a change is in force at once.
    """

    def __init__(self, own: Mapping[str, Price], overrides: PriceOverrides) -> None:
        self._own = dict(own)
        self._overrides = overrides
        self._facts: dict[tuple[str, str, bool], ModelFacts] = {}
        self._period = 0.0

    def edition(self) -> tuple[int, float]:
        """Return what changes whenever a price may have changed."""
        return self._overrides.edition, clock.wall_s() // REMEMBERED_S

    def facts(self, public_name: str, priced: PricedModel, org_id: str | None = None) -> ModelFacts:
        """Return what is known of a model, for the calls of an org."""
        known = self._known(priced)
        override = self.override(public_name, priced, org_id)
        if override is not None:
            return ModelFacts(override.price(), known.context_tokens)
        names = (public_name, f"{priced.provider_id}/{priced.model}", priced.model)
        own = next((self._own[name] for name in names if name in self._own), None)
        return ModelFacts(own, known.context_tokens) if own else known

    def override(
        self, public_name: str, priced: PricedModel, org_id: str | None = None
    ) -> PriceOverride | None:
        """Return the override that is in force for a model, if one is."""
        return self._overrides.find(
            (public_name, priced.model), provider_id=priced.provider_id, org_id=org_id
        )

    def _known(self, priced: PricedModel) -> ModelFacts:
        key = (priced.spec.type, priced.model, priced.is_local)
        period = clock.wall_s() // REMEMBERED_S
        if period != self._period or len(self._facts) >= MAX_REMEMBERED:  # names may be a caller's
            self._period = period
            self._facts.clear()
        known = self._facts.get(key)
        if known is None:
            known = self._facts[key] = _look_up(priced)
        return known


def _look_up(priced: PricedModel) -> ModelFacts:
    spec = priced.spec
    if spec.facts is not None:
        return spec.facts
    if priced.is_local:
        return ModelFacts(_LOCAL)
    if spec.prices_id is None:
        return ModelFacts()
    public = public_facts(spec.prices_id, priced.model)
    if public.price is not None:
        return public
    return ModelFacts(gap_price(spec.prices_id, priced.model), public.context_tokens)
