"""Recompute the whole ledger from its rows, and name what is wrong.

What is checked: SQLite's own structures; every row's checksum; that each call was charged once, at
the prices that its row kept; that accounts and budget windows are the sums of what was booked and
held; that a restart could read every hold; the audit chain. All within one read transaction, so a
daemon may go on writing meanwhile. Blocks for as long as it takes: call it in a thread.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import msgspec

from prismd.kernel import clock
from prismd.kernel.errors import StorageRefused
from prismd.kernel.money import ceil_to_nano
from prismd.store.audit import AuditLog, ChainCheck
from prismd.store.checksum import checksum
from prismd.store.db import Value
from prismd.store.ledger import orphan_of
from prismd.store.readers import read_only_uri
from prismd.store.report import Report
from prismd.store.secrets import pepper_in
from prismd.store.soundness import has_wal
from prismd.wire.budget import WindowRef
from prismd.wire.price import PriceLine, amount_of

_MILLIS = 1000

_decode_lines = msgspec.json.Decoder(tuple[PriceLine, ...]).decode
_decode_windows = lru_cache(1024)(msgspec.json.Decoder(tuple[WindowRef, ...]).decode)

# From what identifies a row to its checksum stands what the checksum covers, in this order.
_POSTINGS = """
SELECT id, ts_ms, kind, from_account, to_account, amount_nano_usd, request_id, note, checksum
FROM postings ORDER BY id
"""

_USAGE = """
SELECT request_id, ts_ms, key_id, owner, org_id, op, model, provider, upstream_model, status,
    error_code, is_stream, is_complete, usage_source, input_tokens, cached_input_tokens,
    output_tokens, reasoning_tokens, usage, cost_nano_usd, cost_pico_usd, price_source,
    price_lines, account, budgets, tags, latency_ms, first_byte_ms, attempts, checksum
FROM usage ORDER BY rowid
"""

# A call and its charge, where one of them is missing or they do not agree. A call from before the
# ledger names no account, and was never charged.
_UNCHARGED = """
SELECT usage.request_id, usage.cost_nano_usd, usage.account, postings.id AS posting_id,
    postings.amount_nano_usd, postings.from_account
FROM usage
LEFT JOIN postings ON postings.request_id = usage.request_id AND postings.kind = 'charge'
WHERE (postings.id IS NULL AND usage.account IS NOT NULL AND usage.cost_nano_usd > 0)
    OR postings.amount_nano_usd <> COALESCE(usage.cost_nano_usd, 0)
    OR (postings.id IS NOT NULL AND postings.from_account IS NOT usage.account)
"""

_UNEXPLAINED = """
SELECT postings.id, postings.request_id FROM postings
LEFT JOIN usage ON usage.request_id = postings.request_id
WHERE postings.kind = 'charge' AND usage.request_id IS NULL
"""

_HOLDS = """
SELECT holds.*, accounts.key_id FROM holds LEFT JOIN accounts ON accounts.id = holds.account
ORDER BY created_at_ms
"""


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


AuditOf = Callable[[sqlite3.Connection], AuditLog | None]


def _verify(uri: str, path: Path, audit_of: AuditOf) -> Report:
    began_s = clock.monotonic_s()
    report = Report()
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA query_only=ON")
            connection.execute("BEGIN")
            try:
                _look(connection, report, audit_of)
            except sqlite3.OperationalError:
                # A text that is no UTF-8. Reading it leniently takes longer, but names its row.
                connection.text_factory = _lenient
                report = Report()
                _look(connection, report, audit_of)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        report.found("database", path.name, f"cannot be read: {error}")
    report.took_ms = round((clock.monotonic_s() - began_s) * _MILLIS, 1)
    return report


def _look(connection: sqlite3.Connection, report: Report, audit_of: AuditOf) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":  # what is read from here on could be anything
        report.found("database", "state.db", verdict)
        return
    for row in connection.execute("PRAGMA foreign_key_check"):
        report.found(str(row[0]), row[1], f"refers to a row of {row[2]} that is missing")
    _Verifier(connection, report).run()
    try:
        audit = audit_of(connection)
    except StorageRefused:
        if report.is_sound:
            raise
        return  # the rows are wrong, whosever the key is
    _audit(connection, audit, report)


class _Verifier:
    """Checks rows before the sums over them."""

    def __init__(self, connection: sqlite3.Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._posted: Counter[str] = Counter()
        self._charged: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._window_spent: Counter[WindowRef] = Counter()
        self._window_held: Counter[WindowRef] = Counter()

    def run(self) -> None:
        self._postings()
        self._usage()
        self._charges()
        self._holds()
        self._accounts()
        self._windows()

    def _is_as_written(self, table: str, row: sqlite3.Row, covered: tuple[Value, ...]) -> bool:
        if row["checksum"] == checksum(covered):
            return True
        self._report.found(table, row[0], "its content does not fit its checksum")
        return False

    def _postings(self) -> None:
        count = 0
        for row in self._connection.execute(_POSTINGS):
            count += 1
            if row["checksum"] is None and row["kind"] == "opening":
                self._report.unchecked += 1
            else:
                self._is_as_written("postings", row, row[1:-1])
            source, amount = row["from_account"], row["amount_nano_usd"]
            self._posted[source] -= amount
            self._posted[row["to_account"]] += amount
            if row["kind"] == "charge":
                self._charged[source] += amount
        self._report.checked["postings"] = count

    def _usage(self) -> None:
        count = 0
        for row in self._connection.execute(_USAGE):
            count += 1
            if row["checksum"] is None and row["account"] is None:
                self._report.unchecked += 1
            elif self._is_as_written("usage", row, row[:-1]):
                try:
                    self._one_usage(row)
                except (msgspec.MsgspecError, TypeError) as error:
                    self._report.found("usage", row[0], f"cannot be read: {error}")
        self._report.checked["usage_rows"] = count

    def _one_usage(self, row: sqlite3.Row) -> None:
        exact = 0
        for line in _decode_lines(row["price_lines"]):
            exact += line.amount_pico_usd
            if line.amount_pico_usd != amount_of(line.unit, line.quantity, line.price_pico_usd):
                reason = f"the line for {line.unit} is not its quantity times its price"
                self._report.found("usage", row[0], reason)
        cost = row["cost_nano_usd"]
        if cost is None:
            return
        if str(exact) != row["cost_pico_usd"] or ceil_to_nano(exact) != cost:
            self._report.found("usage", row[0], "its cost is not the sum of its price lines")
        for window in _decode_windows(row["budgets"]):
            self._window_spent[window] += cost

    def _charges(self) -> None:
        for row in self._connection.execute(_UNCHARGED):
            if row["posting_id"] is None:
                reason = f"its cost of {row['cost_nano_usd']} nano-dollars was never charged"
            elif row["from_account"] != row["account"]:
                reason = f"{row['from_account']} was charged for it instead of {row['account']}"
            else:
                charged, cost = row["amount_nano_usd"], row["cost_nano_usd"] or 0
                reason = f"{charged} nano-dollars were charged for its cost of {cost}"
            self._report.found("usage", row["request_id"], reason)
        for row in self._connection.execute(_UNEXPLAINED):
            reason = f"charges for {row['request_id']}, which has no usage row"
            self._report.found("postings", row["id"], reason)

    def _holds(self) -> None:
        count, now_s = 0, clock.wall_s()
        for row in self._connection.execute(_HOLDS):
            count += 1
            self._held[row["account"]] += row["amount_nano_usd"]
            try:
                hold = orphan_of(dict(row)).hold
            except msgspec.MsgspecError as error:
                self._report.found("holds", row["request_id"], f"cannot be read: {error}")
                continue
            if hold.expires_at_s < now_s:
                self._report.found("holds", hold.request_id, "is older than any call may be")
            for window in hold.windows:
                self._window_held[window] += hold.amount_nano_usd
        self._report.checked["holds"] = count

    def _accounts(self) -> None:
        count = total = 0
        for row in self._connection.execute("SELECT * FROM accounts ORDER BY id"):
            count += 1
            account, posted, overrun = row["id"], row["posted_nano_usd"], row["overrun_nano_usd"]
            total += posted
            if posted != (booked := self._posted.pop(account, 0)):
                reason = f"has {posted} nano-dollars, but its postings add up to {booked}"
                self._report.found("accounts", account, reason)
            is_, was = row["held_nano_usd"], self._held[account]
            if is_ != was:
                reason = f"holds {is_} nano-dollars, but its holds add up to {was}"
                self._report.found("accounts", account, reason)
            if row["kind"] == "credit" and posted - is_ + overrun < 0:
                self._report.found("accounts", account, "has given more than it had")
            if overrun > (self._charged[account] if row["kind"] == "credit" else 0):
                reason = f"counts {overrun} nano-dollars as overrun, more than it was charged"
                self._report.found("accounts", account, reason)
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
            window = WindowRef(row["budget_id"], row["starts_at_s"])
            for name, sums in (("spent", self._window_spent), ("held", self._window_held)):
                is_, was = row[f"{name}_nano_usd"], sums.pop(window, 0)
                if is_ != was:
                    reason = f"has {is_} nano-dollars {name}, its calls add up to {was}"
                    self._report.found("budget_windows", _window_id(window), reason)
        for window in (+self._window_spent).keys() | (+self._window_held).keys():
            reason = "is missing, but calls counted in it"
            self._report.found("budget_windows", _window_id(window), reason)
        self._report.checked["budget_windows"] = count


def _audit(connection: sqlite3.Connection, audit: AuditLog | None, report: Report) -> None:
    if audit is None:
        if connection.execute("SELECT seq FROM audit LIMIT 1").fetchone() is not None:
            reason = "is missing: without it the audit log cannot be checked"
            report.found("sealed_secrets", "pepper", reason)
        return
    chain = ChainCheck(audit)
    chain.follow(dict(row) for row in connection.execute("SELECT * FROM audit ORDER BY seq"))
    verdict = chain.verdict()
    report.checked["audit_entries"] = verdict.entries
    if verdict.broken_seq is not None:
        report.found("audit", verdict.broken_seq, verdict.reason)


def _window_id(window: WindowRef) -> str:
    return f"{window.budget_id}@{window.starts_at_s}"


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
