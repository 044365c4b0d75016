"""What would a call be told, where would it go, what would it cost? Nobody makes it.

The rules are those of the corridor, in its order (``endpoints/chat``, ``serve``, ``permit``,
``reserve``): each step here asks the same function. Nothing is counted, held, written or sent, so
the answer is that of this moment, and the next call may find another one.

What comes after the rule that refuses is not reached by a call. It is asked all the same, where it
can be, so that who lifts one rule knows of the next.
"""

from collections.abc import Callable, Iterator

import msgspec

from prismd.flow.payment import Cost, Payment
from prismd.flow.question import NotAsked, Question, Told
from prismd.flow.reserve import check_storage
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import PrismError
from prismd.policy import access
from prismd.policy.identity import check_valid
from prismd.policy.load import overloaded
from prismd.routing.offer import Offer, Targets
from prismd.snapshot import Snapshot


class Step(msgspec.Struct, frozen=True):
    """What one rule says."""

    rule: str
    state: str
    """``ok``, ``refused`` or ``skipped``."""
    message: str
    detail: dict[str, object]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a call."""

    steps: list[Step]
    error: PrismError | None
    """What the caller would get; None: the call would be sent."""
    decided_by: str | None
    """The rule that refuses."""
    offer: Offer | None
    """Where it may go; None: nowhere."""
    targets: Targets | None
    """What of that can be paid for."""
    cost: Cost | None


def explain(gateway: Gateway, snap: Snapshot, question: Question) -> Explanation:
    """Say what would become of a call."""
    rules = _Rules(gateway, snap, question)
    steps = list(rules.steps())
    return Explanation(
        steps=steps,
        error=rules.error,
        decided_by=rules.decided_by,
        offer=rules.payment.offer,
        targets=rules.payment.targets,
        cost=rules.payment.cost(),
    )


class _Rules:
    """The rules, asked one after the other; what one finds, the next ones look at."""

    def __init__(self, gateway: Gateway, snap: Snapshot, question: Question) -> None:
        self._gateway, self._snap, self._question = gateway, snap, question
        self._key = question.asker
        self._now_s = clock.monotonic_s()
        self.payment = Payment(gateway, snap, question)
        self.error: PrismError | None = None
        self.decided_by: str | None = None

    def steps(self) -> Iterator[Step]:
        """Ask each rule."""
        rules: tuple[tuple[str, Callable[[], Told]], ...] = (
            ("key_status", self._key_status),
            ("ip", self._ip),
            ("overload", self._overload),
            ("model", self._model),
            ("tools", self._tools),
            ("concurrency", self._concurrency),
            ("requests_per_minute", self._requests_per_minute),
            ("plan", self._plan),
            ("storage", self._storage),
            ("price", self.payment.price),
            ("tokens_per_minute", self.payment.tokens_per_minute),
            ("credits", self.payment.credits),
            ("budget", self.payment.budget),
        )
        for rule, ask in rules:
            yield self._ask(rule, ask)

    def _ask(self, rule: str, ask: Callable[[], Told]) -> Step:
        is_reached = self.error is None
        try:
            message, detail = ask()
        except NotAsked as why:
            return Step(rule, "skipped", str(why), {})
        except PrismError as error:
            said = {"status": error.status, "code": error.code, "param": error.param}
            detail = {**said, **error.details}
            if is_reached:
                self.error, self.decided_by = error, rule
                return Step(rule, "refused", error.message, detail)
            message = f"not reached; it would refuse, too: {error.message}"
            return Step(rule, "skipped", message, {**detail, "would_be": "refused"})
        if is_reached:
            return Step(rule, "ok", message, dict(detail))
        return Step(rule, "skipped", f"not reached; {message}", {**detail, "would_be": "ok"})

    # ── may it? ──────────────────────────────────────────────────────────────────────────────────

    def _key_status(self) -> Told:
        self._question.needs_key()
        check_valid(self._key, clock.wall_s())
        expires_at_s = self._key.expires_at_s
        until = "" if expires_at_s is None else f" until {clock.iso(expires_at_s)}"
        return f"the key is active{until}", {}

    def _ip(self) -> Told:
        self._question.needs_key()
        allowed = self._key.allowed_ips
        if allowed is None:
            return "the key may be used from every address", {}
        if self._question.ip is None and allowed:
            msg = f"no address is given; the key may be used from {', '.join(allowed)}"
            raise NotAsked(msg)
        access.check_ip(self._key, self._question.ip or "any")
        return f"the key may be used from {self._question.ip}", {"allowed_ips": allowed}

    def _overload(self) -> Told:
        load, running = self._gateway.load, self._gateway.limiter.running
        most = self._snap.max_running_calls
        if (obstacle := load.obstacle(running, most)) is not None:
            raise overloaded(obstacle[1])
        message = f"{running} of {most} calls run"
        if load.share < 1.0:
            message += f"; the gateway is behind: {load.share:.0%} of what comes is let in"
        return message, {"running": running, "max_running": most, "share": load.share}

    def _model(self) -> Told:
        self._question.needs_key()
        if self._key.models is None:
            return "the key may use every model", {}
        access.check_model(self._key, self._question.model)
        return f"the key may use {self._question.model}", {"models": self._key.models}

    def _tools(self) -> Told:
        self._question.needs_key()
        names = self._question.tools
        access.check_tools(self._key, names)
        return (f"the key may offer {', '.join(names)}" if names else "no tools are offered"), {}

    def _concurrency(self) -> Told:
        self._question.needs_key()
        limit = self._key.max_concurrency
        running = self._gateway.limiter.check_slots(self._key, self._now_s)
        if limit is None:
            return "the key may run any number of calls at once", {"running": running}
        told = {"running": running, "limit": limit}
        return f"{running} of {limit} calls of the key run", told

    def _requests_per_minute(self) -> Told:
        self._question.needs_key()
        limiter = self._gateway.limiter
        limiter.check_calls(self._key, self._now_s)
        state = limiter.state(self._key, self._now_s)
        if state is None:
            return "the key may make any number of calls per minute", {}
        told = {"limit": state.limit, "remaining": state.remaining}
        return f"{state.remaining} of {state.limit} calls per minute are left", told

    # ── where? ───────────────────────────────────────────────────────────────────────────────────

    def _plan(self) -> Told:
        question = self._question
        offer = self.payment.offer = self._snap.offer(question.model, question.op, self._key)
        first = offer.every.attempts[0]
        return f"it goes to {first.provider.id}/{first.model} first", offer.told()

    def _storage(self) -> Told:
        check_storage(self._gateway)
        return "there is room to write it down", {}
