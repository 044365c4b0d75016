import json

import pytest

from tests.prismctl import stub as canned
from tests.prismctl.stub import Canned, StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run

SECRET = "sk-prism-shown-once"


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    stub.on("POST", "/-/keys", Canned(key(key=SECRET), 201))
    stub.on("GET", "/-/keys", listing(key(id="key_0abc", name="ci", metadata={"a": "1"})))
    found = key(id="key_0abc", name="ci", metadata={"a": "1"}, version=3)
    stub.on("GET", "/-/keys/key_0abc", Canned(found, headers={"etag": '"3"'}))
    stub.on("PUT", "/-/keys/key_0abc", found | {"version": 4})
    stub.on("DELETE", "/-/keys/key_0abc", found | {"status": "revoked"})
    return stub


def test_in_a_pipe_a_new_key_is_alone_on_stdout(cli: Run, gateway: StubGateway) -> None:
    result = cli("keys", "create", "ci")
    assert result.out == f"{SECRET}\n"
    assert SECRET not in result.err
    assert "created" in result.err


def test_with_json_a_new_key_is_the_whole_object(cli: Run, gateway: StubGateway) -> None:
    result = cli("keys", "create", "ci", "-o", "json")
    assert json.loads(result.out)["key"] == SECRET
    assert result.err == ""


def test_every_flag_becomes_its_field(cli: Run, gateway: StubGateway) -> None:
    cli(
        "keys", "create", "ci", "--owner", "ana", "--org", "org_1", "--models", "a,b", "--models",
        "c*", "--providers", "", "--ip", "10.0.0.0/8", "--tools", "search", "--deny-tools", "rm",
        "--rpm", "60", "--tpm", "1000", "--concurrency", "3", "--budget", "50/month", "--budget",
        "0.5/day,soft", "--credits", "20.25", "--expires", "30d", "--tag", "team=x=y",
        "--tag", "b=",
    )  # fmt: skip
    assert gateway.last("POST").json() == {
        "name": "ci",
        "owner": "ana",
        "org_id": "org_1",
        "models": ["a", "b", "c*"],
        "providers": [],
        "allowed_ips": ["10.0.0.0/8"],
        "allowed_tools": ["search"],
        "denied_tools": ["rm"],
        "rate_limit_rpm": 60,
        "rate_limit_tpm": 1000,
        "max_concurrency": 3,
        "budgets": [
            {"limit": 50, "window": "monthly"},
            {"limit": 0.5, "window": "daily", "hard": False},
        ],
        "credits": 20.25,
        "key_type": "managed",
        "expires_at": "2026-12-23T12:00:00Z",
        "metadata": {"team": "x=y", "b": ""},
    }


def test_what_is_not_given_is_not_sent(cli: Run, gateway: StubGateway) -> None:
    cli("keys", "create", "ci")
    assert gateway.last("POST").json() == {"name": "ci"}


def test_money_is_sent_as_it_was_typed(cli: Run, gateway: StubGateway) -> None:
    cli("keys", "create", "ci", "--credits", "0.000000001")
    assert b'"credits":0.000000001' in gateway.last("POST").body


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "50"), "'50' is not a budget"),
        (("--budget", "50/year"), "'50/year' is not a budget"),
        (("--budget", "x/day"), "'x' is not an amount of dollars"),
        (("--credits", "-1"), "'-1' is not an amount of dollars"),
        (("--credits", "5", "--byok"), "--credits is for prepaid keys"),
        (("--expires", "soon"), "'soon' is not a time"),
        (("--expires", "2026-01-01"), "'2026-01-01' is in the past"),
        (("--tag", "x"), "'x' is not NAME=VALUE"),
        (("--rpm", "many"), "invalid value for '--rpm'"),
    ],
)
def test_a_value_that_cannot_be_read_is_2_and_nothing_is_sent(
    cli: Run, gateway: StubGateway, words: tuple[str, ...], message: str
) -> None:
    result = cli("keys", "create", "ci", *words)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert gateway.sent == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", "2026-11-23T13:30:00Z"),
        ("12h", "2026-11-24T00:00:00Z"),
        ("2w", "2026-12-07T12:00:00Z"),
        ("2027-01-31", "2027-01-31T00:00:00Z"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
    ],
)
def test_ends_are_sent_in_utc(cli: Run, gateway: StubGateway, text: str, expected: str) -> None:
    cli("keys", "create", "ci", "--expires", text)
    assert gateway.last("POST").json()["expires_at"] == expected


def test_update_reads_first_and_sends_if_match(cli: Run, gateway: StubGateway) -> None:
    result = cli("keys", "update", "ci", "--rpm", "5", "--tag", "b=2", "--clear", "models")
    assert result.code == 0
    sent = gateway.last("PUT")
    assert sent.headers["if-match"] == '"3"'
    assert sent.json() == {"rate_limit_rpm": 5, "models": None, "metadata": {"a": "1", "b": "2"}}


def test_update_can_replace_all_tags(cli: Run, gateway: StubGateway) -> None:
    cli("keys", "update", "ci", "--clear", "tag", "--tag", "b=2")
    assert gateway.last("PUT").json() == {"metadata": {"b": "2"}}


def test_a_key_that_changed_meanwhile_is_5(cli: Run, gateway: StubGateway) -> None:
    gateway.on("PUT", "/-/keys/key_0abc", canned.error(412, "version_mismatch", "Changed."))
    result = cli("keys", "update", "ci", "--rpm", "5")
    assert result.code == 5
    assert "hint: somebody changed it meanwhile" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "there is nothing to change"),
        (("--clear", "modles"), "--clear does not know 'modles'"),
        (("--clear", "rpm", "--rpm", "5"), "set and cleared at the same time"),
    ],
)
def test_an_update_that_makes_no_sense_is_2(
    cli: Run, gateway: StubGateway, words: tuple[str, ...], message: str
) -> None:
    result = cli("keys", "update", "ci", *words)
    assert result.code == 2
    assert message in result.err
    assert gateway.sent == []


@pytest.mark.parametrize("given", ["key_0abc", "key_0", "ci"])
def test_a_key_is_found_by_id_beginning_and_name(
    cli: Run, gateway: StubGateway, given: str
) -> None:
    everything = listing(key(id="key_0abc"), key(id="key_9", name="other"))
    by_name = listing(key(id="key_0abc")) if given == "ci" else listing()
    gateway.on("GET", "/-/keys", by_name, everything)
    assert cli("keys", "get", given, "-o", "name").out == "key_0abc\n"


def test_a_beginning_of_several_ids_is_refused_and_names_them(
    cli: Run, gateway: StubGateway
) -> None:
    gateway.on("GET", "/-/keys", listing(), listing(key(id="key_0abc"), key(id="key_0abd")))
    result = cli("keys", "revoke", "key_0ab", "--yes")
    assert result.code == 2
    assert "means 2 keys: key_0abc, key_0abd" in result.err


def test_of_two_keys_of_a_name_the_one_that_is_not_revoked_is_meant(
    cli: Run, gateway: StubGateway
) -> None:
    old = key(id="key_0old", status="revoked")
    gateway.on("GET", "/-/keys", listing(old, key(id="key_0abc")))
    assert cli("keys", "get", "ci", "-o", "name").out == "key_0abc\n"


def test_block_and_unblock_change_the_status(cli: Run, gateway: StubGateway) -> None:
    assert cli("keys", "block", "ci").code == 0
    assert gateway.last("PUT").json() == {"status": "blocked"}
    assert cli("keys", "unblock", "ci").code == 0
    assert gateway.last("PUT").json() == {"status": "active"}


def test_revoke_without_a_terminal_needs_yes(cli: Run, gateway: StubGateway) -> None:
    result = cli("keys", "revoke", "ci")
    assert result.code == 2
    assert "hint: add --yes if you are sure" in result.err
    assert cli("keys", "rm", "ci", "--yes").code == 0
    assert gateway.last("DELETE").path == "/-/keys/key_0abc"


@pytest.mark.parametrize(("answer", "is_revoked"), [("y\n", True), ("n\n", False), ("", False)])
def test_revoke_asks_in_a_terminal(
    cli: Run, gateway: StubGateway, answer: str, is_revoked: bool
) -> None:
    from dataclasses import replace

    result = cli("keys", "revoke", "ci", terminal=replace(PEOPLE, is_in_tty=True), stdin=answer)
    assert "Revoke key 'ci' (key_0abc) for ever? [y/N]" in result.err
    assert (result.code == 0) is is_revoked
    assert any(one.method == "DELETE" for one in gateway.sent) is is_revoked


def test_a_list_of_many_pages_is_one_list(cli: Run, gateway: StubGateway) -> None:
    first = listing(key(id="key_1"), key(id="key_2"), has_more=True)
    gateway.on("GET", "/-/keys", first, listing(key(id="key_3")))
    answer = json.loads(cli("keys", "list", "--owner", "ana", "-o", "json").out)
    assert [row["id"] for row in answer["data"]] == ["key_1", "key_2", "key_3"]
    assert (answer["has_more"], answer["first_id"], answer["last_id"]) == (False, "key_1", "key_3")
    assert gateway.sent[-1].query == "owner=ana&after=key_2&limit=500"


def test_a_limit_ends_the_paging(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/keys", listing(key(id="key_1"), has_more=True))
    assert cli("keys", "list", "--limit", "1", "-o", "name").out == "key_1\n"
    assert [one.query for one in gateway.sent] == ["limit=1"]


def test_an_empty_list_is_a_message_on_stderr_and_0(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/keys", listing())
    result = cli("keys", "list")
    assert (result.code, result.out) == (0, "")
    assert "no keys here" in result.err
    assert json.loads(cli("keys", "list", "-o", "json").out)["data"] == []


@pytest.mark.parametrize("words", [("-o", "csv"), ("-o", "name"), ("-o", "json", "--fields", "id")])
def test_a_secret_is_never_lost_to_a_format(
    cli: Run, gateway: StubGateway, words: tuple[str, ...]
) -> None:
    result = cli("keys", "create", "ci", "--quiet", *words)
    assert SECRET not in result.out
    assert SECRET in result.err


def test_a_secret_is_shown_once_only(cli: Run, gateway: StubGateway) -> None:
    for words in (("-o", "yaml"), ("--fields", "key")):
        result = cli("keys", "create", "ci", *words)
        assert (result.out + result.err).count(SECRET) == 1
