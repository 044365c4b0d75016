"""The ledger: ``accounts``, ``postings`` between them, and ``holds`` of running calls.

Invariants, in the database itself: every posting moves one amount from one account to another; an
account's balance is the sum of its postings, and what it holds is the sum of its open holds; a
call is charged at most once; prepaid money that is gone or held was there, or is counted as
overrun. ``store/verify.py`` recomputes all of it.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from prismd.kernel.money import NanoUsd
from prismd.store import usage
from prismd.store.budgets import close_windows, hold_windows
from prismd.store.checksum import checksum
from prismd.store.db import Database, Row, Tx, Values
from prismd.wire.budget import WindowRef
from prismd.wire.ledger import GRANTS, USAGE, Hold, credit_account, spend_account
from prismd.wire.usage import CallRecord, OpenCall

_POST = """
INSERT INTO postings (
    ts_ms, kind, from_account, to_account, amount_nano_usd, request_id, note, checksum
) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

_HOLD = """
INSERT INTO holds (
    request_id, account, amount_nano_usd, budgets, body, created_at_ms, expires_at_ms
) VALUES (?, ?, ?, ?, ?, ?, ?)
"""

# A prepaid account gives no more than it has; what the owner in memory decided is decided again.
_TAKE = """
UPDATE accounts SET held_nano_usd = held_nano_usd + :amount
WHERE id = :account AND (kind <> 'credit' OR posted_nano_usd - held_nano_usd >= :amount)
"""

_CHARGE = """
UPDATE accounts SET
    posted_nano_usd = posted_nano_usd - :cost,
    held_nano_usd = held_nano_usd - :held,
    overrun_nano_usd = overrun_nano_usd
        + CASE WHEN kind = 'credit' THEN max(0, :cost - :held) ELSE 0 END
WHERE id = :account
"""

# Several calls at once. The holds must fit in beside each other before anything is given back.
_MOVE = """
UPDATE accounts SET
    posted_nano_usd = posted_nano_usd - ?,
    held_nano_usd = held_nano_usd + ?,
    overrun_nano_usd = overrun_nano_usd + CASE WHEN kind = 'credit' THEN ? ELSE 0 END
WHERE id = ? AND (kind <> 'credit' OR ? IS NULL OR posted_nano_usd - held_nano_usd >= ?)
"""

_DELETE_HOLD = "DELETE FROM holds WHERE request_id = ?"

_ADD = "UPDATE accounts SET posted_nano_usd = posted_nano_usd + :amount WHERE id = :account"

_decode_windows = msgspec.json.Decoder(tuple[WindowRef, ...]).decode
_decode_call = msgspec.json.Decoder(OpenCall).decode


class LedgerMismatch(Exception):
    """The database does not have the money that was held in memory; nothing was written."""


class AccountMove:
    """What several calls do to one account."""

    __slots__ = ("_account", "_cost", "_held", "_is_taken", "_overrun", "_taken")

    def __init__(self, account: str) -> None:
        self._account = account
        self._is_taken = False
        self._taken = self._held = self._cost = self._overrun = 0

    def take(self, amount: int) -> None:
        """Hold an amount."""
        self._is_taken = True
        self._taken += amount
        self._held += amount

    def close(self, held: int, cost: int) -> None:
        """Give back what was held, and charge a cost."""
        self._held -= held
        self._cost += cost
        self._overrun += max(0, cost - held)

    @property
    def values(self) -> Values:
        """Return the parameters of the statement that does it."""
        # An overrun between two holds takes from what the second one finds.
        needed = self._taken + self._overrun if self._is_taken else None
        return (self._cost, self._held, self._overrun, self._account, needed, needed)


class OrphanHold(msgspec.Struct, frozen=True):
    """A hold whose call the process did not live to end."""

    hold: Hold
    call: OpenCall
    output_tokens: int
    """Generated when the last checkpoint was written."""


def open_accounts(tx: Tx, key_id: str) -> None:
    """Make the accounts of a new key."""
    for account, kind in ((credit_account(key_id), "credit"), (spend_account(key_id), "spend")):
        tx.execute(
            "INSERT INTO accounts (id, kind, key_id) VALUES (:account, :kind, :key_id)",
            {"account": account, "kind": kind, "key_id": key_id},
        )


def grant(
    tx: Tx,
    key_id: str,
    amount: NanoUsd,
    *,
    at_s: float,
    request_id: str | None = None,
    note: str | None = None,
) -> NanoUsd:
    """Add prepaid credits to a key; return its balance then."""
    account = credit_account(key_id)
    row = _posting("grant", GRANTS, account, amount, at_s=at_s, request_id=request_id, note=note)
    tx.execute_many(_POST, [row])
    tx.execute(_ADD, {"account": account, "amount": amount})
    tx.execute(_ADD, {"account": GRANTS, "amount": -amount})
    found = tx.row("SELECT posted_nano_usd FROM accounts WHERE id = :id", {"id": account})
    assert found is not None  # noqa: S101  # a posting to it has just been made
    return NanoUsd(int(found["posted_nano_usd"] or 0))


def hold(tx: Tx, held: Hold, call: OpenCall) -> None:
    """Set money aside for a call that is about to be sent to a provider.

    Raises:
        LedgerMismatch: the account or a hard budget does not have it.
    """
    if tx.execute(_TAKE, {"account": held.account, "amount": held.amount_nano_usd}) != 1:
        msg = f"{held.account} does not have the {held.amount_nano_usd} nano-dollars to hold"
        raise LedgerMismatch(msg)
    if (refused := hold_windows(tx, held)) is not None:
        msg = f"budget {refused} does not have the {held.amount_nano_usd} nano-dollars to hold"
        raise LedgerMismatch(msg)
    insert_holds(tx, [(held, call)])


def insert_holds(tx: Tx, holds: Iterable[tuple[Hold, OpenCall]]) -> None:
    """Add the rows of holds; the money is moved elsewhere."""
    rows = [
        (
            held.request_id,
            held.account,
            held.amount_nano_usd,
            _text(held.windows),
            _text(call),
            int(held.created_at_s * 1000),
            int(held.expires_at_s * 1000),
        )
        for held, call in holds
    ]
    tx.execute_many(_HOLD, rows)


def settle(tx: Tx, record: CallRecord, held: Hold) -> bool:
    """Write down a call that is over, charge its cost and give back the hold, once.

    Returns whether it was done now; False when it had been before: then a hold that was left behind
    is given back. A hold that never reached the database is no reason not to charge: the cost then
    counts as overrun.
    """
    if not usage.insert(tx, record):
        release(tx, held)
        return False
    cost = record.cost_nano_usd or 0
    amount = held.amount_nano_usd if _close(tx, held.request_id) else 0
    tx.execute(_CHARGE, {"account": held.account, "cost": cost, "held": amount})
    close_windows(tx, held.windows, held=amount, spent=cost)
    if cost:
        add_usage(tx, cost)
        post_charges(tx, [(record, held)])
    return True


def move_accounts(tx: Tx, moves: Collection[AccountMove]) -> bool:
    """Do what calls do to accounts; False if one does not have the money, or is not there."""
    return tx.execute_many(_MOVE, [move.values for move in moves]) == len(moves)


def delete_holds(tx: Tx, request_ids: Iterable[str]) -> int:
    """Delete the rows of holds; return how many there were."""
    return tx.execute_many(_DELETE_HOLD, [(request_id,) for request_id in request_ids])


def add_usage(tx: Tx, cost: int) -> None:
    """Add to the account that calls are paid to."""
    if cost:
        tx.execute(_ADD, {"account": USAGE, "amount": cost})


def post_charges(tx: Tx, calls: Iterable[tuple[CallRecord, Hold]]) -> None:
    """Add the postings of calls that cost something; balances are moved elsewhere."""
    rows = [
        _posting(
            "charge",
            held.account,
            USAGE,
            record.cost_nano_usd or 0,
            at_s=record.ts_s,
            request_id=record.request_id,
        )
        for record, held in calls
    ]
    tx.execute_many(_POST, rows)


def release(tx: Tx, held: Hold) -> None:
    """Give back all of a hold: its call reached no provider."""
    amount = held.amount_nano_usd if _close(tx, held.request_id) else 0
    tx.execute(_CHARGE, {"account": held.account, "cost": 0, "held": amount})
    close_windows(tx, held.windows, held=amount, spent=0)


def checkpoint(tx: Tx, output_tokens: Mapping[str, int], *, expires_at_s: float) -> None:
    """Write down how far running streams are (request id → tokens), and renew their holds."""
    for request_id, tokens in output_tokens.items():
        tx.execute(
            "UPDATE holds SET output_tokens = :tokens, expires_at_ms = :expires_at_ms"
            " WHERE request_id = :request_id",
            {
                "request_id": request_id,
                "tokens": tokens,
                "expires_at_ms": int(expires_at_s * 1000),
            },
        )


def answered_by(tx: Tx, request_id: str, call: OpenCall) -> None:
    """Write down that another target than the first of the plan answers a call."""
    tx.execute(
        "UPDATE holds SET body = :body WHERE request_id = :request_id",
        {"request_id": request_id, "body": _text(call)},
    )


async def credit_balances(db: Database) -> dict[str, NanoUsd]:
    """Return key id → prepaid balance; done once, at start."""
    rows = await db.rows(
        "SELECT key_id, posted_nano_usd FROM accounts WHERE kind = 'credit'"
        " AND posted_nano_usd <> 0",
        {},
    )
    return {str(row["key_id"]): NanoUsd(int(row["posted_nano_usd"] or 0)) for row in rows}


async def orphans(db: Database) -> list[OrphanHold]:
    """Return all holds; at start, before any call, nobody's."""
    rows = await db.rows(
        "SELECT holds.*, accounts.key_id FROM holds"
        " JOIN accounts ON accounts.id = holds.account ORDER BY created_at_ms",
        {},
    )
    return [orphan_of(row) for row in rows]


class _StoredHold(msgspec.Struct):
    request_id: str
    account: str
    key_id: str
    amount_nano_usd: int
    budgets: str
    body: str
    output_tokens: int
    created_at_ms: int
    expires_at_ms: int


def orphan_of(row: Row) -> OrphanHold:
    """Read a row of ``holds`` with the ``key_id`` of its account.

    Raises:
        msgspec.MsgspecError: what it says cannot be read.
    """
    stored = msgspec.convert(row, _StoredHold)
    held = Hold(
        request_id=stored.request_id,
        key_id=stored.key_id,
        account=stored.account,
        amount_nano_usd=stored.amount_nano_usd,
        windows=_decode_windows(stored.budgets),
        created_at_s=stored.created_at_ms / 1000,
        expires_at_s=stored.expires_at_ms / 1000,
    )
    return OrphanHold(held, _decode_call(stored.body), stored.output_tokens)


def _close(tx: Tx, request_id: str) -> bool:
    return tx.execute("DELETE FROM holds WHERE request_id = :id", {"id": request_id}) == 1


def _posting(
    kind: str,
    source: str,
    target: str,
    amount: int,
    *,
    at_s: float,
    request_id: str | None,
    note: str | None = None,
) -> Values:
    row = (int(at_s * 1000), kind, source, target, amount, request_id, note)
    return (*row, checksum(row))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
