"""What a TAB is told: by the real program, with the line in its environment as the scripts do."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prismctl import contexts
from prismctl.complete import offers
from prismctl.contexts import Context
from prismctl.session import Session
from tests.prismctl import money
from tests.prismctl.processes import Home, wait_for
from tests.prismctl.stub import StubGateway, key, listing
from tests.prismctl.test_imports import loaded

KEYS = (
    key(id="key_0001", name="ci", owner="ana", metadata={"team": "search"}),
    key(id="key_0002", name="team search", org_id="acme", owner="ana"),
    key(id="key_0003", name="old", status="revoked", owner="bob"),
    key(id="key_0004", name="evil$(touch pwned)"),
    key(id="key_0005", name="e\x1b]0;owned\x07"),
    key(id="key_0006", name="back\\slash"),
)
MODELS = ({"id": "fake/echo", "owned_by": "fake"}, {"id": "gpt-5", "owned_by": "openai"})
CAPABILITIES = {
    "object": "capabilities",
    "providers": [{"id": "fake", "title": "Built-in fake"}, {"id": "lab", "title": "vLLM"}],
    "endpoints": [{"method": "GET", "path": "/-/keys", "policy": "admin"}],
}

Tab = Callable[..., list[str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The files of the ``stub`` fixture, for processes."""
    return Home(tmp_path)


@pytest.fixture
def filled(stub: StubGateway) -> StubGateway:
    stub.on("GET", "/-/keys", listing(*KEYS))
    stub.on("GET", "/-/models", listing(*MODELS))
    stub.on("GET", "/-/capabilities", CAPABILITIES)
    stub.on("GET", "/-/budgets", listing(money.MONTHLY, money.TAGGED))
    stub.on("GET", "/-/requests", listing({"id": "req_0001", "status": 200, "model": "gpt-5"}))
    return stub


@pytest.fixture
def tab(home: Home) -> Tab:
    """Press TAB behind a line, once, or until the lists that are named are here."""

    def press(line: str, *lists: str, shell: str = "fish", **env: str) -> list[str]:
        def once() -> list[str]:
            result = home.run(_PRISMCTL_COMPLETE=shell, _PRISMCTL_LINE=line, **env)
            assert (result.returncode, result.stderr) == (0, "")
            return result.stdout.splitlines()

        cache = home.path / "config" / "cache" / "complete"
        if lists:
            once()
            wait_for(lambda: all([*cache.glob(f"*-{name}.json")] for name in lists), str(lists))
        return once()

    return press


def words(lines: list[str]) -> list[str]:
    assert lines[0] == "words"
    return [line.partition("\t")[0] for line in lines[1:]]


def test_commands_and_flags_come_with_what_they_do(tab: Tab) -> None:
    assert "keys\tVirtual keys: make, limit, revoke" in tab("prismctl ke")
    assert "revoke\tRefuse calls with a key for ever." in tab("prismctl keys rev")
    assert words(tab("prismctl keys create --bud")) == ["--budget"]
    assert words(tab("prismctl keys get ci --tok")) == ["--token-file"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prismctl keys list -o js", ["json", "jsonl"]),
        ("prismctl --output=y", ["--output=yaml"]),
        ("prismctl keys list --status ", ["active", "blocked", "revoked"]),
        ("prismctl usage report --by key,mo", ["key,model"]),
        ("prismctl auth login --storage ", ["keyring", "file"]),
        ("prismctl keys update ci --clear rp", ["rpm"]),
        ("prismctl help exit", ["exit-codes"]),
        ("prismctl completion ", ["bash", "zsh", "fish"]),
        ("prismctl requests list --error bud", ["budget_exceeded"]),
        ("prismctl requests curl req_1 --sdk ", ["python"]),
        ("prismctl keys create x --expires ", []),
        ("prismctl keys list --limit 5 --sta", ["--status"]),
    ],
)
def test_fixed_words(tab: Tab, line: str, expected: list[str]) -> None:
    assert words(tab(line)) == expected


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("prismctl up --config ", "file"),
        ("prismctl up --data-dir ", "dir"),
        ("prismctl config check ", "file"),
        ("prismctl --token-file ", "file"),
    ],
)
def test_names_of_files_are_left_to_the_shell(tab: Tab, line: str, kind: str) -> None:
    assert tab(line) == [kind]


@pytest.mark.parametrize(
    ("line", "lists", "expected"),
    [
        ("keys get ", ["keys"], ["ci", "team search", "evil$(touch pwned)"]),
        ("keys get t", ["keys"], ["team search"]),
        ("keys revoke key_", ["keys"], [f"key_000{n}" for n in (1, 2, 4, 5, 6)]),
        ("usage report --key c", ["keys"], ["ci"]),
        ("keys list --owner ", ["keys"], ["ana", "bob"]),
        ("keys create x --tag ", ["keys"], ["team=search"]),
        ("models get ", ["models"], ["fake/echo", "gpt-5"]),
        ("keys create x --models gpt-5,", ["models"], ["gpt-5,fake/echo"]),
        ("chat -m f", ["models"], ["fake/echo"]),
        ("models list --provider ", ["capabilities"], ["fake", "lab"]),
        ("api GET /", ["capabilities"], ["/-/keys"]),
        ("budgets get ", ["budgets", "keys"], ["key:team search", "tag:team=search"]),
        ("budgets set o", ["keys", "models"], ["owner:ana", "org:acme", "owner:bob"]),
        ("requests get ", ["requests"], ["req_0001"]),
        ("keys list --fields id,me", ["keys"], ["id,metadata", "id,metadata.team"]),
        ("models list --fields own", ["models"], ["owned_by"]),
    ],
)
def test_what_the_gateway_has(
    tab: Tab, filled: StubGateway, line: str, lists: list[str], expected: list[str]
) -> None:
    assert words(tab(f"prismctl {line}", *lists)) == expected


def test_what_a_word_means_is_harmless_too(tab: Tab, filled: StubGateway) -> None:
    assert "key_0005\te\\x1b]0;owned\\x07" in tab("prismctl keys get key_", "keys")


def test_a_list_is_asked_for_once_in_a_while(tab: Tab, filled: StubGateway) -> None:
    tab("prismctl keys get ", "keys")
    asked = len(filled.sent)
    assert words(tab("prismctl keys block ")) == words(tab("prismctl keys get "))
    assert len(filled.sent) == asked


def test_an_old_list_is_better_than_none(tab: Tab, filled: StubGateway, home: Home) -> None:
    known = tab("prismctl keys get ", "keys")
    (file,) = (home.path / "config" / "cache" / "complete").glob("*-keys.json")
    assert file.stat().st_mode & 0o777 == 0o600
    os.utime(file, (0, 0))
    filled.close()
    assert tab("prismctl keys get ") == known


def test_the_gateway_that_is_typed_is_asked(
    tab: Tab, stub: StubGateway, filled: StubGateway
) -> None:
    other = StubGateway()
    try:
        other.on("GET", "/-/keys", listing(key(name="theirs")))
        known = contexts.load()
        token = known.get("stub").token
        contexts.save(known.with_context(Context(name="other", url=other.url, token=token)))
        line = "prismctl --context other keys get "
        assert words(tab(line, "keys")) == ["theirs"]
        assert words(tab("prismctl keys get --context=other ")) == ["theirs"]
        assert stub.sent == []
        assert words(tab("prismctl --context ")) == ["stub", "other"]
        # A URL of nobody's: there is no credential for it, and none is sent.
        asked, nobodys = len(other.sent), other.url.replace("127.0.0.1", "localhost")
        assert words(tab(f"prismctl --url {nobodys} keys get ", "keys")) == []
        assert len(other.sent) == asked
    finally:
        other.close()


@pytest.mark.parametrize("what", ["no gateway", "refused", "broken contexts", "no directory"])
def test_what_goes_wrong_is_silent(
    tab: Tab, config_dir: Path, filled: StubGateway, what: str
) -> None:
    env = {}
    if what == "no gateway":
        (config_dir / "contexts.toml").unlink()
    elif what == "refused":
        env = {"PRISMCTL_URL": "http://127.0.0.1:1", "PRISMCTL_TOKEN": "x"}
    elif what == "broken contexts":
        (config_dir / "contexts.toml").write_text("current = ")
    else:
        (config_dir / "cache").write_text("not a directory")
    assert tab("prismctl keys get ", **env)[1:] == []


@pytest.mark.parametrize("line", ["", "prismctl keys get 'x", 'prismctl "', "prismctl -o x nope "])
def test_a_line_that_is_not_whole_is_no_error(tab: Tab, line: str) -> None:
    tab(line)


def test_a_gateway_that_does_not_answer_is_not_waited_for(tab: Tab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began_s = time.monotonic()
        assert words(tab("prismctl keys get ", PRISMCTL_URL=url, PRISMCTL_TOKEN="x")) == []
        # A fetch is given 5 s and a TAB 0.3; the rest is a busy machine's start of Python.
        assert time.monotonic() - began_s < 5


def test_kept_words_need_only_typer(tab: Tab, filled: StubGateway, home: Home) -> None:
    tab("prismctl keys get ", "keys")
    line = {"_PRISMCTL_COMPLETE": "bash", "_PRISMCTL_LINE": "prismctl keys get "}
    modules, out = loaded(home.path / "config", **line)
    assert "ci\n" in out
    assert modules == {"typer"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prismctl budgets get tag:te", ["team=search"]),
        ("prismctl budgets get tag:team=", ["search"]),
        ("prismctl usage report --key=te", ["team\\ search"]),
        ("prismctl keys get team\\ s", ["team\\ search"]),
        ("prismctl keys get 'te", []),
        ('prismctl keys get "c', ["ci"]),
        ("prismctl keys get ev", ["evil\\$\\(touch\\ pwned\\)"]),
    ],
)
def test_bash_gets_what_it_replaces_escaped(
    tab: Tab, filled: StubGateway, line: str, expected: list[str]
) -> None:
    lists = ["budgets", "keys"] if "budgets" in line else ["keys"]
    breaks = {"_PRISMCTL_BREAKS": " \t\n\"'@><=;|&(:"}
    assert tab(line, *lists, shell="bash", **breaks) == ["words", *expected]


@pytest.mark.parametrize("name", sorted(offers.WORDS.keys() - {"budgets.budget"}))
def test_every_word_of_the_table_can_be_asked_for(name: str, stub: StubGateway) -> None:
    assert all(item.value for item in offers.WORDS[name](Session()))
    assert [*offers.WORDS[name](Session())]
