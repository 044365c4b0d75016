"""Decide which targets are tried, in which order. Pure: the same input gives the same plan."""

from collections.abc import Sequence

import msgspec

from prismd.kernel.errors import Forbidden, Unsupported
from prismd.providers.base import Endpoint
from prismd.routing.catalog import Provider, Target
from prismd.wire.call import Op

_STANDS_FOR = {Op.COMPLETIONS: Op.CHAT, Op.COUNT_TOKENS: Op.CHAT}
"""What is asked of a provider that lacks an operation; tokens are then counted here."""


class Attempt(msgspec.Struct, frozen=True):
    """One try: this provider, this model name, this endpoint."""

    provider: Provider
    model: str
    endpoint: Endpoint

    @property
    def target(self) -> Target:
        """Return the provider and the model's name there."""
        return Target(self.provider, self.model)


def endpoint_of(provider: Provider, op: Op, model: str) -> Endpoint | None:
    """Return where a provider does an operation, or one that can stand for it; None: nowhere."""
    spec = provider.spec
    return spec.endpoint(op, model) or spec.endpoint(_STANDS_FOR.get(op, op), model)


def plan(
    targets: Sequence[Target],
    *,
    op: Op,
    allowed_providers: Sequence[str] | None,
    max_attempts: int,
) -> tuple[Attempt, ...]:
    """Return the attempts for a call, at least one.

    Raises:
        Forbidden: the key may use none of the providers.
        Unsupported: none of them can do the operation.
    """
    allowed = [
        target
        for target in targets
        if allowed_providers is None or target.provider.id in allowed_providers
    ]
    if not allowed:
        names = ", ".join(sorted({target.provider.id for target in targets}))
        msg = f"This key may not use the providers that serve this model ({names})."
        raise Forbidden(msg, param="provider")
    attempts = [
        Attempt(target.provider, target.model, endpoint)
        for target in allowed
        if (endpoint := endpoint_of(target.provider, op, target.model)) is not None
    ]
    if not attempts:
        names = ", ".join(sorted({target.provider.id for target in allowed}))
        msg = f"'{op}' is not supported by the providers of this model ({names})."
        raise Unsupported(msg, param="model")
    return tuple(attempts[:max_attempts])
