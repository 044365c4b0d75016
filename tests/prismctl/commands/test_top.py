"""Rates are differences of exact totals; pictures are drawn again in place."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from prismctl import clock
from prismctl.client import events
from prismctl.commands.top_board import Board, Sums, quantile_s, row
from prismctl.jsontext import as_object, loads
from tests.prismctl import feed
from tests.prismctl.commands.golden import compare
from tests.prismctl.stub import Canned, Streamed, StubGateway, error, key, listing
from tests.prismctl.support import PEOPLE, Run

BOUNDS = [0.1, 0.5, 1, 5]
PEOPLE_IN_COLOR = replace(PEOPLE, is_out_colored=True)
DONE = error(404, "not_found", "The test is over.")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FIRST_WAIT_S", 0.0)


def series(model: str, provider: str, calls: int, **fields: Any) -> dict[str, Any]:
    return {
        "model": model,
        "provider": provider,
        "calls": calls,
        "errors": 0,
        "input_tokens": calls * 1000,
        "output_tokens": calls * 100,
        "cost_nano_usd": calls * 2_000_000,
        "unpriced": 0,
        "latency_buckets": [0, calls, 0, 0, 0],
        "first_byte_buckets": [calls, 0, 0, 0, 0],
        **fields,
    }


def tick(seq: int, *rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    told = {"uptime_s": 100.0 + seq, "running": 3, "latency_bounds_s": BOUNDS, "series": rows}
    return feed.other("tick", seq, **told | fields)


TICKS = [
    tick(1, series("smart", "groq", 10), series("fake/echo", "fake", 5)),
    tick(2, series("smart", "groq", 40), series("fake/echo", "fake", 5)),
    tick(
        3,
        series("smart", "groq", 50, errors=3, latency_buckets=[0, 12, 8, 30, 0]),
        series("smart", "openai", 30),
        series("\x1b[2Jevil", "fake", 2, cost_nano_usd=0, unpriced=2),
        series("fake/echo", "fake", 5),
    ),
]


def board_of(window_s: float, *told: dict[str, Any]) -> Board:
    board = Board(window_s)
    for body in told:
        board.take(as_object(loads(json.dumps(body))))
    return board


def play(stub: StubGateway, *told: dict[str, Any]) -> None:
    stub.on("GET", "/-/events", Streamed(feed.sent(*told)), DONE)


def test_rates_are_those_of_the_window() -> None:
    board = board_of(10, *(tick(at_s, series("m", "p", at_s * 3)) for at_s in range(0, 30, 2)))
    assert board.span_s == 10
    [(name, sums)] = board.sums("model").items()
    assert (name, sums.calls) == ("m", 30)
    shown = row(sums, board.span_s, board.bounds_s)
    assert shown["calls_per_s"] == 3
    assert shown["cost"] == Decimal("0.06")
    assert shown["cost_per_hour"] == Decimal("21.6")
    assert shown["tokens_per_s"] == 3300


def test_a_model_that_is_new_counts_from_zero_and_an_idle_one_is_left_out() -> None:
    board = board_of(60, *TICKS)
    assert {name: one.calls for name, one in board.sums("model").items()} == {
        "smart": 70,
        "\x1b[2Jevil": 2,
    }
    assert {name: one.calls for name, one in board.sums("provider").items()} == {
        "groq": 40,
        "openai": 30,
        "fake": 2,
    }


@pytest.mark.parametrize("changed", [{"uptime_s": 1.0}, {"node": "gw-2"}])
def test_a_gateway_that_was_started_again_begins_at_zero(changed: dict[str, Any]) -> None:
    board = board_of(60, tick(1, series("m", "p", 1000)), tick(2, series("m", "p", 7), **changed))
    assert (board.span_s, board.sums("model")) == (0, {})


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ((0, 10, 0, 0, 0), 0.5, 0.3),
        ((10, 0, 0, 0, 0), 0.95, 0.095),
        ((5, 0, 5, 0, 0), 0.5, 0.1),
        ((0, 0, 0, 0, 9), 0.5, 5),
        ((0, 0, 0, 0, 0), 0.5, None),
        ((), 0.5, None),
    ],
)
def test_quantiles(counts: tuple[int, ...], share: float, seconds: float | None) -> None:
    assert quantile_s(counts, BOUNDS, share) == (
        None if seconds is None else pytest.approx(seconds)
    )


def test_nothing_is_divided_by_nothing() -> None:
    shown = row(Sums(), 0, BOUNDS)
    assert (shown["calls_per_s"], shown["error_share"], shown["cost_per_hour"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "words", "width"),
    [
        ("model", (), 80),
        ("provider", ("--by", "provider", "--sort", "latency"), 100),
        ("wide", ("-o", "wide", "--sort", "cost"), 160),
    ],
)
def test_it_is_drawn_in_place(
    cli: Run, stub: StubGateway, name: str, words: tuple[str, ...], width: int
) -> None:
    play(stub, *TICKS)
    terminal = replace(PEOPLE_IN_COLOR if name == "provider" else PEOPLE, width=width)
    result = cli("top", "--interval", "1s", *words, terminal=terminal)
    assert result.code == 4
    compare(f"top-{name}.tty", result.out)


def test_in_a_pipe_each_refresh_is_a_line(cli: Run, stub: StubGateway) -> None:
    play(stub, *TICKS)
    out = cli("top", "--interval", "2s", "-n", "1").out
    compare("top.pipe", out)
    first, last = (json.loads(line) for line in out.splitlines())
    assert (first["span_s"], first["data"]) == (0, [])
    assert (last["span_s"], last["totals"]["calls"]) == (2, 72)


USAGE = {
    "object": "list",
    "data": [
        {"key": "key_0001", "org": "acme", "requests": 120, "errors": 6, "input_tokens": 60_000,
         "output_tokens": 6_000, "cost_nano_usd": 500_000_000, "unpriced_requests": 0},
        {"key": "key_0002", "org": None, "requests": 30, "errors": 0, "input_tokens": 900_000,
         "output_tokens": 0, "cost_nano_usd": 1_500_000_000, "unpriced_requests": 3},
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "yaml", "csv", "name"])
def test_once(cli: Run, stub: StubGateway, form: str) -> None:
    stub.on("GET", "/-/usage", USAGE)
    result = cli("top", "--by", "org", "--once", "--sort", "cost", "-o", form)
    assert result.code == 0
    assert stub.last("GET").query == "group_by=org&since=2026-11-23T11%3A59%3A00.000Z"
    compare(f"top-once.{form}", result.out)


def test_once_in_a_terminal(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/usage", USAGE)
    result = cli("top", "--by", "org", "--once", terminal=PEOPLE)
    compare("top-once.tty", result.out)


def interrupted_after(count: int) -> Callable[[float], None]:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == count:
            raise KeyboardInterrupt

    return sleep


def test_by_key_it_asks_again_and_goes_on_when_the_gateway_does_not_answer(
    cli: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "sleep", interrupted_after(4))
    stub.on("GET", "/-/keys", listing(key()))
    cut = Canned({}, is_cut=True)
    stub.on("GET", "/-/usage", USAGE, cut, error(503, "starting", "The gateway starts."), USAGE)
    result = cli("top", "--by", "key", terminal=PEOPLE)
    assert result.code == 130
    compare("top-key.tty", result.out.replace(stub.url, "http://gateway"))


def test_ctrl_c_while_it_follows(
    cli: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(stub, *TICKS)

    def interrupt(self: object, body: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Board, "take", interrupt)
    assert cli("top").code == 130


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "modle"), "did you mean model?"),
        (("--sort", "costs"), "did you mean cost?"),
        (("--by", "key", "--sort", "latency"), "latency is only known from the event feed"),
        (("--sort", "latency", "--once"), "latency is only known from the event feed"),
        (("-o", "csv"), "-o csv goes with --once"),
        (("--fields", "name"), "--fields goes with --once"),
        (("--window", "x"), "--window 'x' is not a span of time"),
    ],
)
def test_what_cannot_be_meant(
    cli: Run, stub: StubGateway, words: tuple[str, ...], said: str
) -> None:
    result = cli("top", *words)
    assert (result.code, stub.sent) == (2, [])
    assert said in result.err


def test_without_a_gateway_it_ends(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/events", Canned({}, is_cut=True))
    assert cli("top").code == 6
    assert cli("top", "--by", "key", "--once").code == 4
