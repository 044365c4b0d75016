"""Without a feed the same events are made of counters, health and stored calls."""

from decimal import Decimal
from typing import Any

import pytest

from prismctl.errors import ApiError, Unreachable
from prismctl.jsontext import Object
from prismctl.tui import poll, rates
from prismctl.tui.poll import Poll

PAGE = """\
# HELP prism_uptime_seconds Seconds since start.
# TYPE prism_uptime_seconds gauge
prism_uptime_seconds 12.5
prism_running_requests 3.0
prism_requests_total{model="a \\"b\\"",provider="p",status="200"} 7.0
prism_requests_total{model="a \\"b\\"",provider="p",status="502"} 2.0
prism_tokens_input_total{model="a \\"b\\"",provider="p"} 100.0
prism_cost_usd_total{model="a \\"b\\"",provider="p"} 0.000128
prism_request_duration_seconds_bucket{le="0.1",model="a \\"b\\"",provider="p"} 4.0
prism_request_duration_seconds_bucket{le="1.0",model="a \\"b\\"",provider="p"} 8.0
prism_request_duration_seconds_bucket{le="+Inf",model="a \\"b\\"",provider="p"} 9.0
prism_broken{ nonsense
prism_uptime_seconds NaN
"""


class Gateway:
    """Answers by path; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self.metrics: Any = answers.get("metrics", PAGE)
        self.health: Any = answers.get("health", {"providers": []})
        self.requests: Any = answers.get("requests", {"data": []})
        self.asked: list[str] = []

    def object(self, path: str) -> Object:
        self.asked.append(path)
        answer = self.health if path.startswith("/-/health") else self.requests
        if isinstance(answer, Exception):
            raise answer
        found: Object = answer
        return found

    def text(self, path: str) -> str:
        assert path == "/-/metrics"
        if isinstance(self.metrics, Exception):
            raise self.metrics
        page: str = self.metrics
        return page


def gone() -> ApiError:
    return ApiError("no", status=404, type_="t", code="not_found", param=None, request_id=None)


def told(source: Poll, now_s: int = 100) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for event in source.events(Decimal(now_s)):
        assert event["ts_s"] is not None
        found.setdefault(str(event["type"]), []).append(event)
    return found


def test_the_metrics_page_is_a_tick() -> None:
    event = poll.tick(PAGE)
    totals = rates.totals(event)
    assert totals.uptime_s == 12.5
    assert totals.running == 3
    assert totals.bounds_s == (0.1, 1.0)
    (series,) = totals.series.values()
    assert (series.model, series.calls, series.errors) == ('a "b"', 9, 2)
    assert (series.input_tokens, series.cost_nano_usd) == (100, 128_000)
    assert series.latency_buckets == (4, 4, 1)


def test_a_provider_whose_state_has_changed() -> None:
    gateway = Gateway(health={"providers": [{"id": "p", "state": "healthy"}]})
    source = Poll(gateway)
    assert "provider" not in told(source)
    gateway.health = {"providers": [{"id": "p", "state": "failing"}]}
    (event,) = told(source)["provider"]
    assert (event["provider"], event["state"], event["was"]) == ("p", "failing", "healthy")
    assert "provider" not in told(source)


def test_calls_are_told_once_the_oldest_first() -> None:
    rows = [{"id": f"req_{n}", "ts_s": 50 + n} for n in (2, 1)]
    gateway = Gateway(requests={"data": rows})
    source = Poll(gateway)
    (history,) = told(source)["history"]
    assert history["data"] == rows
    gateway.requests = {"data": [{"id": f"req_{n}", "ts_s": 50 + n} for n in (4, 3, 2)]}
    calls = told(source)["call"]
    assert [(one["request_id"], one["ts_s"]) for one in calls] == [("req_3", 53), ("req_4", 54)]
    assert "call" not in told(source)


def test_another_filter_begins_anew() -> None:
    gateway = Gateway(requests={"data": [{"id": "req_1", "ts_s": 51}]})
    source = Poll(gateway)
    told(source)
    source.narrow({"key": "key_1", "status": "5xx"})
    (history,) = told(source)["history"]
    assert history["is_new"] is True
    assert gateway.asked[-1] == "/-/requests?limit=100&key=key_1&status=5xx"


def test_an_older_gateway_is_watched_without_calls_and_health() -> None:
    source = Poll(Gateway(health=gone(), requests=gone()))
    assert set(told(source)) == {"tick"}


def test_a_gateway_that_does_not_answer() -> None:
    with pytest.raises(Unreachable):
        told(Poll(Gateway(metrics=Unreachable("no"))))
