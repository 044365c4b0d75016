"""Holds and settlements as entries for the writer: those of one commit are booked together.

Per commit there is one statement for each table and one change per account and window, and a call
that is settled before its hold was written leaves no hold at all.

Invariant: what is booked together is what ``ledger`` would have booked one by one, to the last
nano-dollar. Every row count is checked, and the money for all holds must have been there before
anything of the commit was given back; where that is not so, nothing is written, and the writer does
the entries one by one, so that exactly those are refused that must be.
"""

from collections.abc import Callable, Sequence

from prismd.store import ledger, usage
from prismd.store.budgets import WindowMove, move_windows
from prismd.store.db import Tx
from prismd.store.ledger import AccountMove, LedgerMismatch
from prismd.store.work import Entry, Unit
from prismd.wire.budget import WindowRef
from prismd.wire.ledger import Hold
from prismd.wire.usage import CallRecord, OpenCall

_ONE_BY_ONE = "the entries of this commit must be booked one by one"


def _ignore(_: object, __: Exception | None) -> None:
    """Do nothing."""


class _LedgerEntry(Entry):
    """What is booked together: both kinds, in the order in which they came."""

    __slots__ = ()

    @staticmethod
    def together(tx: Tx, entries: Sequence[Entry]) -> None:
        """Book holds and settlements; raises ``LedgerMismatch`` where they must be done singly."""
        _book(tx, entries)


class HoldEntry(_LedgerEntry):
    """Sets money aside for a call that is about to be sent to a provider.

    That of a plain call lingers: short answers are there sooner, and then it has no row at all.
    What a crash can lose of it is a call whose answer nobody has seen.
    """

    __slots__ = ("_on_fault", "call", "hold")

    def __init__(
        self, hold: Hold, call: OpenCall, on_fault: Callable[[Hold, Exception], None] = _ignore
    ) -> None:
        """Take what to hold; ``on_fault`` is told in the event loop why it was not written."""
        # The bytes of a stream wait for it.
        super().__init__(hold.request_id, lingers=not call.is_stream)
        self.hold = hold
        self.call = call
        self._on_fault = on_fault

    def __call__(self, tx: Tx) -> None:
        """Hold; raises ``LedgerMismatch``."""
        ledger.hold(tx, self.hold, self.call)

    def told(self, error: Exception | None) -> None:
        """Pass on a fault."""
        if error is not None:
            self._on_fault(self.hold, error)


class SettleEntry(_LedgerEntry):
    """Ends a call: charges it, or gives back its hold when it reached no provider."""

    __slots__ = ("_on_end", "hold", "keep", "opening", "record")

    def __init__(
        self,
        record: CallRecord,
        hold: Hold,
        on_end: Callable[["SettleEntry", Exception | None], None] = _ignore,
    ) -> None:
        """Take what happened.

        Args:
            record: The call.
            hold: What was held for it.
            on_end: Told in the event loop that it is durable, or why it is not.
        """
        super().__init__(hold.request_id)
        self.record = record
        self.hold = hold
        self.keep: Callable[[Tx], None] | None = None
        """Writes more in the same transaction."""
        self._on_end = on_end
        self.opening: HoldEntry | None = None
        """The call's hold, if it was never written: then both are one movement of money."""

    def take_along(self, before: Entry) -> bool:
        """Take over the hold of the same call."""
        if not isinstance(before, HoldEntry):
            return False
        self.opening = before
        return True

    def parts(self) -> Sequence[Unit]:
        """Return the hold and the settlement: where money is short, one may be refused."""
        return (self,) if self.opening is None else (self.opening, self)

    def end(self, error: Exception | None) -> None:
        """Note how both ended."""
        self.error = error
        if self.opening is not None:
            self.opening.error = error

    def told(self, error: Exception | None) -> None:
        """Pass it on."""
        if (opening := self.opening) is not None:
            opening.tell()
            if error is not None and opening.error is None:
                # It has a row by itself now, which must be found when this is tried again.
                self.opening = None
        self._on_end(self, error)

    @property
    def may_overtake(self) -> bool:
        """Say whether it takes no more than was held: else holds admitted before go first."""
        cost, hold = self.record.cost_nano_usd, self.hold
        return not cost or cost <= hold.amount_nano_usd or not (hold.windows or hold.is_prepaid)

    def __call__(self, tx: Tx) -> None:
        """Settle or release, once."""
        if self.record.provider is None:
            ledger.release(tx, self.hold)
        else:
            ledger.settle(tx, self.record, self.hold)
        if self.keep is not None:
            self.keep(tx)


class _Booking:
    """What the entries of one commit come to."""

    def __init__(self) -> None:
        self.accounts: dict[str, AccountMove] = {}
        self.windows: dict[WindowRef, WindowMove] = {}
        self.opened: dict[str, HoldEntry] = {}
        self.closed: list[str] = []
        """Calls whose hold is in the database."""
        self.merged: list[str] = []
        """Calls whose hold has no row and needs none."""
        self.ended: list[CallRecord] = []
        self.charged: list[tuple[CallRecord, Hold]] = []

    def open(self, entry: HoldEntry) -> None:
        hold = entry.hold
        if hold.request_id in self.opened:
            raise LedgerMismatch(_ONE_BY_ONE)
        self.opened[hold.request_id] = entry
        self._take(hold)

    def _take(self, hold: Hold) -> None:
        self._account(hold.account).take(hold.amount_nano_usd)
        for window, limit in zip(hold.windows, hold.limits, strict=True):
            self._window(window).take(hold.amount_nano_usd, limit)

    def close(self, entry: SettleEntry) -> None:
        record, hold, cost = entry.record, entry.hold, 0
        if entry.opening is not None:
            self._take(hold)
        elif self.opened.pop(hold.request_id, None) is not None:
            self.merged.append(hold.request_id)
        else:
            self.closed.append(hold.request_id)
        if record.provider is not None:
            cost = record.cost_nano_usd or 0
            self.ended.append(record)
            if cost:
                self.charged.append((record, hold))
        self._account(hold.account).close(hold.amount_nano_usd, cost)
        for window in hold.windows:
            self._window(window).close(hold.amount_nano_usd, cost)

    def _account(self, account: str) -> AccountMove:
        if (move := self.accounts.get(account)) is None:
            move = self.accounts[account] = AccountMove(account)
        return move

    def _window(self, window: WindowRef) -> WindowMove:
        if (move := self.windows.get(window)) is None:
            move = self.windows[window] = WindowMove(window)
        return move


def _book(tx: Tx, entries: Sequence[Entry]) -> None:
    booking = _Booking()
    for entry in entries:
        if isinstance(entry, SettleEntry):
            booking.close(entry)
        elif isinstance(entry, HoldEntry):
            booking.open(entry)
    if (
        not ledger.move_accounts(tx, booking.accounts.values())
        or not move_windows(tx, booking.windows.values())
        # First of those that must have no row: what is closed may be the same call once more.
        or ledger.delete_holds(tx, booking.merged) != 0
        or ledger.delete_holds(tx, booking.closed) != len(booking.closed)
        or usage.insert_all(tx, booking.ended) != len(booking.ended)
    ):
        raise LedgerMismatch(_ONE_BY_ONE)
    ledger.insert_holds(tx, [(entry.hold, entry.call) for entry in booking.opened.values()])
    ledger.post_charges(tx, booking.charged)
    ledger.add_usage(tx, sum(record.cost_nano_usd or 0 for record, _ in booking.charged))
    for entry in entries:
        if isinstance(entry, SettleEntry) and entry.keep is not None:
            entry.keep(tx)
