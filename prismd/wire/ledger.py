"""Holds and accounts of the ledger, as the corridor and the store both see them.

Every transfer goes from one account to another, so all accounts together are always 0:

    system:grants ──grant──► key:<id>:credit ──charge──► system:usage      prepaid (managed) keys
                             key:<id>:spend  ──charge──► system:usage      keys billed elsewhere
"""

import msgspec

from prismd.wire.budget import WindowRef, WindowSums

GRANTS = "system:grants"
"""Where credits come from; below zero by all that was ever granted."""

USAGE = "system:usage"
"""Where paid calls go."""


def credit_account(key_id: str) -> str:
    """Return the account of a key's prepaid credits; it never goes below 0 but by overruns."""
    return f"key:{key_id}:credit"


def spend_account(key_id: str) -> str:
    """Return the account of what a key used without paying ahead; it only goes down."""
    return f"key:{key_id}:spend"


class Credits(msgspec.Struct, gc=False, eq=False):
    """A key's prepaid money. Mutable: its owner counts in it."""

    account: str
    posted: int = 0
    held: int = 0


class Hold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Money that a running call may need, so that nobody else can spend it."""

    request_id: str
    key_id: str
    account: str
    amount_nano_usd: int
    """Upper bound of what the call can cost; 0 when nothing limits the key."""
    windows: tuple[WindowRef, ...]
    """Windows of the budgets that the call counts in."""
    limits: tuple[int | None, ...] = ()
    """What each of them may hold, in nano-dollars; None for a soft one."""
    created_at_s: float
    expires_at_s: float
    """A hold older than this was lost by a fault of ours; a running stream renews it."""
    credits: Credits | None = None
    """Where it counts in memory; None when it is not prepaid, or was read from the database."""
    sums: tuple[WindowSums, ...] = ()
    """The same for each of ``windows``."""

    @property
    def is_prepaid(self) -> bool:
        """Whether the money is a key's credits."""
        return self.account.endswith(":credit")
