"""A key's statement: what was posted to one of its accounts, with the balance after each posting.

The gateway tells the present balance, and postings. The balance is taken where no posting came
between a look before and a look after it, so it is known which posting it is the balance after;
from there it is followed back. Newer postings are left for the next statement.
"""

from decimal import Decimal
from enum import StrEnum

from prismctl.client.admin import Admin
from prismctl.errors import PrismctlError
from prismctl.jsontext import Json, Object, as_objects, as_text

TRIES = 50
"""How often the balance is read while calls are being charged."""


class Kind(StrEnum):
    """Which account of a key."""

    CREDIT = "credit"
    SPEND = "spend"


def read_statement(admin: Admin, key_id: str, kind: Kind, since: str | None) -> Object:
    """Read a statement; rows are the API's postings, oldest first, each with change and balance.

    Args:
        admin: The gateway.
        key_id: Whose account.
        kind: Which account.
        since: From when, as the API reads it; None from the first posting.

    Raises:
        PrismctlError: charges come too fast to tell the balance.
    """
    account_id = _id(key_id, kind)
    account, newest = _balance(admin, key_id, kind)
    balance = closing = _nanos(account, "posted")
    rows: list[Json] = []
    for posting in as_objects(admin.ledger_postings(account=account_id, since=since).get("data")):
        if _number(posting) > newest:
            continue
        is_gain = posting.get("to_account") == account_id
        change = _nanos(posting, "amount") * (1 if is_gain else -1)
        rows.append(posting | _usd("change", change) | _usd("balance", balance))
        balance -= change
    return {
        "object": "statement",
        "key_id": key_id,
        "account": account_id,
        "since": since,
        **_usd("opening_balance", balance),
        **_usd("closing_balance", closing),
        **_usd("held", _nanos(account, "held")),
        "data": rows[::-1],
    }


def with_ends(statement: Object) -> list[Json]:
    """Return the rows of a statement between its balances, for a table."""
    before: Object = {"kind": "before", "balance": statement["opening_balance"]}
    now: Object = {"kind": "now", "balance": statement["closing_balance"]}
    is_all = statement["since"] is None and not statement["opening_balance_nano_usd"]
    return [*([] if is_all else [before]), *as_objects(statement["data"]), now]


def _balance(admin: Admin, key_id: str, kind: Kind) -> tuple[Object, int]:
    """Return an account, and the number of the newest posting that is in its balance."""
    account_id = _id(key_id, kind)
    newest = _newest(admin, account_id)
    for _ in range(TRIES):
        accounts, before = admin.ledger_accounts(kind=kind, key=key_id), newest
        newest = _newest(admin, account_id)
        if newest == before:
            rows = as_objects(accounts.get("data"))
            return next((row for row in rows if row.get("id") == account_id), {}), newest
    msg = f"charges to {account_id} come too fast to tell its balance"
    raise PrismctlError(msg, hint=f"see them: prismctl ledger postings --account {account_id}")


def _newest(admin: Admin, account_id: str) -> int:
    rows = as_objects(admin.ledger_postings(account=account_id, limit=1).get("data"))
    return _number(rows[0]) if rows else 0


def _id(key_id: str, kind: Kind) -> str:
    return f"key:{key_id}:{kind}"


def _number(posting: Object) -> int:
    number = as_text(posting.get("id"))
    return int(number) if number.isdecimal() else 0


def _nanos(row: Object, name: str) -> int:
    value = row.get(f"{name}_nano_usd")
    return value if isinstance(value, int) else 0


def _usd(name: str, nano_usd: int) -> Object:
    """Return an amount and its exact twin, as the API has them."""
    return {name: Decimal(nano_usd).scaleb(-9).normalize(), f"{name}_nano_usd": nano_usd}
