"""The gateway's books, read from its database and recomputed here without any of its code.

Held against two other records of the same calls: what the clients have seen (``load.Seen``), and
what the upstream has served (the record of ``prismd fake``).
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.load import Seen

Row = dict[str, Any]


@dataclass(frozen=True)
class Books:
    """The tables of ``state.db`` that money is in."""

    accounts: dict[str, Row]
    postings: list[Row]
    holds: list[Row]
    usage: list[Row]
    windows: list[Row]

    @property
    def charges(self) -> list[Row]:
        return [posting for posting in self.postings if posting["kind"] == "charge"]


def read_books(state_db: Path) -> Books:
    with closing(sqlite3.connect(f"file:{state_db}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row

        def rows(sql: str) -> list[Row]:
            return [dict(row) for row in connection.execute(sql)]

        return Books(
            accounts={row["id"]: row for row in rows("SELECT * FROM accounts")},
            postings=rows("SELECT * FROM postings"),
            holds=rows("SELECT * FROM holds"),
            usage=rows("SELECT * FROM usage"),
            windows=rows("SELECT * FROM budget_windows"),
        )


def holds_opened_before(state_db: Path, wall_s: float) -> int:
    """Count the holds of an earlier process in the database of a running daemon."""
    with closing(sqlite3.connect(f"file:{state_db}?mode=ro", uri=True)) as connection:
        sql = "SELECT count(*) FROM holds WHERE created_at_ms < ?"
        (count,) = connection.execute(sql, (wall_s * 1000,)).fetchone()
        return int(count)


def faults(
    books: Books, seen: Mapping[str, Seen], served: Sequence[Row], granted: Mapping[str, int]
) -> list[str]:
    """Compare the three records; return what does not agree.

    Args:
        books: Of a gateway without running calls.
        seen: Request id → the answer that a client had to its end.
        served: The upstream's record.
        granted: Key id → the credits it was given, in nano-dollars.
    """
    return [
        *_of_answers(books, seen, served),
        *_of_rows(books, seen, served),
        *_of_balances(books, granted),
        *_of_budgets(books),
    ]


def _of_answers(books: Books, seen: Mapping[str, Seen], served: Sequence[Row]) -> Iterator[str]:
    """Each answer has one usage row and one debit, over what the client was told."""
    rows = defaultdict(list)
    for row in books.usage:
        rows[row["request_id"]].append(row)
    debits = defaultdict(list)
    for charge in books.charges:
        debits[charge["request_id"]].append(charge)
    asked = Counter(entry["request_id"] for entry in served)
    for request_id, answer in seen.items():
        if len(rows[request_id]) != 1 or len(debits[request_id]) != 1:
            found = f"{len(rows[request_id])} usage rows, {len(debits[request_id])} debits"
            yield f"{request_id} was answered: {found}"
            continue
        (row,) = rows[request_id]
        (debit,) = debits[request_id]
        if asked[request_id] != 1:
            yield f"{request_id} was asked {asked[request_id]} times of the upstream"
        if row["usage_source"] != "reported" or not row["is_complete"]:
            found = f"{row['usage_source']}, complete: {row['is_complete']}"
            yield f"{request_id} was answered: its row is {found}"
        if row["key_id"] != answer.key_id or debit["from_account"] != row["account"]:
            found = f"{row['key_id']}, {row['account']}, {debit['from_account']}"
            yield f"{request_id} was charged to another: {found}"
        tokens = (row["input_tokens"], row["output_tokens"])
        if answer.tokens not in (None, tokens):
            yield f"{request_id} told its client {answer.tokens} tokens, its row {tokens}"
        if answer.cost_nano_usd not in (None, debit["amount_nano_usd"]):
            told, charged = answer.cost_nano_usd, debit["amount_nano_usd"]
            yield f"{request_id} told its client {told}, charged {charged} nano-dollars"


def _of_rows(books: Books, seen: Mapping[str, Seen], served: Sequence[Row]) -> Iterator[str]:
    """Each usage row is of a call that the upstream has served, or that a crash has cut."""
    told = {entry["request_id"]: entry["usage"] for entry in served}
    debits = {charge["request_id"]: charge for charge in books.charges}
    for row in books.usage:
        request_id, cost = row["request_id"], row["cost_nano_usd"]
        debit = debits.pop(request_id, None)
        if (debit["amount_nano_usd"] if debit else 0) != (cost or 0):
            yield f"{request_id} costs {cost}, its debit is {debit}"
        if row["usage_source"] == "recovered":
            if request_id in seen:
                yield f"{request_id} was recovered, and answered"
            continue
        usage = told.get(request_id)
        if usage is None:
            yield f"{request_id} has a row that nobody can explain: {row['usage_source']}"
        elif row["usage_source"] == "reported":
            tokens = (row["input_tokens"], row["output_tokens"])
            if tokens != (usage["input_tokens"], usage["output_tokens"]):
                yield f"{request_id} has {tokens} tokens, the upstream said {usage}"
    yield from (f"{request_id} was charged without a usage row" for request_id in debits)


def _of_balances(books: Books, granted: Mapping[str, int]) -> Iterator[str]:
    """Each balance is the sum of what led to it, and nothing is held."""
    yield from (f"{hold['request_id']} is still held" for hold in books.holds)
    sums: Counter[str] = Counter()
    for posting in books.postings:
        sums[posting["to_account"]] += posting["amount_nano_usd"]
        sums[posting["from_account"]] -= posting["amount_nano_usd"]
    for id_, account in books.accounts.items():
        posted = account["posted_nano_usd"]
        if posted != sums[id_] or account["held_nano_usd"] != 0:
            yield f"{id_} is {account}, its postings are {sums[id_]}"
        if account["kind"] == "credit" and posted + account["overrun_nano_usd"] < 0:
            yield f"{id_} was overspent: {account}"
    yield from (f"{id_} is no account" for id_ in sums.keys() - books.accounts.keys())
    costs: Counter[str] = Counter()
    for row in books.usage:
        costs[row["account"]] += row["cost_nano_usd"] or 0
    for key_id, amount in granted.items():
        account = books.accounts[f"key:{key_id}:credit"]
        left = amount - costs[account["id"]]
        if account["posted_nano_usd"] != left:
            yield f"{account['id']} should be {left}: {account}"


def _of_budgets(books: Books) -> Iterator[str]:
    """Each window of a budget has spent what the calls in it cost."""
    spent: Counter[tuple[str, int]] = Counter()
    for row in books.usage:
        for budget_id, starts_at_s in json.loads(row["budgets"]):
            spent[budget_id, starts_at_s] += row["cost_nano_usd"] or 0
    for window in books.windows:
        expected = spent[window["budget_id"], window["starts_at_s"]]
        if (window["spent_nano_usd"], window["held_nano_usd"]) != (expected, 0):
            yield f"{window} should have spent {expected}"
