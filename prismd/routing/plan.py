"""Decide which targets are tried, in which order. Pure: the same input gives the same plan."""

from collections.abc import Collection, Sequence

import msgspec

from prismd.kernel.errors import Forbidden, Unsupported
from prismd.providers.base import Endpoint
from prismd.providers.registry import able
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
    configured: Collection[Provider] = (),
) -> tuple[Attempt, ...]:
    """Return the attempts for a call, at least one.

    Args:
        targets: Who has the model, best first.
        op: What is asked for.
        allowed_providers: Those that the key may use; None: all.
        max_attempts: How many are tried at most.
        configured: All providers, to name those that could.

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
        raise _unsupported(op, allowed, configured)
    return tuple(attempts[:max_attempts])


def _unsupported(op: Op, asked: Sequence[Target], configured: Collection[Provider]) -> Unsupported:
    """Say who cannot, who of the configured can, and which vendors could be configured."""
    names = ", ".join(sorted({target.provider.id for target in asked}))
    msg = f"'{op}' is not supported by the providers of this model ({names})."
    if here := [provider.id for provider in configured if op in provider.spec.ops]:
        msg += f" Ask for a model of {' or '.join(here)}."
    elif vendors := able(op):
        msg += f" No configured provider can; vendors that can: {', '.join(vendors)}."
    return Unsupported(msg, param="model")
