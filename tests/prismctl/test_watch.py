"""Looking again and again: drawn in place, or told as lines; nothing is changed by it."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from prismctl import clock
from prismctl.cli import load
from prismctl.main import COMMANDS
from prismctl.watch import _LOOKS
from tests.prismctl.commands.golden import compare
from tests.prismctl.stub import Canned, StubGateway, error, key, listing
from tests.prismctl.support import PEOPLE, Result, Run

PEOPLE_IN_COLOR = replace(PEOPLE, is_out_colored=True, is_err_colored=True)
CUT = Canned({}, is_cut=True)
Watch = Callable[..., Result]


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def watch(cli: Run, monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> Watch:
    """Run a command line that is interrupted after so many looks."""

    def call(*words: str, looks: int, **kwargs: object) -> Result:
        slept.clear()

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == looks:
                raise KeyboardInterrupt

        monkeypatch.setattr(clock, "sleep", sleep)
        return cli(*words, **kwargs)

    return call


def test_a_picture_is_drawn_in_place_and_outlives_a_restart(
    watch: Watch, stub: StubGateway
) -> None:
    stub.on(
        "GET",
        "/-/keys",
        listing(key(), key(id="key_0002", name="ana")),
        CUT,
        error(503, "starting", "The gateway starts."),
        listing(key(), key(id="key_0002", name="ana", status="blocked")),
        listing(),
    )
    result = watch("keys", "list", "-w", looks=5, terminal=PEOPLE_IN_COLOR)
    assert result.code == 130
    compare("watch-keys.tty", result.out.replace(stub.url, "http://gateway"))
    assert result.err == "\n"


def test_in_a_pipe_what_has_changed_is_a_line(watch: Watch, stub: StubGateway) -> None:
    ana = key(id="key_0002", name="ana")
    stub.on("GET", "/-/keys", listing(key(), ana), listing(key(), ana), CUT, CUT,
            listing(key(), ana | {"status": "blocked"}))  # fmt: skip
    result = watch("keys", "list", "--watch", looks=5)
    told = [json.loads(line) for line in result.out.splitlines()]
    assert told == [key(), ana, ana | {"status": "blocked"}]
    assert [json.loads(line)["error"]["code"] for line in result.err.splitlines() if line] == [
        "unreachable"
    ]


def test_with_jsonl_a_terminal_gets_lines_too(watch: Watch, stub: StubGateway) -> None:
    """Nothing is drawn over for who has it read aloud."""
    stub.on("GET", "/-/keys", listing(key()), listing(key()), listing(key(status="blocked")))
    result = watch("keys", "list", "-w", "-o", "jsonl", looks=3, terminal=PEOPLE)
    assert [json.loads(line)["status"] for line in result.out.splitlines()] == [
        "active",
        "blocked",
    ]


def test_an_object_is_told_when_it_changes(watch: Watch, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys/key_0001", key(), key(), key(status="blocked"))
    result = watch("keys", "get", "key_0001", "-w", "--fields", "name,status", looks=3)
    assert result.out == '{"name":"ci","status":"active"}\n{"name":"ci","status":"blocked"}\n'


def test_a_check_that_fails_is_watched_on(watch: Watch, stub: StubGateway) -> None:
    checks = [{"id": "backup", "state": "failed", "message": "none", "fix": "make one"}]
    stub.on("GET", "/-/capabilities", {"object": "capabilities", "version": "0.1.0"})
    stub.on("GET", "/-/doctor", {"object": "doctor", "is_well": False, "checks": checks})
    result = watch("doctor", "-w", looks=2, terminal=PEOPLE)
    assert result.code == 130
    assert "backup" in result.out
    assert result.out.count("error:") == 1


def test_what_fails_at_first_is_not_watched(watch: Watch, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", error(401, "invalid_admin_token"))
    result = watch("keys", "list", "-w", looks=1, terminal=PEOPLE)
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("prismctl: error: It is so.")


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (("keys", "list", "-w"), 2),
        (("keys", "list", "-w", "5"), 5),
        (("keys", "list", "-w5"), 5),
        (("keys", "list", "--watch=500ms"), 0.5),
        (("keys", "list", "--watch", "1m"), 60),
        (("-w", "3", "keys", "list"), 3),
        (("-w", "keys", "list"), 2),
        (("keys", "list", "-w", "--status", "active"), 2),
        (("keys", "list", "-w", "0"), None),
    ],
)
def test_how_often(
    watch: Watch, stub: StubGateway, slept: list[float], words: tuple[str, ...], seconds: float
) -> None:
    stub.on("GET", "/-/keys", listing(key()))
    result = watch(*words, looks=1)
    assert (result.code, slept) == ((2, []) if seconds is None else (130, [seconds]))


def test_a_name_behind_it_is_a_name(watch: Watch, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", listing(key()))
    stub.on("GET", "/-/keys/key_0001", key())
    assert watch("keys", "get", "-w", "ci", looks=1).code == 130


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "create", "ci", "-w"),
        ("-w", "keys", "revoke", "ci", "--yes"),
        ("chat", "hello", "-w"),
        ("budgets", "set", "key:ci", "1/day", "--watch"),
        ("api", "GET", "/-/keys", "-w"),
    ],
)
def test_what_changes_something_is_not_watched(
    watch: Watch, stub: StubGateway, words: tuple[str, ...]
) -> None:
    result = watch(*words, looks=1)
    assert (result.code, stub.sent) == (2, [])
    assert "cannot be watched" in result.err


def test_only_what_is_known_to_look_is_watched() -> None:
    changing = {"create", "update", "block", "unblock", "revoke", "set", "reset", "delete", "rm"}
    changing |= {"add", "use", "reload", "login", "logout", "up", "chat", "api", "replay", "curl"}
    assert not _LOOKS & changing
    verbs = {verb for name in COMMANDS for verb in getattr(load(name), "commands", {name: None})}
    assert verbs >= _LOOKS - {"explain"}


def test_a_format_that_is_none_of_lines(watch: Watch, stub: StubGateway) -> None:
    result = watch("keys", "list", "-w", "-o", "csv", looks=1)
    assert (result.code, stub.sent) == (2, [])
    assert "not -o csv" in result.err
