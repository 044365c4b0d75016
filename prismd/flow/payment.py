"""Can a call that nobody makes be paid for, and what would it cost? Part of ``explain``.

The rules are those of ``reserve``, in its order, asked by the same functions; nothing is held.
"""

from typing import NamedTuple

from prismd.flow.question import NotAsked, Question, Told
from prismd.flow.reserve import bound_output, hold_amount, payable, pays_ahead
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.money import format_usd
from prismd.metering.billing import bill
from prismd.metering.tokens import at_most_of
from prismd.policy.reserve import money
from prismd.routing.offer import Offer, Targets
from prismd.snapshot import Snapshot
from prismd.wire.budget import Budget
from prismd.wire.common import Usage
from prismd.wire.key import KeyType

ANSWER_TOKENS = 500
"""How long an answer is estimated to be whose caller does not limit it."""


class Cost(NamedTuple):
    """What the call would cost, in nano-dollars."""

    input_tokens: int
    output_tokens: int
    """What the estimate is for."""
    max_output_tokens: int | None
    """None: nothing limits the answer."""
    estimate: int
    """At the first target."""
    at_most: int | None
    """What would be held for it: at the dearest target, with a longer prompt than estimated."""


class Payment:
    """What the rules about money and tokens say of a call."""

    def __init__(self, gateway: Gateway, snap: Snapshot, question: Question) -> None:
        self._gateway, self._snap, self._question = gateway, snap, question
        self._key = question.asker
        self._now_s, self._wall_s = clock.monotonic_s(), clock.wall_s()
        self._budgets: tuple[Budget, ...] = ()
        self._is_paid_ahead = False
        self._most_out = 0
        self.offer: Offer | None = None
        """Where the call may go; None: nowhere. Set before the first rule is asked."""
        self.targets: Targets | None = None
        """What of that can be paid for."""

    def _needs_targets(self) -> Targets:
        if self.targets is None:
            raise _nowhere()
        return self.targets

    def price(self) -> Told:
        """Ask whether what is offered can be paid for at all; the other rules need its answer."""
        if self.offer is None:
            raise _nowhere()
        question = self._question
        self._budgets = self._gateway.reserve.budgets.matching(
            self._key, question.model, question.tags
        )
        ahead = self._is_paid_ahead = pays_ahead(self._key, self._budgets)
        targets = payable(self._snap, question.model, self.offer, is_paid_ahead=ahead)
        self.targets = targets
        self._most_out, _ = bound_output(
            self._snap,
            self._key,
            targets,
            prompt=question.input_tokens,
            max_tokens=question.max_tokens,
            choices=1,
            tokens_left=self._gateway.limiter.tokens_left(self._key, self._now_s),
        )
        sources = {price.source for price in targets.prices if price is not None}
        message = "no price is known, so it is not billed"
        if sources:
            when = "before it is sent" if ahead else "afterwards"
            message = f"prices are known ({', '.join(sorted(sources))}); it is paid for {when}"
        return message, {"is_paid_ahead": ahead}

    def tokens_per_minute(self) -> Told:
        """Ask for the tokens that the call may use."""
        self._question.needs_key()
        self._needs_targets()
        limit, needed = self._key.rate_limit_tpm, self._question.input_tokens + self._most_out
        if limit is None:
            return "the key may use any number of tokens per minute", {}
        limiter = self._gateway.limiter
        limiter.check_tokens(self._key, needed, self._now_s)
        left = limiter.tokens_left(self._key, self._now_s)
        told = {"limit": limit, "remaining": left, "needed": needed}
        return f"{left} of {limit} tokens per minute are left, up to {needed} are needed", told

    def credits(self) -> Told:
        """Ask for the credits of a managed key."""
        self._question.needs_key()
        if self._key.key_type is not KeyType.MANAGED:
            self._gateway.reserve.check_credits(self._key, 0)
            return "the key needs no credits: it is billed elsewhere", {}
        self._needs_targets()
        amount, mine = self._amount(), self._gateway.reserve.credits(self._key.id)
        self._gateway.reserve.check_credits(self._key, amount)
        told = money(balance=mine.posted, held=mine.held, needed=amount)
        return f"${format_usd(mine.posted - mine.held)} of credits are free", told

    def budget(self) -> Told:
        """Ask the hard budgets that it counts in."""
        self._needs_targets()
        reserve, amount = self._gateway.reserve, self._amount()
        reserve.check_budgets(self._budgets, amount)
        if not self._budgets:
            return "it counts in no budget", {}
        seen = [(budget, reserve.seen(budget, self._wall_s)) for budget in self._budgets]
        told = [
            {
                "id": budget.id,
                "scope": budget.scope,
                "subject": budget.subject,
                "window": budget.window,
                "hard": budget.is_hard,
                **money(
                    limit=budget.limit_nano_usd,
                    spent=sums.counted_nano_usd,
                    held=sums.held_nano_usd,
                ),
            }
            for budget, sums in seen
        ]
        message = f"it counts in {len(seen)} budgets that have room for it"
        for budget, sums in seen:
            if sums.counted_nano_usd >= budget.limit_nano_usd:
                message = f"the soft budget {budget.id} is used up, and refuses nothing"
        return message, {"budgets": told, **money(needed=amount)}

    def _amount(self) -> int:
        """Return what would be held for the call."""
        targets = self._needs_targets()
        if not self._is_paid_ahead:
            return 0
        return self._at_most(targets)

    def _at_most(self, targets: Targets) -> int:
        """Return what the call can cost: its prompt may be longer than was said."""
        prompt = self._question.input_tokens
        return hold_amount(targets, prompt, at_most_of(prompt), self._most_out)

    def cost(self) -> Cost | None:
        """Return what the call would cost; None where it cannot be sent, or nobody knows."""
        targets, question = self.targets, self._question
        if targets is None or (price := targets.prices[0]) is None:
            return None
        most_out = self._most_out
        is_limited = (
            self._is_paid_ahead
            or question.max_tokens is not None
            or self._key.rate_limit_tpm is not None
        )
        output = most_out if question.max_tokens is not None else min(ANSWER_TOKENS, most_out)
        used = Usage(input_tokens=question.input_tokens, output_tokens=output, requests=1)
        at_most = None
        if is_limited and None not in targets.prices:
            at_most = self._at_most(targets)
        return Cost(
            question.input_tokens,
            output,
            most_out if is_limited else None,
            bill(price, used).cost_nano_usd,
            at_most,
        )


def _nowhere() -> NotAsked:
    return NotAsked("there is nothing that the call could be sent to")
