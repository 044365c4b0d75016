from dataclasses import replace

import pytest

from tests.prismctl import stub as canned
from tests.prismctl.money import DAILY, MONTHLY, TAGGED, budget
from tests.prismctl.stub import Canned, StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run

KEY = "/-/keys/key_0abc"
ONE = "/-/budgets/bgt_0001"


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    stub.on("GET", "/-/keys", listing(key(id="key_0abc", name="ci")))
    stub.on("GET", KEY, key(id="key_0abc", name="ci"))
    stub.on("GET", "/-/budgets", listing())
    stub.on("POST", "/-/budgets", Canned(budget(subject="key_0abc"), 201))
    stub.on("PUT", ONE, budget(subject="key_0abc"))
    stub.on("POST", f"{ONE}/reset", budget(subject="key_0abc"))
    stub.on("DELETE", ONE, MONTHLY)
    return stub


def test_set_makes_a_budget_where_there_is_none(cli: Run, gateway: StubGateway) -> None:
    result = cli("budgets", "set", "key:ci", "50/month")
    assert result.code == 0
    assert "budget of key:ci, 50/month: made" in result.err
    assert gateway.last("POST").json() == {
        "scope": "key",
        "subject": "key_0abc",
        "window": "monthly",
        "limit": 50,
    }
    looked = next(one for one in gateway.sent if one.path == "/-/budgets")
    assert looked.query == "scope=key&subject=key_0abc&limit=500"


def test_set_changes_the_one_of_the_same_window_and_only_what_is_named(
    cli: Run, gateway: StubGateway
) -> None:
    gateway.on("GET", "/-/budgets", listing(DAILY, MONTHLY))
    result = cli("budgets", "set", "key:ci", "80.5/month", "--warn", "90")
    assert result.code == 0
    assert "it was 50/month" in result.err
    assert gateway.last("PUT").path == ONE
    assert gateway.last("PUT").json() == {"limit": 80.5, "warn_percent": 90}
    assert not any(one.method == "POST" for one in gateway.sent)


@pytest.mark.parametrize(
    ("words", "is_hard"),
    [(("1/day", "--soft"), False), (("1/day", "--hard"), True), (("1/day,soft",), False)],
)
def test_set_says_what_happens_at_the_limit(
    cli: Run, gateway: StubGateway, words: tuple[str, ...], is_hard: bool
) -> None:
    assert cli("budgets", "set", "owner:ana", *words).code == 0
    assert gateway.last("POST").json()["hard"] is is_hard


@pytest.mark.parametrize(
    ("given", "scope", "subject"),
    [
        ("owner:ana", "owner", "ana"),
        ("org:acme", "org", "acme"),
        ("model:llama3:8b", "model", "llama3:8b"),
        ("tag:team=search", "tag", "team=search"),
    ],
)
def test_whose_it_is_goes_as_it_is_typed(
    cli: Run, gateway: StubGateway, given: str, scope: str, subject: str
) -> None:
    assert cli("budgets", "set", given, "1/total").code == 0
    sent = gateway.last("POST").json()
    assert (sent["scope"], sent["subject"]) == (scope, subject)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ci", "50/month"), "'ci' does not say whose budget"),
        (("team:x", "50/month"), "'team:x' does not say whose budget"),
        (("tag:team", "50/month"), "'tag:team' is not a tag with its value"),
        (("owner:ana", "50"), "'50' is not a budget"),
        (("owner:ana", "50/month,maybe"), "'50/month,maybe' is not a budget"),
        (("owner:ana", "50/month", "--warn", "0"), "invalid value for '--warn'"),
    ],
)
def test_what_cannot_be_read_is_2_and_nothing_is_sent(
    cli: Run, gateway: StubGateway, words: tuple[str, ...], message: str
) -> None:
    result = cli("budgets", "set", *words)
    assert result.code == 2
    assert message in result.err
    assert gateway.sent == []


def test_somebody_who_was_faster_is_5(cli: Run, gateway: StubGateway) -> None:
    gateway.on("POST", "/-/budgets", canned.error(409, "budget_exists", "There is one."))
    result = cli("budgets", "set", "owner:ana", "1/day")
    assert result.code == 5
    assert "hint: somebody made it meanwhile" in result.err


def test_a_budget_is_found_by_its_subject_and_window(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/budgets", listing(DAILY, MONTHLY))
    assert cli("budgets", "get", "key:ci", "month", "-o", "name").out == "bgt_0001\n"
    assert cli("budgets", "get", "key:ci", "daily", "-o", "name").out == "bgt_0002\n"
    several = cli("budgets", "get", "key:ci")
    assert several.code == 2
    assert "key:ci means 2 budgets: day, month" in several.err
    assert "hint: say which, for example key:ci day" in several.err


def test_a_budget_is_found_by_its_id(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/budgets", listing(DAILY, MONTHLY))
    assert cli("budgets", "get", "bgt_0002", "-o", "name").out == "bgt_0002\n"
    assert "means 2 budgets: bgt_0002, bgt_0001" in cli("budgets", "get", "bgt_").err


@pytest.mark.parametrize("words", [("owner:ana",), ("owner:ana", "day"), ("bgt_9",)])
def test_a_budget_that_is_not_there_is_4(
    cli: Run, gateway: StubGateway, words: tuple[str, ...]
) -> None:
    result = cli("budgets", "get", *words)
    assert result.code == 4
    assert "hint: see: prismctl budgets list" in result.err


@pytest.mark.parametrize(("answer", "is_done"), [("y\n", True), ("\n", False)])
@pytest.mark.parametrize("verb", ["reset", "delete"])
def test_reset_and_delete_say_what_they_do_and_ask(
    cli: Run, gateway: StubGateway, verb: str, answer: str, is_done: bool
) -> None:
    gateway.on("GET", "/-/budgets", listing(MONTHLY))
    terminal = replace(PEOPLE, is_in_tty=True)
    result = cli("budgets", verb, "key:ci", terminal=terminal, stdin=answer)
    what = {"reset": "Forget $12.345678901 spent of", "delete": "Delete"}[verb]
    assert f"{what} the budget of key:ci, 50/month? [y/N]" in result.err
    assert (result.code == 0) is is_done
    assert any(one.method in ("POST", "DELETE") for one in gateway.sent) is is_done


@pytest.mark.parametrize("verb", ["reset", "delete"])
def test_without_a_terminal_they_need_yes(cli: Run, gateway: StubGateway, verb: str) -> None:
    gateway.on("GET", "/-/budgets", listing(MONTHLY))
    assert cli("budgets", verb, "key:ci").code == 2
    assert cli("budgets", verb, "key:ci", "--yes").code == 0


def test_the_list_can_be_of_a_scope_or_a_subject(cli: Run, gateway: StubGateway) -> None:
    for given, query in [
        ("tag", "scope=tag&limit=500"),
        ("owner:ana", "scope=owner&subject=ana&limit=500"),
    ]:
        cli("budgets", "list", given)
        assert gateway.sent[-1].query == query
    empty = cli("budgets", "list")
    assert (empty.code, empty.out) == (0, "")
    assert "make one: prismctl budgets set key:NAME 50/month" in empty.err


def test_people_see_a_key_by_its_name_and_scripts_by_its_id(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/budgets", listing(budget(subject="key_0abc"), TAGGED))
    assert "key    ci " in cli("budgets", "list", terminal=PEOPLE).out
    assert "key\tkey_0abc\t" in cli("budgets", "list").out
    assert "key_0abc" in cli("budgets", "list", "-o", "json", terminal=PEOPLE).out


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (120, "SCOPE SUBJECT WINDOW LIMIT SPENT HELD LEFT USED STATE RESETS"),
        (90, "SCOPE SUBJECT WINDOW LIMIT SPENT LEFT USED STATE RESETS"),
        (80, "SCOPE SUBJECT WINDOW LIMIT LEFT USED STATE"),
    ],
)
def test_a_narrow_terminal_has_fewer_columns(
    cli: Run, gateway: StubGateway, width: int, titles: str
) -> None:
    gateway.on("GET", "/-/budgets", listing(TAGGED))
    terminal = replace(PEOPLE, width=width)
    head = cli("budgets", "list", terminal=terminal).out.splitlines()[0]
    assert head.split() == titles.split()
    all_of_them = cli("budgets", "list", "-o", "wide", terminal=terminal).out.splitlines()[0]
    assert {"HELD", "RESETS", "ID"} <= set(all_of_them.split())
    asked = cli("budgets", "list", "--fields", "held,resets_at", terminal=terminal).out
    assert asked.splitlines()[0].split() == ["HELD", "RESETS"]


def test_without_unicode_and_colour_the_state_is_still_said(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/budgets", listing(MONTHLY, TAGGED))
    plain = cli("budgets", "list", terminal=replace(PEOPLE, is_unicode=False)).out
    assert "##=.......  24%" in plain
    assert "x exceeded" in plain
    assert plain.isascii()
    colored = cli("budgets", "list", terminal=replace(PEOPLE, is_out_colored=True)).out
    assert "\x1b[31m██████████ 100%\x1b[0m" in colored
