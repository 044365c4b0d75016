"""The books, holds, keys and budgets: what may be spent, and what nobody would stop."""

import shlex
from collections.abc import Iterator

from prismd.endpoints.admin.checks.check import Check, counted, failed, naming, ok, warning
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.policy.access import matches
from prismd.policy.identity import is_expired
from prismd.store import checkup
from prismd.wire.budget import Budget, BudgetScope, BudgetWindow
from prismd.wire.key import KeyRecord, KeyStatus, KeyType

SOON_S = 7 * 86_400
RECENTLY_S = 86_400


def settled(gateway: Gateway) -> Iterator[Check]:
    """Look at what this process knows of its books."""
    if faulty := sorted(gateway.reserve.faulty_keys):
        told = f"the books of {len(faulty)} keys did not agree: {naming(faulty)}"
        yield failed("ledger", told, "prismctl ledger verify")
    elif gateway.unsettled:
        told = f"{len(gateway.unsettled)} calls are not written down yet"
        yield failed("ledger", told, "free some space; they are tried again")
    else:
        yield ok("ledger", "every call that ended is written down")


async def balance(gateway: Gateway) -> Check:
    """Look at whether the sums of the ledger agree; ``ledger verify`` looks at each row."""
    sums = await checkup.sums(gateway.stores.state)
    if not sums.agree:
        told = f"accounts sum up to {sums.posted} nano-dollars, not 0"
        if not sums.posted:
            told = f"accounts hold {sums.held} nano-dollars, but holds are {sums.in_holds}"
        return failed("balance", told, "prismctl ledger verify")
    return ok("balance", "accounts sum up to 0, and hold what running calls need")


async def holds(gateway: Gateway) -> Check:
    """Look for money that is held for calls that should have ended."""
    overdue = await checkup.overdue_holds(gateway.stores.state, clock.wall_s())
    if overdue:
        told = f"money is held for {len(overdue)} calls that should have ended: {naming(overdue)}"
        return warning("holds", told, "restart prismd: it settles them; prismctl ledger holds")
    return ok("holds", "no call holds money for longer than it may run")


def keys(gateway: Gateway) -> Iterator[Check]:
    """Look at keys that nothing limits, and at those that end while they are used."""
    now_s = clock.wall_s()
    active = [
        key for key in gateway.keys if key.status is KeyStatus.ACTIVE and not is_expired(key, now_s)
    ]
    unlimited = [key.name for key in active if not _is_limited(gateway, key)]
    if unlimited:
        have = "1 key has" if len(unlimited) == 1 else f"{len(unlimited)} keys have"
        told = f"{have} no limit at all: {naming(unlimited)}"
        yield warning("keys", told, "prismctl keys update KEY --rpm 60 --budget 50/month")
    else:
        yield ok("keys", f"each of {counted(len(active), 'active key')} has a limit")
    ended = [key.name for key in gateway.keys if _has_ended_in_use(gateway, key, now_s)]
    ends = [key.name for key in active if _ends_soon(key, now_s)]
    fix = "prismctl keys update KEY --expires 90d"
    if ended:
        told = (
            f"{counted(len(ended), 'key')} expired within a day of their last call: {naming(ended)}"
        )
        yield warning("key_expiry", told, fix)
    elif ends:
        told = f"{counted(len(ends), 'key')} to expire within 7 days: {naming(ends)}"
        yield warning("key_expiry", told, fix)
    else:
        yield ok("key_expiry", "no key that is used has expired or is about to")


def _is_limited(gateway: Gateway, key: KeyRecord) -> bool:
    limits = (key.rate_limit_rpm, key.rate_limit_tpm, key.max_concurrency)
    if key.key_type is KeyType.MANAGED or any(limit is not None for limit in limits):
        return True
    book = gateway.reserve.budgets
    subjects = [(BudgetScope.KEY, key.id), (BudgetScope.OWNER, key.owner)]
    subjects += [(BudgetScope.ORG, key.org_id)]
    found = (book.of(scope, subject) for scope, subject in subjects if subject is not None)
    return any(budget.is_hard for budgets in found for budget in budgets)


def _ends_soon(key: KeyRecord, now_s: float) -> bool:
    return key.expires_at_s is not None and key.expires_at_s < now_s + SOON_S


def _has_ended_in_use(gateway: Gateway, key: KeyRecord, now_s: float) -> bool:
    ends_s = key.expires_at_s
    if ends_s is None or key.status is not KeyStatus.ACTIVE or not is_expired(key, now_s):
        return False
    used_s = gateway.last_used_s.get(key.id) or key.last_used_at_s
    return used_s is not None and now_s - ends_s < SOON_S and ends_s - used_s < RECENTLY_S


def budgets(gateway: Gateway) -> Iterator[Check]:
    """Look for budgets that refuse for good, and for those that count nothing."""
    now_s, every = clock.wall_s(), gateway.reserve.budgets.all()
    spent = [
        budget
        for budget in every
        if budget.is_hard
        and budget.window is BudgetWindow.TOTAL
        and gateway.reserve.seen(budget, now_s).counted_nano_usd >= budget.limit_nano_usd
    ]
    idle = [budget for budget in every if not _can_count(gateway, budget)]
    if spent:
        told = f"{len(spent)} budgets are used up and never start anew: {_named(spent)}"
        yield warning("budgets", told, f"prismctl budgets reset {spent[0].id}")
    elif idle:
        told = f"{len(idle)} budgets can never be reached, no call counts in them: {_named(idle)}"
        yield warning("budgets", told, f"prismctl budgets delete {idle[0].id}")
    else:
        yield ok("budgets", f"{len(every)} budgets, none used up for good")


def _can_count(gateway: Gateway, budget: Budget) -> bool:
    subject = budget.subject
    if budget.scope is BudgetScope.KEY:
        key = gateway.keys.get(subject)
        return key is not None and key.status is not KeyStatus.REVOKED
    usable = [key for key in gateway.keys if key.status is not KeyStatus.REVOKED]
    if budget.scope is BudgetScope.OWNER:
        return any(key.owner == subject for key in usable)
    if budget.scope is BudgetScope.ORG:
        return any(key.org_id == subject for key in usable)
    if budget.scope is BudgetScope.MODEL:
        catalog = gateway.snapshot.catalog
        return bool(catalog.find(subject)) or any(
            matches(name, (subject,)) for name in catalog.names()
        )
    return True  # a caller may send any tag


def _named(budgets: list[Budget]) -> str:
    return naming([_spelled(budget) for budget in budgets])


def _spelled(budget: Budget) -> str:
    return f"{budget.scope}:{budget.subject}"


def prices(gateway: Gateway) -> Iterator[Check]:
    """Look for models that have no price: what they cost is in no sum."""
    snap = gateway.snapshot
    unpriced = [
        name
        for name in snap.catalog.names()
        if any(snap.facts(name, target).price is None for target in snap.catalog.find(name))
    ]
    if unpriced:
        name = shlex.quote(unpriced[0])  # a vendor names its models
        fix = f"prismctl prices set {name} input=USD output=USD"
        yield warning("prices", f"without a price: {naming(unpriced)}", fix)
    else:
        yield ok("prices", "every listed model has a price")
