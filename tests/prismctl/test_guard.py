"""Nothing is changed at a protected gateway without its name, nor anywhere with --dry-run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from prismctl import contexts
from prismctl.contexts import Context
from tests.prismctl.commands.golden import compare
from tests.prismctl.money import ANSWERS
from tests.prismctl.stub import Canned, StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run

ASKING = replace(PEOPLE, is_in_tty=True)
CHANGES = ("POST", "PUT", "DELETE")
FULL = key(
    owner="ana",
    org_id="acme",
    last_used_at="2026-11-23T11:57:00Z",
    credit_balance=10.5,
    credit_balance_nano_usd=10_500_000_000,
    budgets=[{"id": "bgt_1"}],
)


@pytest.fixture(autouse=True)
def gateway(stub: StubGateway) -> None:
    for (method, path), answer in ANSWERS.items():
        stub.on(method, path, answer)
    stub.on("GET", "/-/keys", listing(FULL))
    stub.on("GET", "/-/keys/key_0001", Canned(FULL, headers={"etag": '"1"'}))
    stub.on("PUT", "/-/keys/key_0001", FULL)
    stub.on("DELETE", "/-/keys/key_0001", FULL | {"status": "revoked"})
    stub.on("POST", "/-/keys", Canned(key(key="sk-prism-secret"), 201))
    stub.on("POST", "/-/keys/key_0001/credits", {"key_id": "key_0001"})
    stub.on("POST", "/-/backups", {"id": "bak_0001"})
    stub.on("PUT", "/-/prices", {"id": "prc_0001"})
    stub.on("POST", "/-/prices", {"id": "prc_0001"})
    stub.on("POST", "/-/reload", {"status": "unchanged"})
    stub.on("POST", "/-/audit/verify", {"is_sound": True})


@pytest.fixture
def protected(stub: StubGateway) -> None:
    known = contexts.load()
    contexts.save(known.with_context(replace(known.by_name["stub"], is_protected=True)))


def changed(stub: StubGateway) -> list[str]:
    return [f"{sent.method} {sent.path}" for sent in stub.sent if sent.method in CHANGES]


EVERY = [
    ("keys", "revoke", "ci"),
    ("keys", "update", "ci", "--rpm", "5"),
    ("keys", "create", "new"),
    ("keys", "block", "ci"),
    ("budgets", "set", "tag:team=search", "50/month"),
    ("prices", "set", "gpt-5", "input=1"),
    ("config", "reload"),
    ("backup", "create"),
    ("credits", "add", "ci", "5"),
    ("api", "POST", "/-/keys", "-f", "name=x"),
]


@pytest.mark.parametrize("words", EVERY)
def test_at_a_protected_context_no_change_goes_by_yes_alone(
    cli: Run, stub: StubGateway, protected: None, words: tuple[str, ...]
) -> None:
    result = cli(*words, "--yes")
    assert (result.code, changed(stub)) == (2, [])
    assert "hint: add --yes-protected stub if you are sure" in result.err
    result = cli(*words, "--yes", "--yes-protected", "stu")
    assert (result.code, changed(stub)) == (2, [])
    assert "the protected context is 'stub'" in result.err
    result = cli(*words, terminal=ASKING, stdin="y\n")
    assert (result.code, changed(stub)) == (1, [])
    assert "nothing was changed" in result.err


def test_its_name_is_typed_once(cli: Run, stub: StubGateway, protected: None) -> None:
    terminal = replace(ASKING, is_err_colored=True)
    result = cli("keys", "revoke", "ci", terminal=terminal, stdin="stub\n")
    assert result.code == 0
    assert changed(stub) == ["DELETE /-/keys/key_0001"]
    compare("protected-revoke.tty", result.err)


def test_its_name_may_be_a_flag(cli: Run, stub: StubGateway, protected: None) -> None:
    assert cli("keys", "revoke", "ci", "--yes-protected", "stub").code == 0
    assert changed(stub) == ["DELETE /-/keys/key_0001"]


def test_what_only_looks_is_not_asked_for(cli: Run, stub: StubGateway, protected: None) -> None:
    for words in (("keys", "list"), ("ledger", "verify"), ("audit", "verify"),
                  ("prices", "test", "gpt-5", "input=1")):  # fmt: skip
        assert cli(*words).code == 0


def test_a_url_leads_to_the_same_protection(
    cli: Run, stub: StubGateway, protected: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another current context nor the environment is a way around it."""
    contexts.save(replace(contexts.load(), current=None))
    monkeypatch.setenv("PRISMCTL_TOKEN", "x")
    result = cli("keys", "block", "ci", "--url", stub.url, "--yes")
    assert (result.code, changed(stub)) == (2, [])
    monkeypatch.setenv("PRISMCTL_URL", f"{stub.url}/v1")
    assert cli("config", "reload", "--yes").code == 2
    other = Context(name="other", url=stub.url)
    contexts.save(contexts.load().with_context(other))
    assert cli("config", "reload", "--yes", "--context", "other").code == 2
    assert changed(stub) == []


def test_protection_is_not_lost_and_not_taken_off_by_yes(
    cli: Run, stub: StubGateway, protected: None, tmp_path: Path
) -> None:
    for words in (("contexts", "set", "stub", "--no-protected"), ("contexts", "rm", "stub"),
                  ("contexts", "set", "stub", "http://elsewhere")):  # fmt: skip
        assert cli(*words, "--yes").code == 2
    (tmp_path / "t").write_text("secret")
    (tmp_path / "t").chmod(0o600)
    stub.on("GET", "/-/capabilities", {})
    assert cli("auth", "login", "--token-file", str(tmp_path / "t"), "--storage", "file").code == 0
    assert cli("auth", "logout").code == 0
    assert contexts.load().by_name["stub"].is_protected
    moved = ("contexts", "set", "stub", "http://elsewhere", "--yes-protected", "stub")
    assert cli(*moved).err.startswith("stub: http://elsewhere, protected\n")
    assert cli("contexts", "set", "stub", "--no-protected", "--yes-protected", "stub").code == 0
    assert not contexts.load().by_name["stub"].is_protected


def test_it_is_seen(cli: Run, stub: StubGateway) -> None:
    assert cli("contexts", "set", "stub", "--protected").code == 0
    assert "protected = true" in (contexts.config_dir() / "contexts.toml").read_text()
    assert "▲ protected" in cli("contexts", "list", terminal=PEOPLE).out
    assert json.loads(cli("contexts", "list", "-o", "json").out)["data"][0]["is_protected"] is True
    assert "▲ protected: what changes it asks for its name" in cli().out


DRY = [words for words in EVERY if words != ("config", "reload")]


@pytest.mark.parametrize("words", [*DRY, ("budgets", "delete", "bgt_0001"),
                                   ("budgets", "reset", "bgt_0001")])  # fmt: skip
def test_a_dry_run_sends_no_change(cli: Run, stub: StubGateway, words: tuple[str, ...]) -> None:
    result = cli(*words, "--dry-run")
    assert (result.code, changed(stub)) == (0, [])
    assert "nothing was changed; without --dry-run this would be sent:" in result.err
    method, path = result.out.splitlines()[0].split()
    told = json.loads(cli(*words, "--dry-run", "-o", "json").out)
    assert (told["method"], told["path"]) == (method, path)
    assert cli(*words, "--yes").code == 0
    assert changed(stub) == [f"{method} {path}"]
    body = stub.last(method).body
    assert told["body"] == (json.loads(body) if body else None)


def test_a_dry_run_says_what_would_end(cli: Run, stub: StubGateway) -> None:
    result = cli("keys", "revoke", "ci", "--dry-run", terminal=PEOPLE)
    compare("dry-run-revoke.tty", result.out + "---\n" + result.err)


def test_a_dry_run_of_a_reload_asks_the_gateway(cli: Run, stub: StubGateway) -> None:
    change = {"path": "server.port", "from": 8080, "to": 8081}
    checked = {"object": "config_check", "is_valid": True, "problems": [], "changes": [change]}
    stub.on("POST", "/-/config/check", checked | {"needs_restart": ["server.port"]})
    result = cli("config", "reload", "--dry-run")
    assert (result.code, changed(stub)) == (0, ["POST /-/config/check"])
    assert "server.port\t8080\t8081" in result.out
    assert "nothing was changed" in result.err


def test_a_dry_run_of_a_call_sends_none(cli: Run, stub: StubGateway) -> None:
    result = cli("chat", "-m", "m", "hello", "--dry-run")
    assert result.out.startswith("POST /v1/chat/completions\n")
    assert stub.sent == []


@pytest.mark.parametrize(
    "words", [("contexts", "rm", "stub"), ("auth", "logout"), ("up",), ("dashboard",)]
)
def test_what_changes_this_machine_has_no_dry_run(
    cli: Run, stub: StubGateway, words: tuple[str, ...]
) -> None:
    result = cli(*words, "--dry-run", "--yes")
    assert result.code == 2
    assert "it has no --dry-run" in result.err
    assert "stub" in contexts.load().by_name


@pytest.mark.parametrize("line", ['protected = "yes"', "protected = 1"])
def test_a_protection_that_cannot_be_read_is_no_protection_silently_dropped(
    cli: Run, stub: StubGateway, line: str
) -> None:
    path = contexts.config_dir() / "contexts.toml"
    path.write_text(path.read_text() + line + "\n")
    result = cli("keys", "list")
    assert result.code == 2
    assert "'protected' of context 'stub' is true or false" in result.err
