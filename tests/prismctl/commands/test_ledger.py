import json
from typing import Any

import pytest

from prismctl.commands import statement
from tests.prismctl.money import POSTINGS, SOUND, UNSOUND, account, posting
from tests.prismctl.stub import StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run

CREDIT = "key:key_0002:credit"


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    managed = key(id="key_0002", name="ci", key_type="managed")
    stub.on("GET", "/-/keys", listing(managed))
    stub.on("GET", "/-/keys/key_0002", managed)
    stub.on("GET", "/-/ledger/accounts", listing(account(CREDIT, "credit", 4_998_500_000)))
    stub.on("GET", "/-/ledger/postings", listing(*POSTINGS))
    stub.on("GET", "/-/ledger/holds", listing())
    return stub


def read(cli: Run, *words: str) -> Any:
    result = cli("ledger", "statement", "ci", *words, "-o", "json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_a_sound_ledger_is_0(cli: Run, gateway: StubGateway) -> None:
    gateway.on("POST", "/-/ledger/verify", SOUND)
    result = cli("ledger", "verify")
    assert result.code == 0
    assert "sound: every balance" in result.err


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_ledger_that_is_not_sound_is_8_and_names_the_first_wrong_row(
    cli: Run, gateway: StubGateway, form: str
) -> None:
    gateway.on("POST", "/-/ledger/verify", UNSOUND)
    result = cli("ledger", "verify", "-o", form)
    assert result.code == 8
    assert "usage req_0004: the row is not what was written" in result.err
    assert ("accounts\tkey:key_0002:credit\tposted is 5" in result.out) is (form == "table")
    if form == "json":
        assert json.loads(result.out) == UNSOUND


def test_a_statement_runs_from_the_first_posting_to_the_balance(
    cli: Run, gateway: StubGateway
) -> None:
    shown = read(cli)
    assert [row["change_nano_usd"] for row in shown["data"]] == [5_000_000_000, -1_470_000, -30_000]
    assert [row["balance"] for row in shown["data"]] == [5, 4.99853, 4.9985]
    assert (shown["opening_balance"], shown["closing_balance"]) == (0, 4.9985)
    assert {name: shown["data"][0][name] for name in POSTINGS[2]} == POSTINGS[2]


def test_a_statement_since_a_time_opens_with_the_balance_before_it(
    cli: Run, gateway: StubGateway
) -> None:
    gateway.on("GET", "/-/ledger/postings", listing(POSTINGS[0]))
    assert read(cli, "--since", "4h")["opening_balance"] == 4.99853
    assert gateway.sent[-1].query == (
        f"account={CREDIT.replace(':', '%3A')}&since=2026-11-23T08%3A00%3A00.000Z&limit=500"
    )
    lines = cli("ledger", "statement", "ci", "--since", "4h", terminal=PEOPLE).out.splitlines()
    assert lines[1].split() == ["before", "$4.99853"]
    assert lines[-1].split() == ["now", "$4.9985"]


def test_a_posting_while_the_statement_is_read_changes_no_balance(
    cli: Run, gateway: StubGateway
) -> None:
    late = posting(10, "charge", 7_000)
    # A look before and one after the balance; the charge comes between that and the rows.
    gateway.on(
        "GET",
        "/-/ledger/postings",
        listing(POSTINGS[0]),
        listing(POSTINGS[0]),
        listing(late, *POSTINGS),
    )
    shown = read(cli)
    assert [row["id"] for row in shown["data"]] == ["3", "4", "9"]
    assert shown["opening_balance"] == 0


def test_a_balance_that_a_posting_overtook_is_read_again(cli: Run, gateway: StubGateway) -> None:
    late = posting(10, "charge", 8_500_000)
    gateway.on("GET", "/-/ledger/postings", listing(POSTINGS[0]), listing(late, *POSTINGS))
    after = account(CREDIT, "credit", 4_990_000_000)
    before = account(CREDIT, "credit", 4_998_500_000)
    gateway.on("GET", "/-/ledger/accounts", listing(before), listing(after))
    shown = read(cli)
    assert (shown["opening_balance"], shown["closing_balance"]) == (0, 4.99)


def test_charges_that_never_stop_are_said(
    cli: Run, gateway: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "TRIES", 3)
    pages = [listing(posting(number, "charge", 1)) for number in range(1, 9)]
    gateway.on("GET", "/-/ledger/postings", *pages)
    result = cli("ledger", "statement", "ci")
    assert result.code == 1
    assert "come too fast" in result.err


def test_an_account_that_was_never_used_is_a_message(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/ledger/postings", listing())
    result = cli("ledger", "statement", "ci", "--account", "spend", terminal=PEOPLE)
    assert (result.code, result.out) == (0, "")
    assert "nothing was posted to this account" in result.err
    assert read(cli, "--account", "spend")["account"] == "key:key_0002:spend"


def test_a_byok_key_has_a_statement_of_what_it_spent(cli: Run, gateway: StubGateway) -> None:
    byok = key(id="key_0002", name="ci")
    gateway.on("GET", "/-/keys", listing(byok))
    gateway.on("GET", "/-/keys/key_0002", byok)
    spend = "key:key_0002:spend"
    charge = posting(1, "charge", 2_000_000, from_account=spend)
    gateway.on("GET", "/-/ledger/postings", listing(charge))
    gateway.on("GET", "/-/ledger/accounts", listing(account(spend, "spend", -2_000_000)))
    shown = read(cli)
    assert (shown["account"], shown["closing_balance"]) == (spend, -0.002)
    assert shown["data"][0]["balance"] == -0.002


def test_accounts_show_and_take_the_name_of_a_key(cli: Run, gateway: StubGateway) -> None:
    assert "key:ci:credit " in cli("ledger", "accounts", terminal=PEOPLE).out
    assert f"{CREDIT}\t" in cli("ledger", "accounts").out
    cli("ledger", "postings", "--account", "key:ci:credit", "--kind", "grant")
    sent = gateway.sent[-1].query
    assert sent == f"account={CREDIT.replace(':', '%3A')}&kind=grant&limit=50"
    cli("ledger", "accounts", "--key", "ci", "--kind", "credit")
    assert gateway.sent[-1].query == "kind=credit&key=key_0002&limit=500"
    cli("ledger", "postings", "--account", "system:usage")
    assert gateway.sent[-1].query == "account=system%3Ausage&limit=50"


def test_no_holds_is_a_message(cli: Run, gateway: StubGateway) -> None:
    result = cli("ledger", "holds")
    assert (result.code, result.out) == (0, "")
    assert "nothing is held" in result.err
