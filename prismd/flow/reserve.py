"""The stage before a call costs anything: size it, and hold what it may cost and use.

What limits a call is held before it is sent: the key's credits, the hard budgets it counts in, its
tokens per minute. The hold is an upper bound, and it is enforced: a caller that gave no
``max_tokens`` has one sent for it. The hold's row is queued here and durable before the first byte
of a stream leaves, so that a crash finds out about every call that may have cost something.
"""

import logging
import math
from collections.abc import Awaitable
from functools import partial

import msgspec

from prismd.gateway import Gateway
from prismd.kernel.errors import Forbidden, PrismError
from prismd.metering.billing import upper_bound
from prismd.metering.tokens import estimate_chars, estimate_messages
from prismd.policy.ratelimit import RateLimiter, TokenSlot
from prismd.routing.offer import Offer, Targets
from prismd.routing.plan import Attempt
from prismd.snapshot import Snapshot
from prismd.store.booking import HoldEntry
from prismd.store.faults import StorageFull
from prismd.store.ledger import LedgerMismatch
from prismd.wire.call import Call
from prismd.wire.key import KeyType
from prismd.wire.ledger import Hold
from prismd.wire.price import Price
from prismd.wire.usage import OpenCall

log = logging.getLogger("prism.reserve")

LEAST_OUTPUT_TOKENS = 1_024
"""What an answer may have at least when tokens per minute limit it, or a quarter of those."""

PROMPT_MARGIN = 1.1
"""Estimates of prompts are rarely more than a tenth too low."""


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
        attempts, prices = self.targets.attempts, self.targets.prices
        return prices[0] if attempt is attempts[0] else prices[attempts.index(attempt)]

    def told(self) -> dict[str, object]:
        """Return what the trace says of it."""
        return {
            "hold_nano_usd": self.hold.amount_nano_usd,
            "budgets": [window.budget_id for window in self.hold.windows],
            "output_limit": self.output_limit,
        }

    def forget_tokens(self) -> None:
        """Give back the tokens of a call that used none."""
        if self.tokens is not None:
            self.tokens.correct(0)


class _Size(msgspec.Struct, frozen=True):
    prompt_tokens: int
    """As estimated."""
    input_tokens: int
    """The same with a margin."""
    output_tokens: int
    output_limit: int | None


def reserve(gateway: Gateway, snap: Snapshot, call: Call, offer: Offer) -> Reservation:
    """Hold what a call may cost and use; nothing is held when this raises.

    Raises:
        InsufficientCredits: the key's credits do not suffice. Forbidden: no model of the plan has
        a price, and without one nothing can be enforced. LimitReached: a hard budget, or the
        tokens per minute. Overloaded: the hold cannot be written, or the disk is full and what room
        is left belongs to the calls that run.
    """
    if gateway.stores.state.is_full:
        raise StorageFull(gateway.data_dir.state_db.name)
    key = call.caller.key
    budgets = gateway.reserve.budgets.matching(key, call.request.model, call.tags)
    is_prepaid = key.key_type is KeyType.MANAGED
    is_paid_ahead = is_prepaid or (bool(budgets) and any(budget.is_hard for budget in budgets))
    targets = offer.every
    if offer.priced is not targets and snap.needs_price(is_paid_ahead=is_paid_ahead):
        if offer.priced is None:
            raise _no_price(call, offer)
        targets = offer.priced

    size: _Size | None = None
    tokens, amount = None, 0
    if is_paid_ahead or key.rate_limit_tpm is not None:
        size = _size(snap, call, targets.context_tokens, gateway.limiter)
        amount = _bound(targets, size) if is_paid_ahead else 0
        wanted = size.input_tokens + size.output_tokens
        tokens = gateway.limiter.reserve_tokens(key, wanted, call.started_s)
    try:
        hold = gateway.reserve.hold(call, budgets, amount)
        try:
            open_call = _open_call(call, targets.attempts[0], targets.prices[0], size)
            written = _write(gateway, hold, open_call)
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
        output_limit=size.output_limit if size else None,
        max_output_tokens=size.output_tokens if size else None,
        written=written,
        call=open_call,
    )


def _bound(targets: Targets, size: _Size) -> int:
    """Return what the dearest of the targets can cost."""
    dearest = 0
    for price in targets.prices:
        if price is not None:
            bound = upper_bound(
                price, input_tokens=size.input_tokens, output_tokens=size.output_tokens
            )
            dearest = max(dearest, bound)
    return dearest


def _no_price(call: Call, offer: Offer) -> Forbidden:
    names = ", ".join(f"{step.provider.id}/{step.model}" for step in offer.every.attempts)
    msg = (
        f"The model '{call.request.model}' has no price ({names}), so credits and budgets "
        "cannot be kept. The operator can give it one: prismctl prices set."
    )
    return Forbidden(msg, code="model_not_priced", param="model")


def _size(snap: Snapshot, call: Call, context_tokens: int | None, limiter: RateLimiter) -> _Size:
    """Bound the tokens of a call from above."""
    peek = call.request.peek
    prompt = estimate_messages(peek.messages, peek.tools or ())
    if peek.functions:
        prompt += sum(estimate_chars(len(bytes(raw))) for raw in peek.functions)
    most = math.ceil(prompt * PROMPT_MARGIN)
    choices = max(1, peek.n or 1)
    if peek.max_tokens is not None or peek.max_completion_tokens is not None:
        # A vendor may read either.
        given = max(0, peek.max_tokens or 0, peek.max_completion_tokens or 0)
        return _Size(prompt, most, given * choices, None)
    limit = snap.default_max_tokens
    if context_tokens is not None:
        limit = max(1, min(limit, context_tokens - most))
    per_minute = call.caller.key.rate_limit_tpm
    tokens_left = limiter.tokens_left(call.caller.key, call.started_s)
    if per_minute is not None and tokens_left is not None:
        # Otherwise a key with few tokens per minute could not leave max_tokens out. An answer is
        # not cut shorter than this, though: then the call waits for room.
        least = min(LEAST_OUTPUT_TOKENS, per_minute // 4, (per_minute - most) // choices)
        limit = max(1, min(limit, max(least, (tokens_left - most) // choices)))
    return _Size(prompt, most, limit * choices, limit)


def _open_call(call: Call, attempt: Attempt, price: Price | None, size: _Size | None) -> OpenCall:
    key = call.caller.key
    # Where nothing is limited, the prompt is not counted ahead: a rough size does for a crash.
    prompt = size.prompt_tokens if size else estimate_chars(call.request.size_bytes)
    return OpenCall(
        owner=key.owner,
        org_id=key.org_id,
        op=call.op,
        model=call.request.model,
        provider=attempt.provider.id,
        upstream_model=attempt.model,
        is_stream=call.request.is_stream,
        input_tokens=prompt,
        price=price,
        tags=call.tags,
    )


def _write(gateway: Gateway, hold: Hold, call: OpenCall) -> Awaitable[None] | None:
    entry = HoldEntry(hold, call, partial(_not_written, gateway))
    if call.is_stream:
        return gateway.stores.state.write(entry)
    gateway.stores.state.write_soon(entry)
    return None


def _not_written(gateway: Gateway, hold: Hold, error: Exception) -> None:
    if isinstance(error, LedgerMismatch):
        gateway.reserve.faulty_keys.add(hold.key_id)
        gateway.bus.publish("ledger", {"action": "mismatch", "key_id": hold.key_id})
        log.critical("the books of key %s do not agree: %s", hold.key_id, error)
    elif not isinstance(error, PrismError):
        log.error("the hold of %s cannot be written", hold.request_id, exc_info=error)
