"""Calls as they end: nothing twice, nothing left out unsaid, through a restart of the gateway."""

import json
from dataclasses import replace
from typing import Any

import pytest

from prismctl.cli import run
from prismctl.client import events
from prismctl.output import tty
from tests.prismctl import feed
from tests.prismctl.commands.golden import compare
from tests.prismctl.stub import Canned, Streamed, StubGateway, error, key, listing
from tests.prismctl.support import PEOPLE, Run

PATH = "/-/events"
ALL = str(len([told for told in feed.EVERYTHING if told["type"] != "gap"]))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FIRST_WAIT_S", 0.0)


def play(stub: StubGateway, *told: dict[str, Any]) -> None:
    stub.on("GET", PATH, Streamed(feed.sent(*told), is_held=True))


@pytest.mark.parametrize("form", ["line", "json"])
def test_in_a_pipe(cli: Run, stub: StubGateway, form: str) -> None:
    play(stub, *feed.EVERYTHING)
    result = cli("tail", "--topics", "all", "-o", form, "--limit", ALL)
    assert (result.code, result.err) == (0, "")
    compare(f"tail.{form}", result.out)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_in_a_terminal(cli: Run, stub: StubGateway, width: int) -> None:
    play(stub, *feed.EVERYTHING)
    terminal = replace(PEOPLE, width=width, is_out_colored=width == 100)
    result = cli("tail", "--topics", "all", "--limit", ALL, terminal=terminal)
    assert (result.code, result.err) == (0, "")
    assert "\x07" not in result.out
    compare(f"tail.tty-{width}", result.out)


def test_a_terminal_that_becomes_wider_is_used(
    stub: StubGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    play(stub, *[feed.CALLS[0]] * 4)
    widths = iter([80, 80, 80])
    monkeypatch.setattr(tty, "detect", lambda color, env: replace(PEOPLE, width=next(widths, 160)))
    assert run(["tail", "-n", "4"]) == 0
    heads = ["IN/OUT" in line for line in capsys.readouterr().out.splitlines() if "TIME" in line]
    assert heads == [False, True]


def test_without_unicode(cli: Run, stub: StubGateway) -> None:
    play(stub, *feed.EVERYTHING)
    terminal = replace(PEOPLE, is_unicode=False)
    result = cli("tail", "--topics", "all", "--limit", ALL, terminal=terminal)
    assert result.out.isascii()


def test_json_is_the_feed_unchanged(cli: Run, stub: StubGateway) -> None:
    play(stub, *feed.EVERYTHING)
    out = cli("tail", "--topics", "all", "-o", "jsonl", "--limit", ALL).out
    assert [json.loads(line) for line in out.splitlines()] == feed.EVERYTHING


def test_fields_are_of_json(cli: Run, stub: StubGateway) -> None:
    play(stub, feed.CALLS[0])
    result = cli("tail", "-o", "json", "-n", "1", "--fields", "status,model")
    assert result.out == '{"status":200,"model":"smart"}\n'
    result = cli("tail", "--fields", "status")
    assert (result.code, stub.sent[1:]) == (2, [])


def test_the_gateway_filters(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", listing(key()))
    stub.on("GET", "/-/keys/key_0001", key())
    play(stub, feed.CALLS[0])
    result = cli(
        "tail", "--key", "ci", "--org", "acme", "--owner", "ana", "--model", "smart",
        "--provider", "groq", "--status", "4xx,5xx", "--min-cost", "0.05",
        "--min-latency", "1.5s", "--sample", "all", "--bodies", "-n", "1",
    )  # fmt: skip
    assert result.code == 0
    assert stub.last("GET").query == (
        "key=key_0001&org=acme&owner=ana&model=smart&provider=groq&status=4xx%2C5xx"
        "&min_cost=0.05&min_latency=1500&sample=all&bodies=true&topics=call%2Cguard"
    )


def test_since_is_told_once_and_in_order(cli: Run, stub: StubGateway) -> None:
    first, second, third, fourth = feed.CALLS[:4]
    stub.on(
        "GET",
        "/-/requests",
        listing(feed.request(third), feed.request(second), has_more=True)
        | {"continue_after": third["request_id"]},
        listing(feed.request(first)),
    )
    play(stub, second, third, fourth)
    result = cli("tail", "--since", "10m", "-n", "4", "-o", "json", "--status", "2xx")
    ids = [json.loads(line)["request_id"] for line in result.out.splitlines()]
    assert ids == ["req_0001", "req_0002", "req_0003", "req_0004"]
    told = [json.loads(line) for line in result.out.splitlines()]
    assert told[0] == {name: first[name] for name in first if name not in ("id", "node")}
    lists = [sent.query for sent in stub.sent if sent.path == "/-/requests"]
    assert lists[0] == "since=2026-11-23T11%3A50%3A00.000Z&status=2xx&limit=500"
    assert "&after=req_0003&" in lists[1]
    # The feed runs before the list is read: what ends in between is in both.
    assert [sent.path for sent in stub.sent][:2] == [PATH, "/-/requests"]


def test_it_comes_back_by_itself_and_says_so(cli: Run, stub: StubGateway) -> None:
    stub.on(
        "GET",
        PATH,
        Streamed(feed.sent(feed.CALLS[0])),
        error(503, "starting", "The gateway starts."),
        Streamed(feed.sent(feed.CALLS[1]), is_held=True),
    )
    result = cli("tail", "-n", "2", terminal=PEOPLE)
    assert result.code == 0
    assert result.out.count("\n") == 3
    assert result.err == (
        "the line is lost: the gateway ended the feed; trying again\nconnected again\n"
    )
    assert stub.last("GET").headers["last-event-id"] == "1"


def test_what_nobody_can_read_is_said(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", PATH, Streamed([b"data: {\n\n", *feed.sent(feed.CALLS[0])], is_held=True))
    result = cli("tail", "-n", "1")
    assert result.err == "events that nobody can read: 1\n"


def test_bodies_are_shown_and_harmless(cli: Run, stub: StubGateway) -> None:
    body = {"messages": [{"role": "user", "content": "hi \x1b[2J"}]}
    told = feed.call(1, request_body=body, response_body="two\nlines\x1b]0;x\x07")
    told["is_response_body_cut"] = True
    play(stub, told)
    result = cli("tail", "--bodies", "-n", "1", terminal=PEOPLE)
    assert "\x1b" not in result.out
    assert result.out.splitlines()[2:] == [
        r'    request   {"messages":[{"role":"user","content":"hi \u001b[2J"}]}',
        "    response  two",
        r"    response  lines\x1b]0;x\x07 …",
    ]


def test_bodies_of_what_was_before_are_read_one_by_one(cli: Run, stub: StubGateway) -> None:
    first, second = feed.call(1, has_bodies=True), feed.call(2)
    stub.on("GET", "/-/requests", listing(feed.request(second), feed.request(first)))
    kept = {"request_body": {"model": "m"}, "response_body": "x", "is_request_body_cut": False}
    stub.on("GET", "/-/requests/req_0001", feed.request(first) | kept)
    play(stub)
    result = cli("tail", "--since", "10m", "--bodies", "-n", "2", "-o", "json")
    told, other = (json.loads(line) for line in result.out.splitlines())
    assert {name: told[name] for name in kept} == kept
    assert "request_body" not in other
    assert [sent.query for sent in stub.sent if sent.path.endswith("req_0001")] == ["bodies=true"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "yaml"), "tail writes lines: there is no 'yaml' of them"),
        (("--since", "soon"), "--since 'soon' is not a time"),
        (("--min-latency", "0"), "--min-latency '0' is not a span of time"),
        (("--min-cost", "-1"), "'-1' is not an amount of dollars"),
    ],
)
def test_what_cannot_be_meant(
    cli: Run, stub: StubGateway, words: tuple[str, ...], message: str
) -> None:
    result = cli("tail", *words)
    assert result.code == 2
    assert message in result.err


def test_a_global_format_before_the_command_is_obeyed(cli: Run, stub: StubGateway) -> None:
    play(stub, feed.CALLS[0])
    assert json.loads(cli("-o", "json", "tail", "-n", "1").out) == feed.CALLS[0]
    result = cli("-o", "csv", "tail")
    assert result.code == 2


def test_refusals_and_silence_have_their_exit_codes(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", PATH, error(401, "invalid_admin_token"))
    assert cli("tail").code == 3
    stub.on("GET", PATH, Canned({}, is_cut=True))
    result = cli("tail")
    assert (result.code, result.out) == (6, "")
    assert "hint: is the gateway running?" in result.err
