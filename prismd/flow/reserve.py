"""The stage before a call costs anything: size it, and hold what it may cost and use.

What limits a call is held before it is sent: the key's credits, the hard budgets it counts in, its
tokens per minute. The hold is an upper bound, and it is enforced: a caller that gave no
``max_tokens`` has one sent for it. The hold's row is queued here and durable before the first byte
of a stream leaves, so that a crash finds out about every call that may have cost something.
"""

import logging
from collections.abc import Awaitable, Iterable
from functools import partial

import msgspec

from prismd.gateway import Gateway
from prismd.kernel.errors import Forbidden, PrismError
from prismd.metering.billing import upper_bound
from prismd.metering.tokens import estimate_chars, size_of
from prismd.policy.ratelimit import TokenSlot
from prismd.routing.offer import Offer, Targets
from prismd.routing.plan import Attempt
from prismd.snapshot import Snapshot
from prismd.store.booking import HoldEntry
from prismd.store.faults import StorageFull
from prismd.store.ledger import LedgerMismatch
from prismd.wire.budget import Budget
from prismd.wire.call import Call
from prismd.wire.key import KeyRecord, KeyType
from prismd.wire.ledger import Hold
from prismd.wire.price import Price
from prismd.wire.usage import OpenCall

log = logging.getLogger("prism.reserve")

LEAST_OUTPUT_TOKENS = 1_024
"""What an answer may have at least when tokens per minute limit it, or a quarter of those."""

WINDOW_MARGIN = 1.1
"""An answer's limit leaves a prompt a tenth more of the model's window than it probably needs."""


class Reservation(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What was set aside for one call; settling gives it back."""

    hold: Hold
    targets: Targets
    """The planned attempts that can be paid for, at least one, and their prices."""
    tokens: TokenSlot | None
    output_limit: int | None
    """What to send as ``max_tokens``, per choice: the caller gave none, and the hold must hold."""
    max_output_tokens: int | None
    """The most that the answer can have; None when nothing limits the call."""
    written: Awaitable[None] | None
    """Done when the hold is durable; None when nobody waits for that."""
    call: OpenCall

    def price_of(self, attempt: Attempt) -> Price | None:
        """Return the price of an attempt at the time of the reservation."""
        targets = self.targets
        if attempt is targets.attempts[0]:
            return targets.prices[0]
        return targets.prices[targets.attempts.index(attempt)]

    def told(self) -> dict[str, object]:
        """Return what the trace says of it."""
        return {
            "hold_nano_usd": self.hold.amount_nano_usd,
            "budgets": [window.budget_id for window in self.hold.windows],
            "output_limit": self.output_limit,
        }


def reserve(gateway: Gateway, snap: Snapshot, call: Call, offer: Offer) -> Reservation:
    """Hold what a call may cost and use; nothing is held when this raises.

    Raises:
        InsufficientCredits: the key's credits do not suffice. Forbidden: no model of the plan has
        a price, and without one nothing can be enforced. LimitReached: a hard budget, or the
        tokens per minute. Overloaded: the hold cannot be written, or the disk is full and what room
        is left belongs to the calls that run.
    """
    check_storage(gateway)
    key = call.caller.key
    budgets = gateway.reserve.budgets.matching(key, call.request.model, call.tags)
    is_paid_ahead = pays_ahead(key, budgets)
    targets = payable(snap, call.request.model, offer, is_paid_ahead=is_paid_ahead)

    tokens: TokenSlot | None = None
    amount, output_limit, most_out = 0, None, None
    if is_paid_ahead or key.rate_limit_tpm is not None:
        prompt, prompt_at_most = size_of(call.dialect, call.request).bounds()
        left = gateway.limiter.tokens_left(key, call.started_s)
        most_out, output_limit = bound_output(
            snap,
            key,
            targets,
            prompt=prompt,
            max_tokens=call.request.max_output_tokens,
            choices=call.request.choices,
            tokens_left=left,
        )
        if is_paid_ahead:
            amount = hold_amount(targets, prompt, prompt_at_most, most_out)
        tokens = gateway.limiter.reserve_tokens(key, prompt + most_out, call.started_s)
    else:
        # The prompt is not counted ahead: a rough size does for a crash.
        prompt = estimate_chars(call.request.size_bytes)
    try:
        hold = gateway.reserve.hold(call, budgets, amount)
        try:
            open_call, written = _open(gateway, call, targets, hold, prompt)
        except BaseException:
            gateway.reserve.release(hold)
            raise
    except BaseException:
        if tokens is not None:
            tokens.correct(0)
        raise
    return Reservation(
        hold=hold,
        targets=targets,
        tokens=tokens,
        output_limit=output_limit,
        max_output_tokens=most_out,
        written=written,
        call=open_call,
    )


def check_storage(gateway: Gateway) -> None:
    """Refuse what would begin when the disk is full."""
    if gateway.stores.state.is_full:
        raise StorageFull(gateway.data_dir.state_db.name)


def pays_ahead(key: KeyRecord, budgets: Iterable[Budget]) -> bool:
    """Say whether what a call may cost has to be there before it is sent."""
    return key.key_type is KeyType.MANAGED or any(budget.is_hard for budget in budgets)


def payable(snap: Snapshot, model: str, offer: Offer, *, is_paid_ahead: bool) -> Targets:
    """Return those targets of an offer that a call can be paid at.

    Raises:
        Forbidden: none of them has a price, and it needs one.
    """
    if offer.priced is offer.every or not snap.needs_price(is_paid_ahead=is_paid_ahead):
        return offer.every
    if offer.priced is None:
        raise _no_price(model, offer)
    return offer.priced


def _no_price(model: str, offer: Offer) -> Forbidden:
    names = ", ".join(f"{step.provider.id}/{step.model}" for step in offer.every.attempts)
    msg = (
        f"The model '{model}' has no price ({names}), so credits and budgets "
        "cannot be kept. The operator can give it one: prismctl prices set."
    )
    return Forbidden(msg, code="model_not_priced", param="model")


def hold_amount(targets: Targets, prompt: int, prompt_at_most: int, output_at_most: int) -> int:
    """Return what a call can cost, in nano-dollars.

    No vendor reads more than a model's window; a prompt that is probably longer may have a wider
    one than is known (a beta of the vendor).
    """
    window = targets.longest_context_tokens
    if window is not None:
        prompt_at_most = min(prompt_at_most, max(window, prompt))
    return upper_bound(targets, input_tokens=prompt_at_most, output_tokens=output_at_most)


def bound_output(
    snap: Snapshot,
    key: KeyRecord,
    targets: Targets,
    *,
    prompt: int,
    max_tokens: int | None,
    choices: int,
    tokens_left: int | None,
) -> tuple[int, int | None]:
    """Bound the tokens of an answer from above.

    Args:
        snap: The configuration in force.
        key: Whose call it is.
        targets: What it may be sent to.
        prompt: The tokens that the prompt probably has.
        max_tokens: What the caller gave.
        choices: How many answers are asked for.
        tokens_left: In the key's window.

    Returns:
        The output of all choices, and what to send as ``max_tokens``: None where the caller gave
        it.
    """
    if max_tokens is not None:
        return max(0, max_tokens) * choices, None
    limit = snap.default_max_tokens
    if targets.context_tokens is not None:
        limit = max(1, min(limit, targets.context_tokens - int(prompt * WINDOW_MARGIN)))
    per_minute = key.rate_limit_tpm
    if per_minute is not None and tokens_left is not None:
        # Otherwise a key with few tokens per minute could not leave max_tokens out. An answer is
        # not cut shorter than this, though: then the call waits for room.
        least = min(LEAST_OUTPUT_TOKENS, per_minute // 4, (per_minute - prompt) // choices)
        limit = max(1, min(limit, max(least, (tokens_left - prompt) // choices)))
    return limit * choices, limit


def _open(
    gateway: Gateway, call: Call, targets: Targets, hold: Hold, prompt_tokens: int
) -> tuple[OpenCall, Awaitable[None] | None]:
    """Have the hold written, and return what is written with it, and what is done when it is."""
    key, request, first = call.caller.key, call.request, targets.attempts[0]
    is_stream = request.is_stream
    opened = OpenCall(
        owner=key.owner,
        org_id=key.org_id,
        op=call.op,
        model=request.model,
        provider=first.provider.id,
        upstream_model=first.model,
        is_stream=is_stream,
        input_tokens=prompt_tokens,
        price=targets.prices[0],
        tags=call.tags,
    )
    entry = HoldEntry(hold, opened, partial(_not_written, gateway))
    if is_stream:
        return opened, gateway.stores.state.write(entry)
    gateway.stores.state.write_soon(entry)
    return opened, None


def _not_written(gateway: Gateway, hold: Hold, error: Exception) -> None:
    if isinstance(error, LedgerMismatch):
        gateway.reserve.faulty_keys.add(hold.key_id)
        gateway.bus.publish("ledger", {"action": "mismatch", "key_id": hold.key_id})
        log.critical("the books of key %s do not agree: %s", hold.key_id, error)
    elif not isinstance(error, PrismError):
        log.error("the hold of %s cannot be written", hold.request_id, exc_info=error)
