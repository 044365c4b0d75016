"""The operator's own prices from the database, held in memory and in force at once.

They live as long as the process: a reload of the configuration does not touch them. A call that is
running keeps the price it began with.
"""

from collections.abc import Iterable

from prismd.wire.price import PriceOverride

_Subject = tuple[str, str | None, str | None]
"""Model, provider id, org id: there is one override of each."""


class PriceOverrides:
    """All overrides, by what they are for. Used from the event loop only."""

    def __init__(self, overrides: Iterable[PriceOverride] = ()) -> None:
        self._in_force = {_subject(override): override for override in overrides}
        self.edition = 0
        """Rises with each change."""

    def put(self, override: PriceOverride) -> None:
        """Add an override, or replace the one of the same subject."""
        self._in_force[_subject(override)] = override
        self.edition += 1

    def remove(self, override: PriceOverride) -> None:
        """Take an override out."""
        del self._in_force[_subject(override)]
        self.edition += 1

    def every(self) -> list[PriceOverride]:
        """Return all of them, oldest first."""
        return sorted(self._in_force.values(), key=lambda override: override.id)

    def by_id(self, override_id: str) -> PriceOverride | None:
        """Return one, or None if it is not there."""
        return next((own for own in self._in_force.values() if own.id == override_id), None)

    def of(self, model: str, provider: str | None, org_id: str | None) -> PriceOverride | None:
        """Return the override of exactly this subject."""
        return self._in_force.get((model, provider, org_id))

    def find(
        self, names: tuple[str, ...], *, provider_id: str, org_id: str | None
    ) -> PriceOverride | None:
        """Return what is in force for a call.

        The org's own before everybody's, then the provider's own before any provider's, then the
        names in their order.
        """
        if not self._in_force:
            return None
        for org in (None,) if org_id is None else (org_id, None):
            for provider in (provider_id, None):
                for name in names:
                    if (found := self._in_force.get((name, provider, org))) is not None:
                        return found
        return None


def _subject(override: PriceOverride) -> _Subject:
    return (override.model, override.provider, override.org_id)
