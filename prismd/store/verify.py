"""Recompute the whole ledger from its rows, and name what is wrong.

What is checked: SQLite's own structures; every row's checksum; that each call was charged once, at
the prices that its row kept; that accounts and budget windows are the sums of what was booked and
held; the audit chain. All within one read transaction, so a daemon may go on writing meanwhile.
Blocks for as long as it takes: call it in a thread.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from prismd.kernel import clock
from prismd.kernel.jsonio import JsonObject
from prismd.kernel.money import PicoUsd, ceil_to_nano
from prismd.store.audit import AuditLog, ChainCheck
from prismd.store.checksum import checksum
from prismd.store.readers import read_only_uri
from prismd.store.secrets import pepper_in
from prismd.store.soundness import has_wal
from prismd.wire.budget import WindowRef
from prismd.wire.price import PriceLine, amount_of

MAX_FAULTS = 20
"""Faults that are told; the first is the one to begin with."""

_MILLIS = 1000

_decode_lines = msgspec.json.Decoder(tuple[PriceLine, ...]).decode
_decode_windows = msgspec.json.Decoder(tuple[WindowRef, ...]).decode

# A call and its charge, where one of them is missing or they do not agree.
_UNCHARGED = """
SELECT usage.request_id, usage.cost_nano_usd, usage.account, postings.id AS posting_id,
    postings.amount_nano_usd, postings.from_account
FROM usage
LEFT JOIN postings ON postings.request_id = usage.request_id AND postings.kind = 'charge'
WHERE usage.account IS NOT NULL AND (
    COALESCE(usage.cost_nano_usd, 0) <> COALESCE(postings.amount_nano_usd, 0)
    OR (postings.id IS NOT NULL AND postings.from_account <> usage.account)
)
"""

_UNEXPLAINED = """
SELECT postings.id, postings.request_id FROM postings
LEFT JOIN usage ON usage.request_id = postings.request_id
WHERE postings.kind = 'charge' AND usage.request_id IS NULL
"""

_HELD = """
SELECT accounts.id, accounts.held_nano_usd,
    (SELECT COALESCE(SUM(amount_nano_usd), 0) FROM holds WHERE account = accounts.id) AS held
FROM accounts
"""

_WINDOWS = "SELECT * FROM budget_windows ORDER BY budget_id, starts_at_s"


class Fault(msgspec.Struct, frozen=True):
    """One row that is wrong."""

    table: str
    id: str
    reason: str


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong with it."""

    faults: list[Fault] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    unchecked: int = 0
    """Rows from before there were checksums."""
    took_ms: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.faults

    def found(self, table: str, row_id: object, reason: str) -> None:
        """Note a fault."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(table, str(row_id), reason))


def verify(path: Path, audit: AuditLog) -> Report:
    """Verify a state database that may be in use; nothing is written to it."""
    return _verify(read_only_uri(path), path, lambda _: audit)


def verify_alone(path: Path, master_key: bytes) -> Report:
    """Verify a state database that nobody uses: of a stopped daemon, or a backup.

    Raises:
        StorageRefused: the master key is not the one of this database.
    """

    def audit_of(connection: sqlite3.Connection) -> AuditLog | None:
        pepper = pepper_in(connection, master_key)
        return None if pepper is None else AuditLog(pepper)

    # Without a log, SQLite need not make its side files to read: nothing at all is touched.
    uri = read_only_uri(path) if has_wal(path) else f"{read_only_uri(path)}&immutable=1"
    return _verify(uri, path, audit_of)


def _verify(
    uri: str, path: Path, audit_of: Callable[[sqlite3.Connection], AuditLog | None]
) -> Report:
    began_s = clock.monotonic_s()
    report = Report()
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA query_only=ON")
            connection.execute("BEGIN")
            _Verifier(connection, report).run()
            audit = audit_of(connection) if report.is_sound else None
            if audit is not None:
                _audit(connection, audit, report)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        report.found("database", path.name, f"cannot be read: {' '.join(str(error).split())}")
    report.took_ms = round((clock.monotonic_s() - began_s) * _MILLIS, 1)
    return report


class _Verifier:
    def __init__(self, connection: sqlite3.Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._posted: Counter[str] = Counter()
        self._spent: Counter[WindowRef] = Counter()
        self._held: Counter[WindowRef] = Counter()

    def run(self) -> None:
        """Check everything, rows before the sums over them."""
        if not self._structures():
            return  # what is read from here on could be anything
        self._postings()
        self._usage()
        self._charges()
        self._holds()
        self._accounts()
        self._windows()

    def _structures(self) -> bool:
        (verdict,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            self._report.found("database", "state.db", " ".join(str(verdict).split()))
            return False
        for row in self._connection.execute("PRAGMA foreign_key_check"):
            self._report.found(str(row[0]), row[1], f"refers to a row of {row[2]} that is missing")
        return True

    def _is_as_written(self, table: str, row_id: object, row: JsonObject) -> bool:
        kept = row.pop("checksum")
        if kept is None:
            self._report.unchecked += 1
        elif kept != checksum(row):
            self._report.found(table, row_id, "its content does not fit its checksum")
            return False
        return True

    def _postings(self) -> None:
        count = 0
        for found in self._connection.execute("SELECT * FROM postings ORDER BY id"):
            count += 1
            row = dict(found)
            posting_id = row.pop("id")
            self._is_as_written("postings", posting_id, dict(row))
            amount = row["amount_nano_usd"]
            self._posted[str(row["from_account"])] -= amount
            self._posted[str(row["to_account"])] += amount
        self._report.checked["postings"] = count

    def _usage(self) -> None:
        count = 0
        for row in self._connection.execute("SELECT * FROM usage ORDER BY ts_ms, request_id"):
            count += 1
            if row["account"] is None:
                self._report.unchecked += 1
                continue
            if not self._is_as_written("usage", row["request_id"], dict(row)):
                continue
            try:
                self._one_usage(row)
            except (msgspec.MsgspecError, ValueError, TypeError) as error:
                self._report.found("usage", row["request_id"], f"cannot be read: {error}")
        self._report.checked["usage_rows"] = count

    def _one_usage(self, row: sqlite3.Row) -> None:
        lines = _decode_lines(str(row["price_lines"]))
        for line in lines:
            if line.amount_pico_usd != amount_of(line.unit, line.quantity, line.price_pico_usd):
                reason = f"the line for {line.unit} is not its quantity times its price"
                self._report.found("usage", row["request_id"], reason)
        exact = sum(line.amount_pico_usd for line in lines)
        cost = row["cost_nano_usd"]
        is_right = str(exact) == row["cost_pico_usd"] and ceil_to_nano(PicoUsd(exact)) == cost
        if cost is not None and not is_right:
            reason = "its cost is not the sum of its price lines"
            self._report.found("usage", row["request_id"], reason)
        for window in _decode_windows(str(row["budgets"])):
            self._spent[window] += cost or 0

    def _charges(self) -> None:
        for row in self._connection.execute(_UNCHARGED):
            if row["posting_id"] is None:
                reason = f"its cost of {row['cost_nano_usd']} nano-dollars was never charged"
            elif row["from_account"] != row["account"]:
                reason = f"it was charged to {row['from_account']} instead of {row['account']}"
            else:
                charged, cost = row["amount_nano_usd"], row["cost_nano_usd"] or 0
                reason = f"{charged} nano-dollars were charged for its cost of {cost}"
            self._report.found("usage", row["request_id"], reason)
        for row in self._connection.execute(_UNEXPLAINED):
            self._report.found(
                "postings", row["id"], f"charges for {row['request_id']}, which has no usage row"
            )

    def _holds(self) -> None:
        count, now_ms = 0, clock.wall_s() * _MILLIS
        for row in self._connection.execute("SELECT * FROM holds ORDER BY created_at_ms"):
            count += 1
            if row["expires_at_ms"] < now_ms:
                self._report.found("holds", row["request_id"], "is older than any call may be")
            try:
                windows = _decode_windows(str(row["budgets"]))
            except msgspec.MsgspecError as error:
                self._report.found("holds", row["request_id"], f"cannot be read: {error}")
                continue
            for window in windows:
                self._held[window] += row["amount_nano_usd"]
        self._report.checked["holds"] = count

    def _accounts(self) -> None:
        count = total = 0
        for row in self._connection.execute("SELECT * FROM accounts ORDER BY id"):
            count += 1
            posted, booked = row["posted_nano_usd"], self._posted.pop(str(row["id"]), 0)
            total += posted
            if posted != booked:
                reason = f"has {posted} nano-dollars, but its postings add up to {booked}"
                self._report.found("accounts", row["id"], reason)
            left = posted - row["held_nano_usd"] + row["overrun_nano_usd"]
            if row["kind"] == "credit" and left < 0:
                self._report.found("accounts", row["id"], "has given more than it had")
        for row in self._connection.execute(_HELD):
            if row["held_nano_usd"] != row["held"]:
                reason = f"holds {row['held_nano_usd']} nano-dollars, its holds are {row['held']}"
                self._report.found("accounts", row["id"], reason)
        for account in self._posted:
            self._report.found("accounts", account, "is missing, but there are postings for it")
        if total and self._report.is_sound:
            self._report.found("accounts", "all", f"add up to {total} nano-dollars instead of 0")
        self._report.checked["accounts"] = count

    def _windows(self) -> None:
        count = 0
        for row in self._connection.execute(
            "SELECT * FROM budget_windows ORDER BY budget_id, starts_at_s"
        ):
            count += 1
            window = WindowRef(str(row["budget_id"]), row["starts_at_s"])
            for name, sums in (("spent", self._spent), ("held", self._held)):
                is_, was = row[f"{name}_nano_usd"], sums.pop(window, 0)
                if is_ != was:
                    reason = f"has {is_} nano-dollars {name}, its calls add up to {was}"
                    row_id = f"{window.budget_id}@{window.starts_at_s}"
                    self._report.found("budget_windows", row_id, reason)
        for window in (+self._spent).keys() | (+self._held).keys():
            row_id = f"{window.budget_id}@{window.starts_at_s}"
            self._report.found("budget_windows", row_id, "is missing, but calls counted in it")
        self._report.checked["budget_windows"] = count


def _audit(connection: sqlite3.Connection, audit: AuditLog, report: Report) -> None:
    chain = ChainCheck(audit)
    chain.follow(dict(row) for row in connection.execute("SELECT * FROM audit ORDER BY seq"))
    verdict = chain.verdict()
    report.checked["audit_entries"] = verdict.entries
    if verdict.broken_seq is not None:
        report.found("audit", verdict.broken_seq, verdict.reason or "")
