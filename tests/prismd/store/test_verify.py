"""Whatever is done to the rows of a ledger is found, and the first wrong row is named."""

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from prismd.kernel.errors import StorageRefused
from prismd.kernel.money import NanoUsd, PicoUsd
from prismd.kernel.secret import KEY_BYTES
from prismd.store import budgets, keys, ledger
from prismd.store.audit import AuditLog
from prismd.store.checksum import checksum
from prismd.store.datadir import DataDir
from prismd.store.db import Tx
from prismd.store.report import Report
from prismd.store.secrets import load_or_make_pepper
from prismd.store.stores import Stores
from prismd.store.verify import verify, verify_alone
from prismd.wire.audit import Actor, Change
from prismd.wire.budget import Budget, BudgetScope, WindowRef
from prismd.wire.ledger import credit_account
from prismd.wire.price import PriceLine, Unit
from prismd.wire.usage import CallRecord
from tests.builders import make_key
from tests.ledger_in_memory import OPEN_CALL, make_hold, make_record

MASTER_KEY = b"m" * KEY_BYTES
WINDOW = WindowRef("bgt_1", 0)
FAR_S = 4e9


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed database of a gateway that has seen everything."""
    data_dir = DataDir(tmp_path_factory.mktemp("sound") / "data")
    data_dir.create()
    asyncio.run(_fill(data_dir))
    return data_dir.state_db


async def _fill(data_dir: DataDir) -> None:
    stores = await Stores.open(data_dir)
    log = AuditLog(await load_or_make_pepper(stores.state, MASTER_KEY))
    budget = Budget(
        id="bgt_1",
        scope=BudgetScope.KEY,
        subject="k",
        limit_nano_usd=10**9,
        created_at_s=1,
        updated_at_s=1,
    )

    def write(tx: Tx) -> None:
        keys.insert(tx, make_key(id="k"))
        ledger.open_accounts(tx, "k")
        ledger.grant(tx, "k", NanoUsd(10**9), at_s=1, note="a grant")
        budgets.put(tx, budget)
        for number in range(40):
            hold = make_hold(
                f"r{number}",
                credit_account("k"),
                1_000,
                windows=(WINDOW,),
                limits=(10**9,),
                expires_at_s=FAR_S,
            )
            ledger.hold(tx, hold, OPEN_CALL)
            if number < 39:
                line = PriceLine(Unit.INPUT, 500, PicoUsd(number), PicoUsd(500 * number))
                nano = -(-500 * number // 1000)
                record = make_record(hold, nano)
                ledger.settle(tx, _priced(record, line, 500 * number), hold)
            log.append(tx, Actor("admin"), Change("key.updated", "k", {}), at_s=number)

    await stores.state.write(write)
    await stores.aclose()


def _priced(record: CallRecord, line: PriceLine, pico: int) -> CallRecord:
    return replace(record, price_lines=(line,), cost_pico_usd=pico)


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "state.db"))


def change(path: Path, sql: str, *, is_restamped: bool = False) -> Report:
    """Do to a database what only somebody with access to the file can do.

    Whoever knows how can make the checksums of the changed rows fit again.
    """
    with closing(sqlite3.connect(path)) as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        assert connection.execute(sql).rowcount != 0
        if is_restamped:
            for request_id, *covered, _ in connection.execute("SELECT * FROM usage").fetchall():
                stamp = (checksum([request_id, *covered]), request_id)
                connection.execute("UPDATE usage SET checksum = ? WHERE request_id = ?", stamp)
            for posting_id, *covered, _ in connection.execute("SELECT * FROM postings").fetchall():
                stamp = (checksum(covered), posting_id)
                connection.execute("UPDATE postings SET checksum = ? WHERE id = ?", stamp)
        connection.commit()
    return verify_alone(path, MASTER_KEY)


def test_a_sound_ledger(copy: Path) -> None:
    before = copy.read_bytes()
    report = verify_alone(copy, MASTER_KEY)
    assert report.faults == []
    assert report.checked == {
        "postings": 39,
        "usage_rows": 39,
        "holds": 1,
        "accounts": 4,
        "budget_windows": 1,
        "audit_entries": 40,
    }
    assert copy.read_bytes() == before
    assert [file.name for file in copy.parent.iterdir()] == ["state.db"], "nothing is left beside"


TAMPERING = {
    "credit balance": (
        "UPDATE accounts SET posted_nano_usd = posted_nano_usd + 1 WHERE kind = 'credit'",
        "accounts key:k:credit",
    ),
    "held": (
        "UPDATE accounts SET held_nano_usd = 0",
        "accounts key:k:credit",
    ),
    "given more than it had": (
        "UPDATE accounts SET overrun_nano_usd = -9000000000 WHERE kind = 'credit'",
        "accounts key:k:credit",
    ),
    "overrun without a charge": (
        "UPDATE accounts SET overrun_nano_usd = 9000000000 WHERE kind = 'credit'",
        "accounts key:k:credit",
    ),
    "overrun of what has no limit": (
        "UPDATE accounts SET overrun_nano_usd = 1 WHERE kind = 'spend'",
        "accounts key:k:spend",
    ),
    "amount of a posting": (
        "UPDATE postings SET amount_nano_usd = amount_nano_usd + 1 WHERE id = 5",
        "postings 5",
    ),
    "note of a posting": (
        "UPDATE postings SET note = 'another' WHERE id = 1",
        "postings 1",
    ),
    "call of a posting": (
        "UPDATE postings SET request_id = 'r99' WHERE id = 5",
        "postings 5",
    ),
    "posting gone": (
        "DELETE FROM postings WHERE request_id = 'r7'",
        "usage r7",
    ),
    "tokens": (
        "UPDATE usage SET output_tokens = 7 WHERE request_id = 'r3'",
        "usage r3",
    ),
    "cost": (
        "UPDATE usage SET cost_nano_usd = 0 WHERE request_id = 'r9'",
        "usage r9",
    ),
    "budgets of a call": (
        "UPDATE usage SET budgets = '[]' WHERE request_id = 'r9'",
        "usage r9",
    ),
    "checksum of a call gone": (
        "UPDATE usage SET checksum = NULL WHERE request_id = 'r9'",
        "usage r9",
    ),
    "account of a call gone": (
        "UPDATE usage SET account = NULL WHERE request_id = 'r9'",
        "usage r9",
    ),
    "a call as if from before the ledger": (
        "UPDATE usage SET account = NULL, checksum = NULL WHERE request_id = 'r9'",
        "usage r9",
    ),
    "checksum of a posting gone": (
        "UPDATE postings SET checksum = NULL WHERE id = 5",
        "postings 5",
    ),
    "a name that is no text": (
        "UPDATE usage SET model = CAST(x'6dff' AS TEXT) WHERE request_id = 'r9'",
        "usage r9",
    ),
    "a note that is no text": (
        "UPDATE postings SET note = CAST(x'ff' AS TEXT) WHERE id = 1",
        "postings 1",
    ),
    "an id that moves the cursor": (
        "UPDATE usage SET request_id = char(27) || '[2J' || char(10) WHERE request_id = 'r9'",
        "usage \\x1b[2J",
    ),
    "call gone": (
        "DELETE FROM usage WHERE request_id = 'r8'",
        "postings 9",
    ),
    "window's spending": (
        "UPDATE budget_windows SET spent_nano_usd = 0",
        "budget_windows bgt_1@0",
    ),
    "window's holds": (
        "UPDATE budget_windows SET held_nano_usd = 0",
        "budget_windows bgt_1@0",
    ),
    "window gone": (
        "DELETE FROM budget_windows",
        "budget_windows bgt_1@0",
    ),
    "hold gone": (
        "DELETE FROM holds",
        "accounts key:k:credit",
    ),
    "old hold": (
        "UPDATE holds SET expires_at_ms = 1",
        "holds r39",
    ),
    "unreadable hold": (
        "UPDATE holds SET budgets = 'x'",
        "holds r39",
    ),
    "unreadable call of a hold": (
        "UPDATE holds SET body = '{}'",
        "holds r39",
    ),
    "audit entry": (
        "UPDATE audit SET actor = 'me' WHERE seq = 7",
        "audit 7",
    ),
    "audit entry gone": (
        "DELETE FROM audit WHERE seq = 3",
        "audit 3",
    ),
    "what the audit log is checked with": (
        "DELETE FROM sealed_secrets",
        "sealed_secrets pepper",
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_what_was_changed_is_named(copy: Path, what: str) -> None:
    sql, named = TAMPERING[what]
    report = change(copy, sql)
    assert not report.is_sound
    first = report.faults[0]
    assert f"{first.table} {first.id}" == named, report.faults
    assert first.reason


_OF_R9 = "WHERE request_id = 'r9'"

CUNNING = {
    "a line": (
        f"""UPDATE usage SET price_lines = replace(price_lines, '"quantity":500', '"quantity":1')
        {_OF_R9}""",
        "usage r9: the line for input_tokens is not its quantity times its price",
    ),
    "all lines": (
        f"UPDATE usage SET price_lines = '[]' {_OF_R9}",
        "usage r9: its cost is not the sum of its price lines",
    ),
    "unreadable lines": (
        f"UPDATE usage SET price_lines = '{{' {_OF_R9}",
        "usage r9: cannot be read: Expected `array`, got `object`",
    ),
    "no lines": (
        f"UPDATE usage SET price_lines = NULL {_OF_R9}",
        "usage r9: cannot be read: ",
    ),
    "the exact cost": (
        f"UPDATE usage SET cost_pico_usd = '4501' {_OF_R9}",
        "usage r9: its cost is not the sum of its price lines",
    ),
    "the cost": (
        f"UPDATE usage SET cost_nano_usd = NULL, cost_pico_usd = NULL {_OF_R9}",
        "usage r9: 5 nano-dollars were charged for its cost of 0",
    ),
    "the charge": (
        f"UPDATE postings SET amount_nano_usd = 1 {_OF_R9}",
        "usage r9: 1 nano-dollars were charged for its cost of 5",
    ),
    "who was charged": (
        f"UPDATE postings SET from_account = 'key:k:spend' {_OF_R9}",
        "usage r9: key:k:spend was charged for it instead of key:k:credit",
    ),
    "a charge that is a grant": (
        f"UPDATE postings SET kind = 'grant' {_OF_R9}",
        "usage r9: its cost of 5 nano-dollars was never charged",
    ),
    "budgets of a call": (
        f"UPDATE usage SET budgets = '[]' {_OF_R9}",
        "budget_windows bgt_1@0: has 380 nano-dollars spent, its calls add up to 375",
    ),
    "a grant": (
        "UPDATE postings SET amount_nano_usd = 1 WHERE id = 1",
        "accounts key:k:credit: has 999999620 nano-dollars, but its postings add up to -379",
    ),
}
"""Changes after which every checksum fits."""


@pytest.mark.parametrize("what", CUNNING)
def test_what_was_changed_with_its_checksum_is_named(copy: Path, what: str) -> None:
    sql, named = CUNNING[what]
    first = change(copy, sql, is_restamped=True).faults[0]
    assert f"{first.table} {first.id}: {first.reason}".startswith(named)


def test_every_kind_of_fault_is_told_at_once(copy: Path) -> None:
    change(copy, "UPDATE usage SET model = 'x' WHERE request_id = 'r9'")
    change(copy, "UPDATE budget_windows SET spent_nano_usd = 0")
    report = change(copy, "UPDATE audit SET actor = 'me' WHERE seq = 7")
    named = [f"{fault.table} {fault.id}" for fault in report.faults]
    assert (named[0], named[-1]) == ("usage r9", "audit 7")
    assert "budget_windows bgt_1@0" in named


def test_calls_from_before_the_ledger_are_counted(copy: Path) -> None:
    free = "WHERE request_id = 'r0'"  # it cost nothing, so it has no charge
    report = change(copy, f"UPDATE usage SET account = NULL, checksum = NULL {free}")
    assert report.faults == []
    assert report.unchecked == 1


async def test_a_ledger_in_use_is_seen_as_it_was_at_one_moment(
    data_dir: DataDir, stores: Stores
) -> None:
    def begin(tx: Tx) -> None:
        keys.insert(tx, make_key(id="k"))
        ledger.open_accounts(tx, "k")
        ledger.grant(tx, "k", NanoUsd(10**9), at_s=1)

    def call(tx: Tx, number: int) -> None:
        hold = make_hold(f"r{number}", credit_account("k"), 9, expires_at_s=FAR_S)
        ledger.hold(tx, hold, OPEN_CALL)
        line = PriceLine(Unit.INPUT, 1, PicoUsd(7_000), PicoUsd(7_000))
        ledger.settle(tx, _priced(make_record(hold, 7), line, 7_000), hold)

    async def work() -> None:
        for number in count():
            await stores.state.write(partial(call, number=number))

    await stores.state.write(begin)
    working = asyncio.create_task(work())
    seen: list[int] = []
    while len(set(seen)) < 5:
        report = await asyncio.to_thread(verify, data_dir.state_db, AuditLog(MASTER_KEY))
        assert report.faults == []
        seen.append(report.checked["usage_rows"])
    working.cancel()
    assert seen == sorted(seen)


def test_another_master_key_is_refused(copy: Path) -> None:
    with pytest.raises(StorageRefused, match=r"master\.key"):
        verify_alone(copy, b"x" * KEY_BYTES)


def test_any_damage_to_the_file_is_told_in_a_line(copy: Path) -> None:
    whole, rng = copy.read_bytes(), random.Random(11)
    verdicts = []
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 1, 64])):
            damaged[rng.randrange(100, len(whole))] ^= 1 << rng.randrange(8)
        copy.write_bytes(damaged)
        try:
            report = verify_alone(copy, MASTER_KEY)
        except StorageRefused:
            continue
        verdicts.append(report.is_sound)
        assert all("\n" not in fault.reason for fault in report.faults)
        assert copy.read_bytes() == damaged
    assert not all(verdicts)
