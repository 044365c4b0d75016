"""Usage, Audit, Config and Logs: what they do when keys are pressed and things happen."""

from datetime import timedelta
from typing import Any

import pytest

from prismctl import clock
from prismctl.errors import PrismctlError
from prismctl.jsontext import Object
from prismctl.tui.screens import words
from prismctl.tui.widgets.confirm import Confirm
from prismctl.tui.widgets.detail import Detail
from tests.prismctl.support import NOW
from tests.tui import recorded_history
from tests.tui.pictures import GOLDEN, NARROW, WIDE, check, press, settled, started, text
from tests.tui.recording import HOSTILE
from tests.tui.scripted import LIVE, Scripted, live, tell

REPORT = "/-/usage?group_by=hour%2Cmodel&since=24h"
AUDIT = "/-/audit?limit=100"


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def snapshot(path: str, body: Any) -> dict[str, Any]:
    return {"type": "snapshot", "path": path, "body": body, "ts_s": NOW.timestamp()}


def failure(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


class Operator:
    """An admin client that notes what it was asked for."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []

    def _answer(self, name: str, given: Any) -> Object:
        self.asked.append((name, given))
        answer: Any = self.answers[name]
        if isinstance(answer, PrismctlError):
            raise answer
        found: Object = answer
        return found

    def verify_audit(self, *, noted_head: str | None) -> Object:
        return self._answer("verify", noted_head)

    def check_config(self, yaml: str | None) -> Object:
        return self._answer("check", yaml)

    def reload(self) -> Object:
        return self._answer("reload", None)


# Usage


async def test_usage_is_drawn_by_group_span_and_measure() -> None:
    async with started() as (app, pilot):
        await press(pilot, "5")
        assert "Spend by model · 24 hours, per hour" in text(app)
        assert app.pane.command == (
            "usage", "report", "--by", "hour,model", "--since", "24h")  # fmt: skip
        await press(pilot, "m", "t")
        assert "Calls by model · 7 days, per day" in text(app)
        assert " ".join(app.pane.command).endswith("--since 7d")
        await press(pilot, "m", "t", "t")
        assert "Tokens by model · 1 hour, per minute" in text(app)
        await press(pilot, "t", "b")
        assert "Tokens by key · 24 hours, per hour" in text(app)
        await press(pilot, "b", "b")
        assert "Tokens by owner" in text(app)
        assert "(none)" in text(app)


async def test_only_what_is_drawn_is_asked_for() -> None:
    feed = Scripted(LIVE)
    async with live(feed, screen="usage") as (app, pilot):
        assert feed.wanted == {REPORT: 15.0}
        assert text(app).count("asking the gateway") == 2
        await press(pilot, "b", "t")
        assert feed.wanted == {
            "/-/usage?group_by=day%2Ckey&since=7d": 60.0,
            "/-/keys?limit=500": 30.0,
        }


async def test_enter_narrows_to_a_group_and_escape_widens_again() -> None:
    async with started() as (app, pilot):
        await press(pilot, "5", "enter")
        assert "by key · 24 hours, per hour · only model claude-sonnet-5" in text(app)
        assert app.pane.command[-2:] == ("--model", "claude-sonnet-5")
        assert "web-app" in text(app)
        await press(pilot, "escape")
        assert "only" not in text(app).splitlines()[2]
        assert app.entry.name == "usage"


async def test_a_hostile_group_is_asked_for_as_it_is_and_shown_harmless() -> None:
    feed = Scripted(LIVE, snapshot(REPORT, recorded_history.report(
        "model", "24h", {HOSTILE: (10, 1, 1, 5)})))  # fmt: skip
    async with live(feed, screen="usage") as (app, pilot):
        await press(pilot, "enter")
        assert app.pane.command[-1] == HOSTILE
        assert "\x1b" not in text(app)
        # What is filtered stays what it is when more is typed after it.
        await press(pilot, "slash", "space", "x", "enter")
        assert app.pane.command[-1] == HOSTILE
        assert app.pane.table is not None
        assert app.pane.table.filter == "x"


async def test_calls_of_nobody_cannot_be_asked_for() -> None:
    async with started() as (app, pilot):
        await press(pilot, "5", "b", "b", "b", "slash", *"none", "enter", "enter")
        assert "calls without owner cannot be asked for alone" in text(app)


async def test_a_key_is_shown_and_may_be_typed_by_its_name() -> None:
    keys = {"object": "list", "data": [{"id": "key_02web", "name": "web-app"}]}
    used = recorded_history.usage()["/-/usage?group_by=hour%2Ckey&since=24h"]
    path = "/-/usage?group_by=hour%2Ckey&since=24h"
    feed = Scripted(LIVE, snapshot("/-/keys?limit=500", keys), snapshot(path, used))
    async with live(feed, screen="usage") as (app, pilot):
        await press(pilot, "b")
        assert "web-app" in text(app)
        await press(pilot, "slash", *"key=web", "minus", *"app", "enter")
        assert app.pane.command[-2:] == ("--key", "key_02web")
        assert "only key web-app" in text(app)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (failure("you may not"), "you may not"),
        ({"object": "list", "data": [], "totals": {}}, "no calls in this time"),
        (recorded_history.report("model", "24h", {"qwen3:32b": (10, 5, 5, 0)}),
         "calls, no cost: their models have no price"),
    ],
    ids=["error", "empty", "unpriced"],
)  # fmt: skip
async def test_why_there_is_no_plot(body: Any, said: str) -> None:
    async with live(Scripted(LIVE, snapshot(REPORT, body)), NARROW, screen="usage") as (app, _):
        assert said in text(app)


async def test_a_recording_without_the_report_says_so() -> None:
    async with started() as (app, pilot):
        await press(pilot, "5", "slash", *"tag=a", "enter")
        assert "the recording holds no such report" in text(app)


@pytest.mark.parametrize(
    ("typed", "known", "found"),
    [
        ("model=a b", {}, ({"model": "a"}, "b")),
        ("x=1 model=", {}, ({}, "x=1")),
        ("model=a b c rest", {"model": "a b c"}, ({"model": "a b c"}, "rest")),
        ("model=\\x1b[2J", {"model": "\x1b[2J"}, ({"model": "\x1b[2J"}, "")),
        ("", {"model": "a"}, ({}, "")),
    ],
)
def test_words_for_the_gateway(typed: str, known: dict[str, str], found: Any) -> None:
    assert words.parted(typed, ("model",), known) == found


# Audit


async def test_the_chain_is_verified_once_and_again_by_a_key() -> None:
    verdict = {"is_sound": True, "entries": 213, "head": "f728b4fa4248ff", "first_broken": None,
               "reason": None, "has_noted_head": None}  # fmt: skip
    operator = Operator(verify=verdict)
    async with live(Scripted(LIVE), admin=operator, screen="audit") as (app, pilot):
        await settled(pilot)
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert "every entry fits" in text(app)
        assert "213 entries · head f728b4fa4248 · verified" in text(app)
        await press(pilot, "1", "7")
        assert operator.asked == [("verify", None)]
        operator.answers["verify"] = {**verdict, "has_noted_head": False}
        await press(pilot, "x")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert operator.asked[1] == ("verify", "f728b4fa4248ff")
        assert "entries were cut off at its end since the last look" in text(app)
        operator.answers["verify"] = {**verdict, "is_sound": False, "first_broken": "17",
                                      "reason": HOSTILE}  # fmt: skip
        await press(pilot, "x")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert "✕ failed entry 17 is not what was written: evil\\x1b" in text(app)
        operator.answers["verify"] = PrismctlError("it is gone")
        await press(pilot, "x")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert "✕ failed not verified: it is gone" in text(app)


async def test_entries_open_in_full() -> None:
    async with started() as (app, pilot):
        await press(pilot, "7", "down", "down", "enter")
        assert isinstance(app.screen, Detail)
        shown = text(app)
        for words_ in ("Change 211", "2001:db8:85a3::8a2e:370:7334", "req_admin_211", "name",
                       "- probe", "+ evil\\x1b]0;taken\\x07", "hash"):  # fmt: skip
            assert words_ in shown


async def test_entries_are_filtered_at_the_gateway() -> None:
    feed = Scripted(LIVE)
    async with live(feed, screen="audit") as (app, pilot):
        await press(pilot, "slash", *"action=key.created", "space", *"ci", "enter")
        assert feed.wanted == {f"{AUDIT}&action=key.created": 10.0}
        assert app.pane.command == ("audit", "list", "--action", "key.created")
        await press(pilot, "colon", *"audit", "space", *"object=key_1", "enter")
        assert feed.wanted == {f"{AUDIT}&object_id=key_1": 10.0}


@pytest.mark.parametrize(
    ("body", "said"),
    [(failure("you may not"), "you may not"),
     ({"object": "list", "data": []}, "nothing has been changed")],
)  # fmt: skip
async def test_no_entries(body: Any, said: str) -> None:
    async with live(Scripted(LIVE, snapshot(AUDIT, body)), NARROW, screen="audit") as (app, _):
        assert said in text(app)


# Config


async def test_the_configuration_and_its_filter() -> None:
    async with started() as (app, pilot):
        await press(pilot, "8")
        for words_ in ("/etc/prism/prism.yaml", "9c1185a5c5e9", "server.port,storage.url",
                       "prism.yaml:41:7", "admin_token: env:PRISM_ADMIN_TOKEN"):  # fmt: skip
            assert words_ in text(app)
        await press(pilot, "slash", *"groq", "enter")
        assert "base_url: https://api.groq.com" in text(app)
        assert "admin_token" not in text(app)
        await press(pilot, "slash", *"xx", "enter")
        assert "nothing matches /groqxx" in text(app)
        await press(pilot, "escape")
        assert "admin_token" in text(app)


async def test_what_has_changed_since_the_last_look_stays_until_it_is_dismissed() -> None:
    feed = Scripted(LIVE, snapshot("/-/config", recorded_history.config()))
    async with live(feed, screen="config") as (app, pilot):
        assert "CHANGED" not in text(app)
        await press(pilot, "1")
        now = recorded_history.config(rpm=120)
        await tell(app, pilot, snapshot("/-/config", now))
        await press(pilot, "8")
        shown = text(app)
        assert "CHANGED SINCE THE LAST LOOK" in shown
        assert "- limits.rpm: 60" in shown
        assert "+ limits.rpm: 120" in shown
        assert "+ providers.together:" in shown
        assert "+   type: openai" in shown
        # Half of it is taken back: that has not changed.
        back = {**now, "hash": "b71d", "config": {**now["config"], "limits": {"rpm": 60,
                "tpm": 200_000, "concurrency": 64}}}  # fmt: skip
        await tell(app, pilot, snapshot("/-/config", back))
        assert "limits.rpm: 120" not in text(app)
        assert "+ providers.together:" in text(app)
        await press(pilot, "backspace")
        assert "CHANGED" not in text(app)


async def test_a_reload_that_is_told_of_is_looked_at_at_once() -> None:
    feed = Scripted(LIVE, snapshot("/-/config", recorded_history.config()))
    told = {"type": "config", "action": "reloaded", "hash": "x", "ts_s": NOW.timestamp()}
    async with live(feed, screen="config") as (app, pilot):
        await tell(app, pilot, told)
        before = feed.refreshed
        await tell(app, pilot, {**told, "ts_s": (NOW + timedelta(seconds=9)).timestamp()})
        assert feed.refreshed == before + 1


async def test_the_file_is_checked() -> None:
    operator = Operator(check=recorded_history.CHECK)
    config = snapshot("/-/config", recorded_history.config())
    async with live(Scripted(LIVE, config), admin=operator, screen="config") as (app, pilot):

        async def checked() -> str:
            await press(pilot, "x")
            await app.workers.wait_for_complete()
            await settled(pilot)
            assert isinstance(app.screen, Detail)
            shown = text(app)
            await press(pilot, "escape")
            return shown

        shown = await checked()
        for words_ in ("a reload would change 3 settings", "- limits.rpm: 120",
                       "+ limits.rpm: 240", "+ providers.mistral:", "+   type: mistral",
                       "in force only after a restart: server.port"):  # fmt: skip
            assert words_ in shown
        assert "\x1b" not in shown
        operator.answers["check"] = {"is_valid": False, "problems": [f"prism.yaml:3:1 {HOSTILE}"]}
        shown = await checked()
        assert "✕ refused it cannot be put in force" in shown
        assert "prism.yaml:3:1 evil\\x1b" in shown
        operator.answers["check"] = {"is_valid": True, "changes": [], "needs_restart": []}
        assert "it is what is in force" in await checked()
        operator.answers["check"] = PrismctlError("no such path")
        assert "not checked: no such path" in await checked()
        assert {asked for asked, _ in operator.asked} == {"check"}


async def test_a_reload_asks_first_and_is_not_there_without_write() -> None:
    operator = Operator(check=recorded_history.CHECK, reload={"status": "reloaded"})
    config = snapshot("/-/config", recorded_history.config())
    async with live(Scripted(LIVE, config), admin=operator, screen="config") as (app, pilot):
        await press(pilot, "ctrl+r")
        assert operator.asked == []
    feed = Scripted(LIVE, config)
    async with live(feed, admin=operator, screen="config", is_writing=True) as (app, pilot):
        await press(pilot, "ctrl+r")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert isinstance(app.screen, Confirm)
        assert "limits.rpm: 120 → 240" in text(app)
        assert "$ prismctl config reload" in text(app)
        await press(pilot, "y")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert [name for name, _ in operator.asked] == ["check", "reload"]
        assert feed.refreshed == 1
        many = [{"path": f"a.{number}", "from": 1, "to": 2} for number in range(40)]
        operator.answers["check"] = {"is_valid": True, "changes": many}
        await press(pilot, "ctrl+r")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert "and 34 more; x shows all" in text(app)
        await press(pilot, "n")
        operator.answers["check"] = {"is_valid": False, "problems": ["prism.yaml:3:1 no"]}
        await press(pilot, "ctrl+r")
        await app.workers.wait_for_complete()
        await settled(pilot)
        assert isinstance(app.screen, Detail)
        assert "prism.yaml:3:1 no" in text(app)


async def test_a_configuration_that_may_not_be_seen() -> None:
    feed = Scripted(LIVE, snapshot("/-/config", failure("you may not")))
    async with live(feed, NARROW, screen="config") as (app, pilot):
        assert "you may not" in text(app)
        await tell(app, pilot, snapshot("/-/config", recorded_history.config()))
        await tell(app, pilot, snapshot("/-/config", failure("it is gone")))
        assert "admin_token" in text(app)


# Logs


def logged(number: int, level: str, message: str) -> dict[str, Any]:
    return {"type": "log", "id": number, "ts_s": NOW.timestamp() + number, "level": level,
            "logger": "prismd.wire", "message": message}  # fmt: skip


async def test_lines_by_level_and_text() -> None:
    feed = Scripted(LIVE, logged(1, "WARNING", "slow"), logged(2, "ERROR", f"bad {HOSTILE}"),
                    {"type": "job", "kind": "backup", "action": "finished", "ts_s": 5})  # fmt: skip
    async with live(feed, screen="logs") as (app, pilot):
        shown = text(app)
        assert "▲ warning" in shown
        assert "✕ error" in shown
        assert "backup finished" in shown
        assert "\x1b" not in shown
        await press(pilot, "l")
        assert "backup finished" not in text(app)
        assert "warnings and errors" in text(app)
        await press(pilot, "l")
        assert "slow" not in text(app)
        await press(pilot, "l", "slash", *"slow", "enter")
        assert "1 of 3 /slow" in text(app)


async def test_new_lines_are_followed_until_somebody_reads_one() -> None:
    feed = Scripted(LIVE, *(logged(number, "WARNING", f"line {number}") for number in range(3)))
    async with live(feed, screen="logs") as (app, pilot):
        await tell(app, pilot, logged(3, "WARNING", "line 3"))
        assert app.pane.subject is not None
        assert app.pane.subject.body["message"] == "line 3"
        await press(pilot, "down")
        await tell(app, pilot, logged(4, "ERROR", "line 4"))
        assert app.pane.subject.body["message"] == "line 2"
        assert "│ line 2" in text(app)
        await press(pilot, "f")
        assert app.pane.subject.body["message"] == "line 4"
        await press(pilot, "enter")
        assert isinstance(app.screen, Detail)
        assert "line 4" in text(app)


async def test_nothing_was_logged() -> None:
    async with live(Scripted(LIVE), NARROW, screen="logs") as (app, _):
        assert "no warnings, no events: all is quiet" in text(app)


# Pictures of what the recording does not show by itself


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", ["changes", "reload"])
async def test_config_as_it_changes(name: str, size: tuple[int, int]) -> None:
    feed = Scripted(LIVE, snapshot("/-/config", recorded_history.config()))
    operator = Operator(check=recorded_history.CHECK)
    async with live(feed, size, admin=operator, screen="config", is_writing=True) as (app, pilot):
        app.animation_level = "none"
        later: dict[str, Any] = {"type": "time", "ts_s": recorded_history.NOW_S}
        now = snapshot("/-/config", recorded_history.config(rpm=120))
        await tell(app, pilot, later, LIVE, now)
        if name == "reload":
            await press(pilot, "ctrl+r")
            await app.workers.wait_for_complete()
            await settled(pilot)
        check(GOLDEN / f"config-{name}-{size[0]}x{size[1]}.svg", app)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [("plain", {"is_colored": False}), ("ascii", {"is_colored": False, "is_unicode": False}),
     ("ansi", {"theme": "ansi"}), ("light", {"theme": "light"})],
)  # fmt: skip
async def test_a_plot_on_other_terminals(
    name: str, settings: dict[str, Any], size: tuple[int, int]
) -> None:
    async with started(size, **settings) as (app, pilot):
        await press(pilot, "5")
        check(GOLDEN / f"usage-{name}-{size[0]}x{size[1]}.svg", app)
