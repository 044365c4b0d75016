"""Figures, charts, routes: small pure things that a screen is drawn of."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from prismctl.output.human import Look
from prismctl.tui import figures, look
from prismctl.tui.route import Routes
from prismctl.tui.widgets import chart, detail

PEOPLE = Look(is_people=True, is_unicode=True, now=datetime(2026, 11, 26, tzinfo=UTC))
ASCII = Look(is_people=True, is_unicode=False, now=PEOPLE.now)
PIPE = Look(is_people=False, is_unicode=True, now=PEOPLE.now)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.00005, "5e-05"), (0.0042, "0.0042"), (0.42, "0.42"), (9.14, "9.1"),
     (128.4, "128"), (999.7, "1.0k"), (4_200, "4.2k"), (3.1e6, "3.1M"), (2e12, "2.0T")],
)  # fmt: skip
def test_short_numbers(value: float, text: str) -> None:
    assert figures.short(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.00004, "0.04 ms"), (0.0042, "4.2 ms"), (0.412, "412 ms"), (1.2345, "1.23 s"),
     (240, "240 s")],
)  # fmt: skip
def test_durations(value: float | None, text: str) -> None:
    assert figures.seconds(value) == text


def test_shares_and_statuses() -> None:
    assert [figures.percent(x) for x in (None, 0.0, 0.0123, 1.0)] == ["-", "0.0%", "1.2%", "100%"]
    assert [figures.status(x, PEOPLE) for x in (200, 429, 503, None)] == [
        "● 200", "▲ 429", "✕ 503", "▲ -"]  # fmt: skip
    assert figures.status(503, ASCII) == "x 503"
    assert figures.status(503, PIPE) == "503"
    assert [figures.status_tone(x) for x in (200, 404, 500)] == ["green", "yellow", "red"]


def test_money_tokens_times_and_names() -> None:
    assert figures.cost(837_120, PEOPLE) == "$0.000837"
    assert figures.cost(None, PEOPLE) == "-"
    call = {"input_tokens": 1284, "output_tokens": 61}
    assert figures.tokens(call, PEOPLE) == "1.3k→61"  # type: ignore[arg-type]
    assert figures.tokens({"usage": call}, ASCII) == "1.3k>61"  # type: ignore[dict-item]
    assert figures.clock(Decimal("1795694400.5"), PEOPLE) == "12:00:00"
    assert figures.clock(10**18, PEOPLE) == ""
    assert figures.times(3, PEOPLE) == "\N{MULTIPLICATION SIGN}3"
    assert figures.times(1, PEOPLE) == ""
    assert figures.name_of_key({"key_id": "key_0123456789abcdef"}, PEOPLE) == "key_..89abcdef"
    assert figures.name_of_key({"key_id": "k", "key_name": "ci"}, PEOPLE) == "ci"


def test_a_history_is_squeezed_from_its_newest_end() -> None:
    assert chart.squeezed([1, 2], 4) == [0, 0, 1, 2]
    assert chart.squeezed([9, 1, 3, 5, 7], 3) == [9, 2, 6]
    assert chart.squeezed([1], 0) == []


def test_columns_of_several_lines() -> None:
    assert chart.columns([0, 1, 2, 4], 4, 1, PEOPLE) == [" ▂▄█"]
    assert chart.columns([0, 1, 2, 4], 4, 2, PEOPLE) == ["   █", " ▄██"]
    assert chart.columns([0, 0.001, 4], 3, 1, PEOPLE) == [" ▁█"]
    assert chart.columns([1, 2], 2, 1, PEOPLE, top=16) == ["▁▁"]
    assert chart.columns([0, 0], 2, 1, PEOPLE) == ["  "]
    assert chart.columns([0, 4], 2, 1, ASCII)[0].isascii()


def test_a_gauge_shows_that_there_is_something() -> None:
    assert chart.gauge(0.5, 10, PEOPLE).plain == "█████─────"
    assert chart.gauge(0.001, 10, PEOPLE).plain == "█─────────"
    assert chart.gauge(7, 4, ASCII).plain == "####"


HOSTILE = "a\x1b]0;x\x07\u202e[bold red]b[/]\n"


def test_text_from_elsewhere_is_shown_and_never_obeyed() -> None:
    shown = "a\\x1b]0;x\\x07\\u202e[bold red]b[/]\\n"
    assert look.text(HOSTILE).plain == shown
    assert look.line(HOSTILE, (HOSTILE, "red")).plain == shown * 2
    assert look.block(HOSTILE).plain == shown.removesuffix("\\n") + "\n"
    assert "\x1b" not in detail.raw({HOSTILE: HOSTILE}).plain
    assert not look.text("[red]x[/red]").spans


def test_fitting() -> None:
    assert look.fitted(look.text("abcdef"), 4, PEOPLE).plain == "abc…"
    assert look.fitted(look.text("abcdef"), 4, ASCII).plain == "abc~"
    assert look.fitted(look.text("ab"), 4, PEOPLE, is_right=True).plain == "  ab"


def test_a_history_of_screens() -> None:
    routes = Routes("overview")
    assert not routes.back()
    assert not routes.last()
    routes.go("traffic")
    routes.go("trace req_1")
    assert (routes.screen, routes.argument) == ("trace", "req_1")
    assert routes.back()
    assert routes.route == "traffic"
    assert routes.forward()
    assert not routes.forward()
    assert routes.last()
    assert routes.route == "traffic"
    assert routes.last()
    assert routes.route == "trace req_1"
    routes.back()
    routes.go("help")
    assert not routes.forward()
