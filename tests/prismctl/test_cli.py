import json
import re

import pytest

from prismctl.cli import _ELSEWHERE
from prismctl.main import COMMANDS
from tests.prismctl import stub as canned
from tests.prismctl.stub import TOKEN, StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("kyes",), "did you mean `prismctl keys`?"),
        (("keys", "lst"), "did you mean `prismctl keys list`?"),
        (("zzz",), "see: prismctl --help"),
        (("help", "keys", "crate"), "did you mean `prismctl keys create`?"),
        (("models", "list", "-o", "jsn"), "did you mean json?"),
        (("top", "--since", "5m"), "did you mean --once?"),
        (("keys", "list", "--foo"), "see: prismctl keys list --help"),
        (("logs",), "did you mean `prismctl tail`?"),
        (("login",), "did you mean `prismctl auth login`?"),
        (("help", "exitcodes"), "did you mean `prismctl help exit-codes`?"),
    ],
)
def test_did_you_mean(cli: Run, words: tuple[str, ...], hint: str) -> None:
    result = cli(*words)
    assert (result.code, result.out) == (2, "")
    assert f"hint: {hint}" in result.err


def test_what_other_tools_call_it_leads_to_a_command_that_is_there(cli: Run) -> None:
    for meant in _ELSEWHERE.values():
        assert cli(*meant.split(), "--help").code == 0
    assert not _ELSEWHERE.keys() & COMMANDS.keys()


@pytest.mark.parametrize(
    "words",
    [
        ("requests", "list"),
        ("usage", "report"),
        ("audit", "list"),
        ("ledger", "postings"),
        ("ledger", "statement", "ci"),
    ],
)
def test_since_is_read_alike_everywhere(cli: Run, stub: StubGateway, words: list[str]) -> None:
    stub.on("GET", "/-/keys", listing(key(id="key_0001", name="ci")))
    stub.on("GET", "/-/keys/key_0001", key(id="key_0001", name="ci"))
    for path in (
        "requests",
        "usage",
        "audit",
        "ledger/accounts",
        "ledger/holds",
        "ledger/postings",
    ):
        stub.on("GET", f"/-/{path}", listing())
    for typed, sent in (("1w", "2026-11-16T12"), ("2026-11-20", "2026-11-20T00")):
        assert cli(*words, "--since", typed).code == 0
        assert f"since={sent}%3A00%3A00.000Z" in stub.sent[-1].query
    assert "--since 'noon' is not a time" in cli(*words, "--since", "noon").err


def test_a_noun_alone_names_its_verbs(cli: Run) -> None:
    result = cli("contexts")
    assert result.code == 2
    assert "`prismctl contexts` needs a verb: list, use, set, rm" in result.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_ends_with_two_examples(cli: Run, name: str) -> None:
    texts = [cli(name, "--help").out]
    if "Commands:" in texts[0]:
        verbs = re.findall(r"(?m)^  ([a-z]+) ", texts[0].partition("Commands:\n")[2])
        assert verbs
        texts = [cli(name, verb, "--help").out for verb in verbs]
    for text in texts:
        examples = text.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
        assert len(examples) == 2
        assert all("prismctl " in example for example in examples), text


@pytest.mark.parametrize(
    "words",
    [("-o", "name", "models", "list"), ("models", "-o", "json", "list", "-o", "name")],
)
def test_global_flags_work_before_and_after_the_command(
    cli: Run, stub: StubGateway, words: tuple[str, ...]
) -> None:
    stub.on("GET", "/-/models", listing(key(id="m1")))
    if words[0] == "models":
        # Between noun and verb there is nothing to say: the noun has no flags.
        assert cli(*words).code == 2
        words = ("-o", "json", "models", "list", "-o", "name")
    assert cli(*words).out == "m1\n"


def test_with_json_an_error_is_an_object_on_stderr(cli: Run, stub: StubGateway) -> None:
    stub.on(
        "GET",
        "/-/models",
        canned.error(429, "rate_limit_exceeded", "Wait.", **{"retry-after": "7"}),
    )
    result = cli("models", "list", "-o", "json")
    assert result.out == ""
    assert json.loads(result.err)["error"] == {
        "message": "Wait.",
        "type": "t",
        "param": None,
        "code": "rate_limit_exceeded",
        "status": 429,
        "request_id": "req_1",
        "hint": "try again in 7 s",
        "exit_code": 9,
    }
    own = cli("models", "get", "-o", "jsonl")
    assert json.loads(own.err)["error"]["exit_code"] == 2


def test_fields_choose_in_every_format(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", listing({"id": "m", "pricing": {"x": 1.50}, "owned_by": "p"}))
    fields = ("--fields", "pricing.x,id")
    assert cli("models", "ls", *fields).out == "PRICING.X\tID\n1.5\tm\n"
    assert cli("models", "ls", *fields, "-o", "csv").out == "pricing.x,id\n1.5,m\n"
    assert cli("models", "ls", *fields, "-o", "jsonl").out == '{"pricing.x":1.5,"id":"m"}\n'
    assert json.loads(cli("models", "ls", *fields, "-o", "json").out)["data"] == [
        {"pricing.x": 1.5, "id": "m"}
    ]


def test_an_unknown_field_is_2_and_names_the_near_one(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", listing({"id": "m", "owned_by": "p"}))
    result = cli("models", "ls", "--fields", "owned")
    assert (result.code, result.out) == (2, "")
    assert "hint: did you mean owned_by?" in result.err


def test_debug_shows_requests_and_no_secret(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", canned.Canned(listing(), headers={"x-request-id": "req_9"}))
    result = cli("models", "list", "--debug")
    assert f"GET {stub.url}/-/models 200 " in result.err
    assert "req_9" in result.err
    assert stub.sent[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in result.err + result.out


def test_quiet_leaves_notes_out_but_not_errors(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", listing())
    assert cli("models", "list", "-q").err == ""
    assert cli("models", "get", "x", "-q").err != ""


def test_a_hostile_error_cannot_command_the_terminal(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", canned.error(400, "x", "bad\x1b]0;owned\x07 \u202e"))
    err = cli("models", "list", terminal=PEOPLE).err
    assert "\x1b]" not in err
    assert "bad\\x1b]0;owned\\x07 \\u202e" in err


def test_an_answer_that_is_not_ours_is_said_to_be_so(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", canned.Canned(b"<html>hello</html>"))
    result = cli("models", "list")
    assert result.code == 6
    assert "is this the URL of a Prism gateway?" in result.err
    stub.on("GET", "/-/models", canned.Canned(b"<html>no</html>", 502))
    assert "HTTP 502" in cli("models", "list").err


def test_another_url_never_gets_the_credentials_of_a_context(cli: Run, stub: StubGateway) -> None:
    result = cli("models", "list", "--url", stub.url.replace("127.0.0.1", "localhost"))
    assert result.code == 3
    assert stub.sent == []


def test_the_same_url_gets_them(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", listing())
    assert cli("models", "list", "--url", f"{stub.url}/v1/").code == 0


def test_a_token_from_stdin_is_stronger_than_the_environment(
    cli: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRISMCTL_TOKEN", "from-env")
    cli("models", "list")
    cli("models", "list", "--token-file", "-", stdin="from-stdin\n")
    assert [one.headers["authorization"] for one in stub.sent] == [
        "Bearer from-env",
        "Bearer from-stdin",
    ]


def test_an_unexpected_failure_is_one_line(
    cli: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prismctl.client.admin import Admin

    def broken(self: Admin) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Admin, "models", broken)
    result = cli("models", "list")
    assert result.code == 1
    assert result.err.splitlines()[0] == "prismctl: error: unexpected ZeroDivisionError: oops"
    with pytest.raises(ZeroDivisionError):
        cli("models", "list", "--debug")
