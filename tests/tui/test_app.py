"""What the dashboard does when keys are pressed and things happen."""

import re
from datetime import timedelta
from typing import Any

import pytest

from prismctl import clock
from prismctl.errors import PrismctlError
from prismctl.jsontext import Object
from prismctl.tui import keys
from prismctl.tui.key_table import TABLE, Key
from prismctl.tui.pane import Change
from prismctl.tui.widgets.confirm import Confirm
from prismctl.tui.widgets.detail import Detail
from prismctl.tui.widgets.resource_table import ResourceTable
from tests.prismctl.support import NOW
from tests.tui.pictures import NARROW, press, settled, started, text
from tests.tui.recording import TRACED
from tests.tui.scripted import LIVE, Scripted, call, live, tell

CALLS = [call(n) for n in range(30)]


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def ids(table: ResourceTable | None) -> list[str]:
    assert table is not None
    return [str(row["request_id"]) for row in table.shown]


def under_cursor(table: ResourceTable | None) -> str:
    assert table is not None
    assert table.row is not None
    return str(table.row["request_id"])


async def test_going_around() -> None:
    async with started() as (app, pilot):
        await press(pilot, "2")
        assert app.entry.name == "traffic"
        await press(pilot, "enter")
        assert app.entry.name == "trace"
        assert f"Trace {TRACED}" in text(app)
        await press(pilot, "escape")
        assert app.entry.name == "traffic"
        await press(pilot, "right_square_bracket")
        assert app.entry.name == "trace"
        await press(pilot, "left_square_bracket", "left_square_bracket")
        assert app.entry.name == "overview"
        await press(pilot, "minus")
        assert app.entry.name == "traffic"
        await press(pilot, "question_mark")
        assert app.entry.name == "help"


async def test_a_command_is_completed_run_and_remembered() -> None:
    async with started() as (app, pilot):
        await press(pilot, "colon", "t", "r", "a", "f")
        assert "traffic" in text(app).splitlines()[-1]
        await press(pilot, "tab", "enter")
        assert app.entry.name == "traffic"
        await press(pilot, "1", "colon", "up", "enter")
        assert app.entry.name == "traffic"
        await press(pilot, "colon", "x", "escape")
        assert app.entry.name == "traffic"
        await press(pilot, "colon", *"trafic", "enter")
        assert "there is no :trafic - did you mean :traffic?" in " ".join(text(app).split())


async def test_a_command_with_an_argument() -> None:
    async with started() as (app, pilot):
        await press(pilot, "colon", *"trace", "space", *TRACED.replace("_", "_"), "enter")
        assert "DECISIONS" in text(app)


@pytest.mark.parametrize("words", ["q", "quit"])
async def test_quitting(words: str) -> None:
    feed = Scripted()
    async with live(feed) as (app, pilot):
        await pilot.press("colon", *words, "enter")
        await pilot.pause()
        assert app._exit
    assert feed.is_stopped


async def test_a_filter_works_while_it_is_typed_and_can_be_taken_back() -> None:
    async with live(Scripted(LIVE, *CALLS), screen="traffic") as (app, pilot):
        table = app.pane.table
        await press(pilot, "slash", *"req_02")
        assert len(ids(table)) == 10
        await press(pilot, "escape")
        assert len(ids(table)) == 30
        await press(pilot, "slash", *"req_02", "enter")
        assert "10 of 30 /req_02" in text(app)
        await press(pilot, "slash", *"9", "enter")
        assert ids(table) == ["req_029"]
        await press(pilot, "escape")
        assert len(ids(table)) == 30
        assert app.entry.name == "traffic"


async def test_an_inverted_filter() -> None:
    async with live(Scripted(LIVE, *CALLS, call(99, status=502)), screen="traffic") as (app, pilot):
        await press(pilot, "slash", "exclamation_mark", *"200", "enter")
        assert ids(app.pane.table) == ["req_099"]
        await press(pilot, "slash", *"zzz", "enter")
        assert len(ids(app.pane.table)) == 31


async def test_a_filter_that_matches_nothing_says_so() -> None:
    async with live(Scripted(LIVE, *CALLS), screen="traffic") as (app, pilot):
        await press(pilot, "slash", *"nothing", "enter")
        assert "nothing matches /nothing - esc shows all" in text(app)


async def test_words_with_an_equals_sign_filter_at_the_gateway() -> None:
    feed = Scripted(LIVE, *CALLS)
    async with live(feed, screen="traffic") as (app, pilot):
        await press(pilot, "slash", *"key", "equals_sign", *"ci", "space", *"status")
        assert feed.filters == {}
        await press(pilot, "equals_sign", *"5xx", "space", *"req", "enter")
        # A key is typed by its name, and asked for by its id.
        assert feed.filters == {"key": "key_1", "status": "5xx"}
        assert ids(app.pane.table) == []
        await tell(app, pilot, call(40, status=503), call(41, status=200))
        assert ids(app.pane.table) == ["req_040"]
        assert app.pane.command == ("tail", "--key", "key_1", "--status", "5xx")
        await press(pilot, "escape")
        assert feed.filters == {}


async def test_sorting_by_columns_and_back() -> None:
    async with live(Scripted(LIVE, *CALLS), screen="traffic") as (app, pilot):
        table = app.pane.table
        await press(pilot, "s")
        assert ids(table) == sorted(ids(table))
        await press(pilot, "S")
        assert ids(table) == sorted(ids(table), reverse=True)
        await press(pilot, *"ssssss")
        assert "by total" in text(app)
        # The greatest number first.
        assert ids(table)[0] == "req_029"
        await press(pilot, *"ssss")
        assert "by " not in text(app).splitlines()[-2]
        assert ids(table)[0] == "req_029"


async def test_the_cursor_stays_on_its_object_whatever_comes() -> None:
    async with live(Scripted(LIVE, *CALLS), NARROW, screen="traffic") as (app, pilot):
        table = app.pane.table
        await press(pilot, "j", "j")
        assert under_cursor(table) == "req_027"
        line = next(at for at, row in enumerate(text(app).splitlines()) if "▌" in row)
        await tell(app, pilot, *(call(n) for n in range(40, 55)))
        assert under_cursor(table) == "req_027"
        assert "▌" in text(app).splitlines()[line]
        await press(pilot, "G")
        assert under_cursor(table) == "req_000"
        await press(pilot, "g")
        assert under_cursor(table) == "req_054"
        await press(pilot, "pagedown", "k")
        assert under_cursor(table) != "req_054"


async def test_following_stays_on_the_newest() -> None:
    async with live(Scripted(LIVE, *CALLS), screen="traffic") as (app, pilot):
        await tell(app, pilot, call(50))
        assert under_cursor(app.pane.table) == "req_050"
        await press(pilot, "j", "f")
        await tell(app, pilot, call(60))
        assert under_cursor(app.pane.table) == "req_060"
        await press(pilot, "f")
        await tell(app, pilot, call(70))
        assert under_cursor(app.pane.table) == "req_060"


async def test_marks_and_their_end() -> None:
    async with live(Scripted(LIVE, *CALLS), screen="traffic") as (app, pilot):
        table = app.pane.table
        assert table is not None
        await press(pilot, "space", "space", "j", "space")
        assert [row["request_id"] for row in table.marked] == ["req_029", "req_028", "req_026"]
        assert "3 marked" in text(app)
        await press(pilot, "escape")
        assert "marked" not in text(app)
        assert [row["request_id"] for row in table.marked] == [under_cursor(table)]


async def test_paused_nothing_moves_and_nothing_is_lost() -> None:
    async with live(Scripted(LIVE, *CALLS), screen="traffic") as (app, pilot):
        await press(pilot, "p")
        before = text(app).splitlines()[1:]
        await tell(app, pilot, call(50))
        assert "PAUSED" in text(app)
        assert text(app).splitlines()[1:] == before
        await press(pilot, "p")
        assert ids(app.pane.table)[0] == "req_050"


async def test_the_equal_command_is_copied_for_this_gateway() -> None:
    feed = Scripted(LIVE, *CALLS)
    async with live(feed, screen="traffic", flags=("--context", "prod")) as (app, pilot):
        await press(pilot, "y")
        assert app.clipboard == "prismctl tail --context prod"
        await press(pilot, "j", "y")
        assert app.clipboard == "prismctl requests get req_028 --context prod"
        assert "copied: prismctl requests get req_028" in text(app)
        await press(pilot, "c")
        assert app.clipboard == "req_028"


async def test_a_hostile_id_cannot_leave_the_quotes_of_a_copied_command() -> None:
    evil = "x'; rm -rf ~\x1b[2J\n"
    async with live(Scripted(LIVE, call(1, request_id=evil)), screen="traffic") as (app, pilot):
        await press(pilot, "j", "y")
        assert app.clipboard == "prismctl requests get 'x'\"'\"'; rm -rf ~\\x1b[2J\\n'"


async def test_raw_and_described() -> None:
    async with live(Scripted(LIVE, *CALLS), screen="traffic") as (app, pilot):
        await press(pilot, "v")
        assert isinstance(app.screen, Detail)
        assert '"request_id": "req_029"' in text(app)
        await press(pilot, "escape", "d")
        assert re.search(r"provider +openai", text(app))
        await press(pilot, "q")
        assert app.entry.name == "traffic"
        assert not isinstance(app.screen, Detail)


async def test_a_trace_of_a_live_gateway() -> None:
    feed = Scripted(LIVE, *CALLS)
    feed.answers["/-/requests/req_029"] = {
        "id": "req_029", "model": "gpt", "status": 200,
        "stages": [{"stage": "plan", "ms": 1.5, "detail": {"targets": ["openai/gpt"]}}],
    }  # fmt: skip
    async with live(feed, screen="traffic") as (app, pilot):
        await press(pilot, "enter")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert "targets=openai/gpt" in text(app)
        # One that the gateway no longer has is shown as far as the feed told of it.
        await press(pilot, "escape", "j", "enter")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert "nothing at /-/requests/req_028" in text(app)
        assert "gpt → openai" in text(app)


async def test_a_quiet_line_is_stale_and_a_lost_one_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with live(Scripted(LIVE, call(1))) as (app, pilot):
        assert "● live" in text(app)
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=20))
        await tell(app, pilot)
        assert "▲ stale 20 s" in text(app)
        await tell(app, pilot, {"type": "link", "state": "lost", "message": "refused"})
        assert "✕ lost 20 s" in text(app)
        await tell(app, pilot, {"type": "link", "state": "polling"})
        assert "◐ polling" in text(app)
        await tell(app, pilot, LIVE, call(2))
        assert "● live" in text(app)


async def test_what_a_screen_needs_is_asked_while_it_is_shown() -> None:
    feed = Scripted(LIVE)
    async with live(feed) as (app, pilot):
        assert feed.wanted == app.entry.paths
        await press(pilot, "r")
        assert feed.refreshed == 1


async def test_other_keys() -> None:
    feed = Scripted(LIVE, *CALLS)
    async with live(feed, screen="traffic", keymap={"sort": "o", "go.overview": "f5"}) as (
        app,
        pilot,
    ):
        assert " o sort" in text(app).splitlines()[-1]
        await press(pilot, "s")
        assert ids(app.pane.table)[0] == "req_029"
        await press(pilot, "o")
        assert ids(app.pane.table)[0] == "req_000"
        await press(pilot, "f5")
        assert app.entry.name == "overview"


def change(made: list[str], problem: PrismctlError | None = None) -> Change:
    def make(admin: object) -> Object:
        if problem is not None:
            raise problem
        made.append(str(admin))
        return {"id": "key_1"}

    return Change(
        title="Revoke key ci",
        lines=["calls with it are refused from now on"],
        command=("keys", "revoke", "ci"),
        make=make,
        done="ci is revoked",
        is_final=True,
        then=lambda answer: made.append(str(answer["id"])),
    )


async def test_a_change_is_made_after_a_yes_alone() -> None:
    made: list[str] = []
    feed = Scripted(LIVE)
    async with live(feed, admin="admin", is_writing=True) as (app, pilot):
        assert " WRITE " in text(app)
        for key in ("n", "escape", "enter"):
            app.ask(change(made))
            await settled(pilot)
            assert isinstance(app.screen, Confirm)
            assert "calls with it are refused from now on" in text(app)
            assert "$ prismctl keys revoke ci" in text(app)
            assert "This cannot be undone." in text(app)
            await press(pilot, key)
            assert made == []
        app.ask(change(made))
        await settled(pilot)
        await press(pilot, "y")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert made == ["admin", "key_1"]
        assert "ci is revoked" in text(app)
        assert feed.refreshed == 1


async def test_a_change_that_fails_says_why() -> None:
    async with live(Scripted(LIVE), admin="admin", is_writing=True) as (app, pilot):
        app.ask(change([], PrismctlError("somebody changed it", hint="look again")))
        await settled(pilot)
        await press(pilot, "y")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert "somebody changed it" in text(app)
        assert "look again" in text(app)


async def test_without_write_dangerous_keys_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    danger = Key(
        action="danger", keys="ctrl+d", context="subject", label="danger", help="D",
        is_dangerous=True,
    )  # fmt: skip
    monkeypatch.setattr(keys, "TABLE", (*TABLE, danger))
    async with live(Scripted(LIVE, *CALLS), admin="admin", screen="traffic") as (app, _):
        assert "read-only" in text(app)
        assert "danger" not in text(app)
        assert app.pane.check_action("danger", ()) is False
        assert app.pane.check_action("sort", ()) is True
    async with live(Scripted(LIVE, *CALLS), admin="admin", screen="traffic", is_writing=True) as (
        app,
        _,
    ):
        assert "danger" in text(app)
        assert app.pane.check_action("danger", ()) is True


async def test_overview_leads_to_what_a_row_is_about() -> None:
    async with started() as (app, pilot):
        await press(pilot, "y")
        assert app.clipboard == "prismctl top --by model"
        await press(pilot, "enter")
        assert app.entry.name == "traffic"
        assert app.pane.filter == "model=gpt-5.5-mini"
        await press(pilot, "escape", "1", "tab")
        await press(pilot, "y")
        assert app.clipboard == "prismctl providers health"
        await press(pilot, "enter")
        assert app.pane.filter == "provider=groq"
        await press(pilot, "escape", "1", "tab", "tab", "enter")
        assert app.entry.name == "trace"


@pytest.mark.parametrize("screen", ["overview", "traffic", "trace", "help"])
async def test_a_terminal_without_box_drawing_gets_none(screen: str) -> None:
    async with started(NARROW, is_unicode=False, screen=screen) as (app, pilot):
        if screen == "trace":
            await press(pilot, "colon", *"trace", "space", *TRACED, "enter")
        assert text(app).isascii(), [c for c in text(app) if not c.isascii()]


@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
async def test_themes(theme: str) -> None:
    async with started(theme="dark" if theme != "dark" else "ansi") as (app, pilot):
        await press(pilot, "colon", *"theme", "space", *theme, "enter")
        assert app.current_theme.name == {"ansi": "ansi"}.get(theme, f"prism-{theme}")
        assert "Requests" in text(app)


async def test_a_theme_that_is_not_there() -> None:
    async with started() as (app, pilot):
        await press(pilot, "colon", *"theme", "space", *"pink", "enter")
        assert "themes: dark, light, ansi" in text(app)


async def test_the_palette_goes_to_screens() -> None:
    async with started() as (app, pilot):
        await press(pilot, "ctrl+p", *"Traffic", "enter")
        await pilot.pause(0.2)
        await settled(pilot)
        assert app.entry.name == "traffic"


async def test_another_size_is_drawn_anew() -> None:
    async with started(NARROW) as (app, pilot):
        await pilot.resize_terminal(120, 40)
        await settled(pilot)
        lines = text(app).splitlines()
        assert len(lines) == 40
        assert lines[0].startswith(" PRISM  prod")
        assert "v0.1.0" in lines[0]
        assert "p95 " in text(app)


async def test_nothing_from_elsewhere_reaches_the_terminal_raw() -> None:
    bad = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
    evil = "e\x1b]52;c;cm0=\x07\x9b2J\u202e[red]x[/]\r\n"
    names = ("request_id", "key_id", "key_name", "model", "provider", "error_code", "owner", "op",
             "upstream_model")  # fmt: skip
    row = dict.fromkeys(names, evil)
    events: list[dict[str, Any]] = [
        LIVE,
        {"type": "snapshot", "path": "/-/health/providers",
         "body": {"providers": [{"id": evil, "state": evil}]}},
        {"type": "provider", "provider": evil, "state": "failing", "reason": evil},
        {"type": "log", "level": evil, "message": evil},
        {"type": "node", "action": "ready", "version": evil},
        call(1, **row | {"status": 502}),
    ]  # fmt: skip
    async with live(Scripted(*events), name=evil, url=evil) as (app, pilot):
        for pressed in (("1",), ("2",), ("v",), ("escape", "d"), ("escape", "enter"), ("y",)):
            await press(pilot, *pressed)
            await app.workers.wait_for_complete()
            await settled(pilot)
            assert not bad.search(text(app)), pressed
            assert "\\x1b]52" in text(app), pressed
