"""The event feed: what happens, as it happens, to whoever watches."""

import json
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from prismd import __version__
from prismd.kernel.bus import MAX_VIEWERS
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, stop_daemon, wait_for
from tests.event_feed import feed
from tests.scripted_vendor import scripted_vendor

CONFIG = "providers:\n  fake: {type: fake}\n"
OTHER_CONFIG = CONFIG + "  two: {type: fake}\n"
BAD_CONFIG = "providers:\n  fake: {type: fake, colour: red}\n"


def test_a_call(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="call", key=key.id) as viewer:
        answer = daemon.chat(key, "mock/echo+usage=10,20", "a very private question")
        event = viewer.next()
    assert event["request_id"] == answer.headers["x-request-id"]
    expected = {
        "key_id": key.id,
        "key_name": "test",
        "op": "chat",
        "model": "mock/echo+usage=10,20",
        "provider": "mock",
        "status": 200,
        "error_code": None,
        "is_stream": False,
        "is_complete": True,
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_nano_usd": 50_000,
        "attempts": 1,
        "has_bodies": False,
        "left_out": 0,
    }
    assert expected.items() <= event.items()
    assert event["latency_ms"] >= event["first_byte_ms"] > 0
    assert "private" not in json.dumps(event)
    assert key.secret not in json.dumps(event)


def test_refused_and_broken_calls_are_told_too(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="call", key=key.id) as viewer:
        daemon.chat(key, "fake/nope")
        daemon.chat(key, "mock/echo+status=500")
        daemon.chat(key, "mock/lorem+cut=2", stream=True)
        refused, failed, cut = viewer.next(), viewer.next(), viewer.next()
    assert (refused["status"], refused["error_code"], refused["provider"]) == (
        404,
        "model_not_found",
        None,
    )
    assert (failed["status"], failed["error_code"]) == (502, "provider_500")
    assert (cut["status"], cut["is_stream"], cut["is_complete"]) == (502, True, False)


def test_the_life_of_a_key(daemon: Daemon) -> None:
    with feed(daemon, topics="key") as viewer:
        key = daemon.create_key("watched", credits=1)
        daemon.admin.put(f"/-/keys/{key.id}", json={"status": "blocked"})
        daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": 1})
        daemon.put_key(key, name="again")
        daemon.put_key(key, status="active")
        daemon.admin.delete(f"/-/keys/{key.id}")
        daemon.admin.delete(f"/-/keys/{key.id}")
        daemon.create_key("next")
        events = [viewer.next() for _ in range(7)]
    assert [(event["action"], event["status"]) for event in events] == [
        ("created", "active"),
        ("blocked", "blocked"),
        ("credited", "blocked"),
        ("updated", "blocked"),
        ("unblocked", "active"),
        ("revoked", "revoked"),
        ("created", "active"),
    ]
    assert {event["key_id"] for event in events[:6]} == {key.id}
    assert key.secret not in json.dumps(events)


def test_the_life_of_a_budget(daemon: Daemon) -> None:
    with feed(daemon) as viewer:  # also when no topic is asked for
        key = daemon.create_key(budgets=[{"limit": "0.0001", "hard": False, "window": "total"}])
        budget = key.answer["budgets"][0]["id"]
        daemon.chat(key, "fake/echo", max_tokens=1)
        daemon.chat(key, "fake/lorem", max_tokens=500)
        passed = viewer.next_of("budget", budget_id=budget)
        assert (passed["action"], passed["percent"]) == ("exceeded", 100)
        assert passed["spent_nano_usd"] >= passed["limit_nano_usd"] == 100_000
        daemon.admin.post(f"/-/budgets/{budget}/reset")
        assert viewer.next_of("budget", budget_id=budget)["action"] == "reset"


def test_tick(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="tick") as viewer:
        daemon.chat(key, "fake/lorem")
        daemon.chat(key, "fake/nope")
        first, second, *later = (viewer.next() for _ in range(4))
    times_s = [tick["ts_s"] for tick in (first, second, *later)]
    assert any(0.8 < after_s - before_s < 1.2 for before_s, after_s in pairwise(times_s))
    assert second["uptime_s"] > first["uptime_s"] > 0
    assert (second["running"], second["streams"], second["viewers"]) == (0, 0, 1)
    assert second["loop_lag_ms"] > 0
    assert second["waiting_writes"] >= 0
    assert 20e6 < second["rss_bytes"] < 500e6
    assert second["refused"]["model_not_found"] >= 1
    (series,) = [row for row in second["series"] if row["model"] == "fake/lorem"]
    assert series["calls"] >= 1
    assert series["output_tokens"] >= 60
    assert series["cost_nano_usd"] > 0
    for kind in ("latency", "first_byte"):
        assert len(series[f"{kind}_buckets"]) == len(second["latency_bounds_s"]) + 1
        assert sum(series[f"{kind}_buckets"]) == series["calls"]
        assert 0 < series[f"{kind}_sum_s"] < 60
    health = daemon.admin.get("/-/health/providers").json()["providers"]
    (fake,) = [row for row in health if row["id"] == "fake"]
    (provider,) = [row for row in second["providers"] if row["id"] == "fake"]
    assert provider["state"] == fake["state"]
    assert provider["request_count"] == fake["request_count"] >= 1
    assert provider["latency_ewma_ms"] == fake["latency_ewma_ms"] > 0


def replace(file: Path, text: str) -> None:
    """As an editor does: the watch must not put a file in force that is half written."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def test_config(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    with feed(daemon, topics="config") as viewer:
        replace(daemon.config, BAD_CONFIG)
        assert daemon.admin.post("/-/reload").status_code == 400
        refused = viewer.next_of("config", action="refused")
        assert "colour" in refused["problems"][0]
        replace(daemon.config, OTHER_CONFIG)
        daemon.admin.post("/-/reload").raise_for_status()
        reloaded = viewer.next_of("config", action="reloaded")
    assert reloaded["hash"] == daemon.admin.get("/-/config").json()["hash"]
    assert reloaded["changes"] == ["providers.two"]


def test_all_topics(daemon: Daemon) -> None:
    with feed(daemon) as viewer:
        key = daemon.create_key("all topics")
        daemon.chat(key)
        viewer.next_of("key", key_id=key.id)
        viewer.next_of("call", key_id=key.id)
        viewer.next_of("tick")


def test_many_viewers_see_the_same(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="call", key=key.id) as one, feed(daemon, key=key.id) as two:
        daemon.chat(key)
        assert one.next() == two.next_of("call")


def test_the_feed_ends_with_the_daemon(start: StartDaemon) -> None:
    """A viewer does not hold a stop up, and gets a clean end, not a broken connection."""
    daemon = start(CONFIG)
    ended: list[bool] = []

    def watch() -> None:
        with feed(daemon, topics="call") as viewer:
            watching.set()
            with pytest.raises(EOFError):
                viewer.next()
            ended.append(True)

    watching = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    assert watching.wait(5)
    began_s = time.monotonic()
    daemon.process.terminate()
    thread.join(5)
    assert stop_daemon(daemon) == 0
    assert time.monotonic() - began_s < 3
    assert ended == [True]


def test_a_call_that_a_rule_refuses(daemon: Daemon) -> None:
    """Nothing else is one: not a key that is none, not a model that is not there."""
    one_model = daemon.create_key("strict", models=["fake/echo"], owner="ana")
    poor = daemon.create_key(key_type="managed")
    busy = daemon.create_key(rate_limit_rpm=1)
    with feed(daemon, topics="guard") as viewer:
        daemon.chat(one_model, "fake/lorem")
        daemon.chat(one_model, headers={"authorization": "Bearer sk-prism-nobody"})
        daemon.chat(poor, "fake/nope")
        daemon.chat(poor)
        daemon.chat(busy)
        daemon.chat(busy)
        model, poverty, rate = viewer.next(), viewer.next(), viewer.next()
    expected = {
        "action": "refused",
        "rule": "permission_denied",
        "param": "model",
        "key_id": one_model.id,
        "key_name": "strict",
        "owner": "ana",
        "model": "fake/lorem",
        "status": 403,
        "left_out": 0,
    }
    assert expected.items() <= model.items()
    assert daemon.trace(model["request_id"])["error_code"] == "permission_denied"
    assert (poverty["rule"], poverty["status"]) == ("insufficient_credits", 402)
    assert (rate["rule"], rate["status"]) == ("rate_limit_exceeded", 429)


def test_what_a_vendor_refuses_no_rule_has(daemon: Daemon) -> None:
    key = daemon.create_key(rate_limit_rpm=2)
    with feed(daemon, topics="call,guard", key=key.id) as viewer:
        daemon.chat(key, "fake/echo+status=429")
        daemon.chat(key, "fake/echo+status=403")
        daemon.chat(key)
        events = viewer.until("guard")
    assert [event["type"] for event in events] == ["call", "call", "call", "guard"]
    assert [event["status"] for event in events] == [429, 502, 429, 429]
    assert [event["provider"] for event in events[:3]] == ["fake", "fake", None]


def test_the_health_of_a_provider(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key()
    with feed(daemon, topics="provider") as viewer:
        daemon.chat(key)
        healthy = viewer.next()
        for _ in range(2):
            daemon.chat(key, "fake/echo+status=500")
        failing = viewer.until("provider", state="failing")[-1]
    assert {"provider": "fake", "was": "idle", "state": "healthy"}.items() <= healthy.items()
    assert healthy["reason"] == "0 of 1 calls of the last 5 minutes failed"
    assert failing["provider"] == "fake"
    assert failing["was"] in ("healthy", "degraded")
    assert "with provider_500 (status 500)" in failing["reason"]
    with feed(daemon, "0", topics="provider") as viewer:  # it is kept for those who come later
        assert viewer.next() == healthy


def test_the_models_of_a_provider(start: StartDaemon) -> None:
    with scripted_vendor() as vendor:
        vendor.models = ["a", "b"]
        daemon = start(f"providers: {{near: {{type: openai, base_url: '{vendor.url}'}}}}")
        with feed(daemon, "0", topics="provider") as viewer:
            found = viewer.next()
    assert {"provider": "near", "action": "models", "count": 2}.items() <= found.items()


def test_the_life_of_the_node(start: StartDaemon) -> None:
    daemon = start("server: {drain_delay: 300ms}\n" + CONFIG)
    with feed(daemon, "0", topics="node") as viewer:
        events = [viewer.next() for _ in range(2)]
        daemon.process.terminate()
        events.append(viewer.next())
    actions = [(event["action"], event["version"]) for event in events]
    assert actions == [(action, __version__) for action in ("started", "ready", "draining")]


def test_the_life_of_a_job(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    with feed(daemon, topics="job") as viewer:
        backup = daemon.admin.post("/-/backups").json()
        daemon.admin.post(f"/-/backups/{backup['id']}/verify").raise_for_status()
        with Path(backup["path"]).open("ab") as copy:
            copy.write(b"more")
        assert daemon.admin.post(f"/-/backups/{backup['id']}/verify").status_code == 409
        daemon.admin.post("/-/ledger/verify").raise_for_status()
        daemon.admin.post("/-/audit/verify").raise_for_status()
        daemon.admin.post("/-/audit/verify", params={"noted_head": "0" * 64}).raise_for_status()
        events = [viewer.next() for _ in range(12)]
    told = [(e["kind"], e["action"], e["job_id"], e.get("error")) for e in events]
    assert told == [
        ("backup", "started", None, None),
        ("backup", "finished", backup["id"], None),
        ("verify", "started", backup["id"], None),
        ("verify", "finished", backup["id"], None),
        ("verify", "started", backup["id"], None),
        ("verify", "failed", backup["id"], "backup_damaged"),
        ("ledger_verify", "started", None, None),
        ("ledger_verify", "finished", None, None),
        ("audit_verify", "started", None, None),
        ("audit_verify", "finished", None, None),
        ("audit_verify", "started", None, None),
        ("audit_verify", "failed", None, "not_sound"),
    ]


def test_the_log(start: StartDaemon) -> None:
    """Warnings and worse, also after the log was set up anew; a line each, whatever was said."""
    daemon = start(CONFIG)
    with feed(daemon, topics="log") as viewer:
        for level in ("info", "error"):
            daemon.config.write_text(f"logging: {{level: {level}}}\n" + CONFIG)
            daemon.admin.post("/-/reload").raise_for_status()
        daemon.config.write_text('providers: {"a\\n\\e[2K\\u202E": {type: fake}}\n')
        assert daemon.admin.post("/-/reload").status_code == 400
        daemon.config.write_text("logging: {level: debug}\n" + CONFIG)
        daemon.admin.post("/-/reload").raise_for_status()
        daemon.config.write_text(BAD_CONFIG)
        assert daemon.admin.post("/-/reload").status_code == 400
        warned = viewer.next()
    expected = {"level": "warning", "logger": "prism.reload", "left_out": 0}
    assert expected.items() <= warned.items()
    assert warned["message"].startswith("configuration not changed: ")
    assert "colour" in warned["message"]
    assert all(character.isprintable() for character in warned["message"])


def test_what_was_asked_and_answered_is_in_no_event(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    secret = "cinnamon-armadillo"
    key = daemon.create_key(budgets=[{"limit": "0.0001", "hard": False, "window": "total"}])
    with feed(daemon, "0", sample="all") as viewer:
        for model in ("echo", "echo+status=400", "echo+status=500", "echo+cut=1", "nope", "lorem"):
            for stream in (False, True):
                daemon.chat(key, f"fake/{model}", secret, max_tokens=500, stream=stream)
        daemon.chat(key, "fake/echo", secret, tools=secret)
        daemon.admin.post("/v1/chat/completions", content=secret, headers=key.headers)
        daemon.admin.post("/-/ledger/verify").raise_for_status()
        events = viewer.until("job", action="finished")
        events += viewer.until("tick")
    assert {"call", "budget", "key", "node"} <= {event["type"] for event in events}
    for word in (secret, key.secret, daemon.admin_token):
        assert word.encode() not in viewer.raw


def test_hostile_names_are_only_text(daemon: Daemon) -> None:
    name = 'x\u202e\x1b]0;owned\x07\r\n\r\ndata: {}\n\n"\u2028\x00'
    key = daemon.create_key(owner="a\u202e\x1b[2J")
    with feed(daemon, topics="call", key=key.id) as viewer:
        daemon.chat(key, name)
        event = viewer.next()
    assert (event["model"], event["owner"], event["status"]) == (name, "a\u202e\x1b[2J", 404)
    assert not set(viewer.raw) & ({*range(32)} - {10})


def test_more_viewers_than_may(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    with ExitStack() as stack:
        for _ in range(MAX_VIEWERS):
            stack.enter_context(feed(daemon, topics="key"))
        answer = daemon.admin.get("/-/events")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "too_many_viewers"
        assert answer.headers["retry-after"] == "5"
        assert str(MAX_VIEWERS) in answer.json()["error"]["message"]
        assert daemon.chat(daemon.create_key()).status_code == 200
    wait_for(lambda: _viewers(daemon) == 0, "all are gone", within_s=5)
    with feed(daemon, topics="key") as viewer:
        key = daemon.create_key()
        assert viewer.next()["key_id"] == key.id


def _viewers(daemon: Daemon) -> int:
    page = daemon.admin.get("/-/metrics").text
    (line,) = (line for line in page.splitlines() if line.startswith("prism_event_viewers "))
    return int(float(line.split()[1]))


def test_the_line_is_alive_when_nothing_happens(daemon: Daemon, deep: bool) -> None:
    if not deep:
        pytest.skip("takes 30 s: --deep")
    with daemon.admin.stream("GET", "/-/events", params={"topics": "job"}, timeout=20) as answer:
        came = [
            (chunk, time.monotonic()) for _, chunk in zip(range(3), answer.iter_raw(), strict=False)
        ]
    assert [chunk for chunk, _ in came] == [b": prism event feed\n\n", b": \n\n", b": \n\n"]
    assert all(14 < later - at < 17 for (_, at), (_, later) in pairwise(came))
