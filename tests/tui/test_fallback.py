"""The dashboard before a gateway on a real socket that has no event feed."""

from collections.abc import Iterator

import pytest

from prismctl.client.events import Events
from prismctl.client.http import Http
from prismctl.tui import feed as feeds
from prismctl.tui.app import Dashboard, Settings
from prismctl.tui.door import Reads
from prismctl.tui.feed import Live
from tests.prismctl.stub import Canned, StubGateway, error
from tests.tui.pictures import text

PAGE = """\
prism_uptime_seconds {at}.0
prism_running_requests 3.0
prism_requests_total{{model="gpt",provider="openai",status="200"}} {calls}.0
prism_request_duration_seconds_bucket{{le="0.1",model="gpt",provider="openai"}} {calls}.0
prism_request_duration_seconds_bucket{{le="+Inf",model="gpt",provider="openai"}} {calls}.0
"""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubGateway]:
    monkeypatch.setattr(feeds, "PATIENCE_S", 0.05)
    monkeypatch.setattr(feeds, "POLL_S", 0.1)
    monkeypatch.setattr(feeds, "TRY_FEED_S", 0.3)
    stub = StubGateway()
    pages = [Canned(PAGE.format(at=n, calls=n * 10).encode()) for n in range(1, 200)]
    stub.on("GET", "/-/metrics", *pages)
    stub.on("GET", "/-/health/providers", {"providers": [{"id": "openai", "state": "failing"}]})
    stub.on("GET", "/-/capabilities", {"version": "0.0.9"})
    stub.on("GET", "/-/requests", {"data": [{"id": "req_1", "ts_s": 5, "status": 200}]})
    yield stub
    stub.close()


async def test_counters_are_read_where_there_is_no_feed(gateway: StubGateway) -> None:
    with Http(gateway.url, token="t", timeout_s=2.0) as http:
        live = Live(lambda: Events(http), Reads(http))
        app = Dashboard(live, Settings(name="old", url=gateway.url))
        async with app.run_test(size=(120, 40)) as pilot:

            async def until(words: str) -> None:
                for _ in range(400):
                    if words in text(app):
                        return
                    await pilot.pause(0.05)
                raise AssertionError(f"{words!r} did not come:\n{text(app)}")

            await until("◐ polling")
            await until("v0.0.9")
            await until("✕ failing")
            await until("│▌ gpt ")
            await pilot.press("2")
            await until("Calls 1")
            gateway.on("GET", "/-/metrics", error(503, "not_ready", "It starts."))
            await until("✕ lost")
            gateway.on("GET", "/-/metrics", Canned(PAGE.format(at=900, calls=9000).encode()))
            await until("◐ polling")
