"""The screens of keys: what they show, and that each change is asked for, and sent, exactly."""

import time
from typing import Any

from textual.widgets import Input

from prismctl.guard import DryRun
from prismctl.jsontext import Json
from prismctl.tui.replay import Replay
from prismctl.tui.screens.key import Key
from prismctl.tui.screens.keys import Keys
from tests.prismctl.stub import StubGateway, error, key
from tests.tui import recorded_answers
from tests.tui.pictures import NARROW, WIDE, press, started, text
from tests.tui.recording import HOSTILE
from tests.tui.writing import changes, done, said, typed, window, writing

SECRET = "sk-prism-0123456789abcdefghijklmnopqrstuvwxyzABCDEF"
ROW = {name: at for at, name in enumerate(("ci", "web-app", "research", "nightly-batch", "mobile"))}


def snapshot(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"type": "snapshot", "ts_s": 1_795_694_700.0, "path": path, "body": body}


async def test_without_write_there_is_nothing_that_changes(stub: StubGateway) -> None:
    async with writing(stub, is_writing=False) as (app, pilot):
        await press(pilot, "4", "n", "a", "b", "u", "ctrl+d")
        await press(pilot, "enter", "n", "a", "b", "u", "ctrl+d")
        assert len(app.screen_stack) == 1
        assert "revoke" not in text(app)
        assert stub.sent == []


async def test_a_key_is_made_and_its_secret_is_shown_once(stub: StubGateway) -> None:
    stub.on("POST", "/-/keys", key(name="ci-2", key=SECRET))
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "n")
        for value in ("ci-2", "platform", "gpt-*,claude-*", "120", "4000", "20/month 2/day,soft",
                      "12.50", "2027-01-31"):  # fmt: skip
            await typed(pilot, value)
            await press(pilot, "tab")
        await press(pilot, "enter")
        assert "models: gpt-*,claude-*" in window(app)
        assert stub.sent == []
        command = (
            "$ prismctl keys create ci-2 --owner platform --models 'gpt-*,claude-*' --rpm 120"
            " --tpm 4000 --budget 20/month --budget 2/day,soft --credits 12.50"
            " --expires 2027-01-31\n"
        )
        assert command in window(app)
        await press(pilot, "y")
        await done(app, pilot)
        assert changes(stub) == [
            (
                "POST",
                "/-/keys",
                {
                    "name": "ci-2",
                    "owner": "platform",
                    "models": ["gpt-*", "claude-*"],
                    "rate_limit_rpm": 120,
                    "rate_limit_tpm": 4000,
                    "budgets": [
                        {"limit": 20, "window": "monthly"},
                        {"limit": 2, "window": "daily", "hard": False},
                    ],
                    "credits": 12.5,
                    "key_type": "managed",
                    "expires_at": "2027-01-31T00:00:00Z",
                },
                None,
            )
        ]
        assert SECRET in text(app)
        assert "shown this once" in window(app)
        await press(pilot, "escape")
        assert "not copied yet" in window(app)
        await press(pilot, "c")
        assert app.clipboard == SECRET
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1
        assert SECRET not in text(app)
        assert SECRET not in said(app)


async def test_what_cannot_be_read_is_not_sent(stub: StubGateway) -> None:
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "n", "enter")
        assert "name is needed" in window(app)
        await typed(pilot, "ci")
        await press(pilot, "down", "down", "down")
        await typed(pilot, "many")
        await press(pilot, "enter")
        assert "'many' is not a count" in window(app)
        assert isinstance(app.focused, Input)
        assert app.focused.value == "many"
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1
        assert stub.sent == []


async def test_a_refusal_is_shown_and_nothing_that_was_typed_is_lost(stub: StubGateway) -> None:
    refusal = error(400, "invalid_value", "'models': there is no model 'gpt-9'.")
    stub.on("POST", "/-/keys", refusal, key(name="ci", key=SECRET))
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "n")
        await typed(pilot, "ci")
        await press(pilot, "tab", "tab")
        await typed(pilot, "gpt-9")
        await press(pilot, "enter", "y")
        await done(app, pilot)
        assert "there is no model 'gpt-9'" in window(app)
        values = [one.value for one in app.screen.query(Input)]
        assert values[:3] == ["ci", "", "gpt-9"]
        await press(pilot, "backspace")
        await typed(pilot, "5")
        await press(pilot, "enter", "y")
        await done(app, pilot)
        assert [body["models"] for _, _, body, _ in changes(stub)] == [["gpt-9"], ["gpt-5"]]
        assert SECRET in text(app)


async def test_a_no_changes_nothing_and_leads_back_to_the_form(stub: StubGateway) -> None:
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "n")
        await typed(pilot, "ci")
        await press(pilot, "enter", "n")
        assert next(one.value for one in app.screen.query(Input)) == "ci"
        await press(pilot, "escape", "b", "escape")
        assert len(app.screen_stack) == 1
        assert stub.sent == []
        assert "nothing was changed" in said(app)


async def test_credits_are_added_to_what_is_prepaid(stub: StubGateway) -> None:
    path = "/-/keys/key_02web/credits"
    stub.on("POST", path, {"key_id": "key_02web", "added": 20.5, "credit_balance": 202.9})
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "a")
        assert len(app.screen_stack) == 1
        assert "there is nothing to give credits to" in said(app)
        await press(pilot, "down", "a")
        await typed(pilot, "20.50")
        await press(pilot, "tab")
        await typed(pilot, "invoice 7")
        await press(pilot, "enter")
        assert "web-app: $182.4075 → $202.9075" in window(app)
        assert "prismctl credits add web-app 20.50 --note 'invoice 7'" in window(app)
        await press(pilot, "y")
        await done(app, pilot)
        assert changes(stub) == [("POST", path, {"amount": 20.5, "note": "invoice 7"}, None)]
        assert "web-app: credits added" in said(app)


async def test_marked_keys_are_changed_each_by_each_and_told_row_by_row(stub: StubGateway) -> None:
    stub.on("PUT", "/-/keys/key_01ci", key())
    stub.on("PUT", "/-/keys/key_02web", error(412, "version_mismatch", "The key has changed."))
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "space", "space", "b")
        assert "ci: active → blocked" in window(app)
        assert "prismctl keys block web-app" in window(app)
        await press(pilot, "y")
        await done(app, pilot)
        assert changes(stub) == [
            ("PUT", "/-/keys/key_01ci", {"status": "blocked"}, '"3"'),
            ("PUT", "/-/keys/key_02web", {"status": "blocked"}, '"3"'),
        ]
        shown = window(app)
        assert "1 of 2 blocked" in shown
        assert "✕ web-app: The key has changed." in shown
        assert "● ci: blocked" in shown
        await press(pilot, "escape")
        assert "2 marked" in text(app)


async def test_when_all_went_well_the_marks_are_gone(stub: StubGateway) -> None:
    stub.on("PUT", "/-/keys/key_01ci", key())
    stub.on("PUT", "/-/keys/key_02web", key())
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "space", "space", "b", "y")
        await done(app, pilot)
        assert "2: blocked" in said(app)
        assert "marked" not in text(app)


async def test_somebody_elses_change_is_told(stub: StubGateway) -> None:
    message = "The key has changed since you read it: it is at version 4."
    stub.on("PUT", "/-/keys/key_01ci", error(412, "version_mismatch", message))
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "b", "y")
        await done(app, pilot)
        assert message in said(app)
        assert "look again" in said(app)


async def test_only_what_is_blocked_is_unblocked(stub: StubGateway) -> None:
    stub.on("PUT", "/-/keys/key_05evil", key())
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "u")
        assert "ci is active: there is nothing to unblock" in said(app)
        await press(pilot, "G", "up", "up", "u")
        assert "\x1b" not in text(app)
        assert "blocked → active" in window(app)
        assert "prismctl keys unblock key_05evil" in window(app)
        await press(pilot, "y")
        await done(app, pilot)
        assert changes(stub) == [("PUT", "/-/keys/key_05evil", {"status": "active"}, '"3"')]


async def test_a_key_is_revoked_only_when_its_name_is_typed(stub: StubGateway) -> None:
    stub.on("DELETE", "/-/keys/key_03research", key(status="revoked"))
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "down", "down", "ctrl+d")
        shown = window(app)
        assert "This cannot be undone." in shown
        assert "$12.50 stay unspent" in shown
        assert "prismctl keys revoke research" in shown
        await press(pilot, "enter")
        await typed(pilot, "resea")
        await press(pilot, "enter")
        assert len(app.screen_stack) == 2
        assert stub.sent == []
        await typed(pilot, "rch")
        await press(pilot, "enter")
        await done(app, pilot)
        assert changes(stub) == [("DELETE", "/-/keys/key_03research", None, '"3"')]
        assert "research: revoked" in said(app)


async def test_several_keys_are_revoked_by_their_number(stub: StubGateway) -> None:
    stub.on("DELETE", "/-/keys/key_01ci", key(status="revoked"))
    stub.on("DELETE", "/-/keys/key_02web", key(status="revoked"))
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "space", "space", "ctrl+d")
        await typed(pilot, "2 keys")
        await press(pilot, "enter")
        await done(app, pilot)
        assert [(method, path) for method, path, _, _ in changes(stub)] == [
            ("DELETE", "/-/keys/key_01ci"),
            ("DELETE", "/-/keys/key_02web"),
        ]


async def test_the_screen_of_a_key_changes_that_key(stub: StubGateway) -> None:
    stub.on("PUT", "/-/keys/key_02web", key())
    async with writing(stub) as (app, pilot):
        await press(pilot, "4", "down", "enter", "down", "down", "b", "y")
        await done(app, pilot)
        assert changes(stub) == [("PUT", "/-/keys/key_02web", {"status": "blocked"}, '"3"')]


async def test_a_dry_run_says_what_it_would_have_sent(stub: StubGateway) -> None:
    def before(method: str, path: str, body: Json, content: bytes | None) -> None:
        del content
        raise DryRun(method, path, body)

    async with writing(stub, before=before) as (app, pilot):
        await press(pilot, "4", "b", "y")
        await done(app, pilot)
        assert "not sent: PUT /-/keys/key_01ci" in said(app)
        assert stub.sent == []


async def test_a_key_in_detail() -> None:
    async with started(WIDE) as (app, pilot):
        await press(pilot, "4", "down", "enter")
        assert isinstance(app.pane, Key)
        shown = text(app)
        for words in ("83%", "$334.12 of $400/month", "invoice 2026-1131", "400,000", "10.0.0.0/8",
                      "gpt-5.5", "LAST 24 HOURS", "Newest calls"):  # fmt: skip
            assert words in shown
        assert app.pane.command == ("keys", "get", "web-app")
        await press(pilot, "enter")
        assert "DECISIONS" in text(app) or "asking" in text(app) or "recording" in text(app)


async def test_names_are_only_typed_where_they_are_harmless() -> None:
    async with started(NARROW) as (app, pilot):
        await press(pilot, "4", "G", "up", "up", "enter")
        assert app.pane.command == ("keys", "get", "key_05evil")
        assert "\x1b" not in text(app)
        assert "\u202e" not in text(app)
        assert HOSTILE not in text(app)


async def test_no_keys_awaited_keys_and_refused_keys() -> None:
    path = "/-/keys?limit=500"
    async with started(feed=Replay([{"type": "time", "ts_s": 1}], None)) as (app, pilot):
        await press(pilot, "4")
        assert "asking the gateway" in text(app)
    empty = snapshot(path, {"object": "list", "data": [], "has_more": False})
    async with started(feed=Replay([empty], None)) as (app, pilot):
        await press(pilot, "4")
        assert "no keys yet" in text(app)
        await press(pilot, "enter", "d", "v", "c")
        assert isinstance(app.pane, Keys)
    refused = snapshot(path, {"error": {"message": "The token may not.", "code": "denied"}})
    async with started(feed=Replay([refused], None)) as (app, pilot):
        await press(pilot, "4")
        assert "The token may not." in text(app)
    known = snapshot(path, recorded_answers.listing([key(name="kept")]))
    async with started(feed=Replay([known, refused], None)) as (app, pilot):
        await press(pilot, "4")
        assert "kept" in text(app)
        assert "old: The token may not." in text(app)


async def test_five_hundred_keys_cost_little_more_than_twenty() -> None:
    """A screen shows some forty lines, however many there are."""
    assert await _redraw_s(500) < 4 * await _redraw_s(20)


async def _redraw_s(count: int) -> float:
    """Return the time of this thread that drawing so many keys takes, at its best."""
    many = [key(id=f"key_{at:04}", name=f"team-{at:03}", owner=f"o{at % 7}") for at in range(count)]
    answer = snapshot("/-/keys?limit=500", recorded_answers.listing(many))
    took_s = []
    async with started(WIDE, feed=Replay([answer], None)) as (app, pilot):
        await press(pilot, "4", "s", "G")
        assert f"team-{count - 1:03}" in text(app)
        for _ in range(5):
            began_s = time.thread_time()
            app.redraw()
            app.screen._compositor.render_strips()
            took_s.append(time.thread_time() - began_s)
    return min(took_s)
