"""The screens of providers: what is not well comes first, and why it is not."""

from prismctl.tui.replay import Replay
from prismctl.tui.screens.provider import Provider
from tests.prismctl.stub import StubGateway
from tests.tui.pictures import NARROW, WIDE, press, started, text
from tests.tui.test_key_screens import snapshot
from tests.tui.writing import writing


async def test_what_fails_is_first_and_the_row_is_told_about() -> None:
    async with started(NARROW) as (app, pilot):
        await press(pilot, "3")
        lines = text(app).splitlines()
        assert "groq" in lines[4]
        assert "✕ failing" in lines[4]
        assert "https://api.groq.com/openai/v1" in text(app)
        assert "\x1b" not in text(app)
        await press(pilot, "down")
        assert "https://api.anthropic.com/v1" in text(app)
        assert "none in the last 5 minutes" in text(app)
        assert app.pane.command == ("providers", "health")


async def test_a_provider_in_detail() -> None:
    async with started(WIDE) as (app, pilot):
        await press(pilot, "3", "enter")
        assert isinstance(app.pane, Provider)
        shown = text(app)
        for words in ("was degraded: 14 of the last 20", "was healthy: 5 of the last 20", "$0.59",
                      "$0.743", "provider_503", "health 5 min ago"):  # fmt: skip
            assert words in shown
        # From the models to the calls of one of them.
        models = app.pane.query("ResourceTable").first()
        models.focus()
        await press(pilot, "enter")
        assert "provider=groq model=llama-4-70b" in text(app)
        assert {call.get("provider") for call in app.pane.table.shown} <= {"groq", "together"}


async def test_a_failed_call_leads_to_its_trace() -> None:
    async with started(WIDE) as (app, pilot):
        await press(pilot, "3", "enter", "enter")
        assert app.entry.name == "trace"
        await press(pilot, "escape")
        assert app.entry.name == "provider"


async def test_no_provider_is_awaited_missing_or_unknown() -> None:
    async with started(NARROW, feed=Replay([{"type": "time", "ts_s": 1}], None)) as (app, pilot):
        await press(pilot, "3")
        assert "asking the gateway" in text(app)
    none = snapshot("/-/health/providers", {"object": "list", "window_s": 300, "providers": []})
    async with started(NARROW, feed=Replay([none], None)) as (app, pilot):
        await press(pilot, "3")
        assert "no providers; name some in prism.yaml" in text(app)
        app.open("provider nobody")
        await press(pilot, "r")
        assert "there is no provider nobody" in text(app)


async def test_nothing_of_a_provider_can_be_changed(stub: StubGateway) -> None:
    async with writing(stub) as (app, pilot):
        await press(pilot, "3", "n", "b", "u", "e", "R", "ctrl+d")
        assert len(app.screen_stack) == 1
        assert stub.sent == []
