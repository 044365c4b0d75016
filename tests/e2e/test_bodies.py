"""What is asked and answered is kept only where the operator wants it: sealed, and for a time."""

import json
from pathlib import Path
from typing import Any

import pytest

from prismd import daemon as life
from prismd.gateway import Gateway
from prismd.kernel import clock
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, stop_daemon
from tests.in_process import client_of, running_gateway

CONFIG = """
providers:
  fake: {type: fake}
logging:
  level: debug
  request_logging: {%s}
"""
CANARY = "canary-in-the-coal-mine"


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def bodies(daemon: Daemon, request_id: str) -> tuple[Any, Any]:
    answer = daemon.admin.get(f"/-/requests/{request_id}", params={"bodies": True}).json()
    assert answer["has_bodies"] is (answer["request_body"] is not None)
    return answer["request_body"], answer["response_body"]


def made(daemon: Daemon, key: Key, model: str = "fake/echo", **fields: Any) -> str:
    return daemon.chat(key, model, CANARY, **fields).headers["x-request-id"]


def test_without_it_no_text_is_kept_anywhere(start: StartDaemon) -> None:
    daemon = start(CONFIG % "")
    key = daemon.create_key()
    calls = [made(daemon, key), made(daemon, key, stream=True), made(daemon, key, "nope")]
    for call in calls:
        assert bodies(daemon, call) == (None, None)
    listed = daemon.admin.get("/-/requests").json()["data"]
    assert not any(entry["has_bodies"] for entry in listed)
    assert "request_body" not in daemon.admin.get(f"/-/requests/{calls[0]}").json()
    refused = daemon.admin.post(f"/-/requests/{calls[0]}/replay", json={})
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "bodies_not_stored"
    assert "include_bodies" in refused.json()["error"]["message"]
    assert stop_daemon(daemon) == 0
    assert CANARY.encode() not in everything_in(daemon.data_dir.parent)


def test_with_it_both_are_kept_and_cannot_be_read_in_the_files(start: StartDaemon) -> None:
    daemon = start(CONFIG % "include_bodies: true")
    key = daemon.create_key(models=["fake/*"])
    plain = daemon.chat(key, text=CANARY, temperature=0.25)
    asked, answered = bodies(daemon, plain.headers["x-request-id"])
    sent = [{"role": "user", "content": CANARY}]
    assert asked == {"model": "fake/echo", "messages": sent, "temperature": 0.25}
    assert answered == plain.json()

    asked, answered = bodies(daemon, made(daemon, key, stream=True))
    assert asked["stream"] is True
    assert answered["choices"][0]["message"]["content"] == CANARY
    assert answered["object"] == "chat.completion"

    refused = daemon.chat(key, "other", CANARY)
    assert bodies(daemon, refused.headers["x-request-id"])[1] == refused.json()
    cut = made(daemon, key, "fake/lorem+cut=3", stream=True)
    assert bodies(daemon, cut)[1]["choices"][0]["finish_reason"] is None

    assert all(entry["has_bodies"] for entry in daemon.admin.get("/-/requests").json()["data"])
    assert stop_daemon(daemon) == 0
    assert CANARY.encode() not in everything_in(daemon.data_dir.parent)


def test_a_new_process_still_reads_them_and_a_reload_switches_them(start: StartDaemon) -> None:
    first = start(CONFIG % "include_bodies: true")
    key = first.create_key()
    kept = made(first, key)
    assert bodies(first, kept)[0] is not None
    first.config.write_text(CONFIG % "")
    first.admin.post("/-/reload").raise_for_status()
    assert bodies(first, made(first, key)) == (None, None)
    stop_daemon(first)
    second = start(CONFIG % "")
    assert bodies(second, kept)[0]["messages"][0]["content"] == CANARY


def test_only_those_of_the_named_orgs_are_kept(start: StartDaemon) -> None:
    daemon = start(CONFIG % "include_bodies: true, bodies_of_orgs: [org_1]")
    ours, theirs = daemon.create_key(org_id="org_1"), daemon.create_key(org_id="org_2")
    assert bodies(daemon, made(daemon, ours))[0] is not None
    assert bodies(daemon, made(daemon, theirs)) == (None, None)
    assert bodies(daemon, made(daemon, daemon.create_key())) == (None, None)


def test_what_is_too_long_is_cut_and_not_asked_again(start: StartDaemon) -> None:
    daemon = start(CONFIG % "include_bodies: true")
    key = daemon.create_key()
    call = daemon.chat(key, text="x" * 300_000).headers["x-request-id"]
    answer = daemon.admin.get(f"/-/requests/{call}", params={"bodies": True}).json()
    assert answer["is_request_body_cut"]
    assert answer["is_response_body_cut"]
    assert len(answer["request_body"]) == 256 * 1024
    refused = daemon.admin.post(f"/-/requests/{call}/replay", json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "bodies_cut")
    streamed = daemon.chat(key, text="x" * 300_000, stream=True).headers["x-request-id"]
    answer = daemon.admin.get(f"/-/requests/{streamed}", params={"bodies": True}).json()
    assert answer["is_response_body_cut"]
    message = answer["response_body"]["choices"][0]["message"]["content"]
    assert message == "x" * (128 * 1024)


def test_the_feed_tells_them_to_who_asks(start: StartDaemon) -> None:
    daemon = start(CONFIG % "include_bodies: true")
    key = daemon.create_key()

    def event(**params: Any) -> dict[str, Any]:
        query = {"topics": "call", "sample": "all", **params}
        with (
            daemon.client(dict(daemon.admin.headers)) as viewer,
            viewer.stream("GET", "/-/events", params=query) as feed,
        ):
            lines = feed.iter_lines()
            next(lines)
            made(daemon, key)
            line = next(line for line in lines if line.startswith("data:"))
        body: dict[str, Any] = json.loads(line.removeprefix("data:"))
        return body

    told = event(bodies=True)
    assert told["request_body"]["messages"][0]["content"] == CANARY
    assert told["response_body"]["choices"][0]["message"]["content"] == CANARY
    untold = event()
    assert untold["has_bodies"]
    assert "request_body" not in untold


@pytest.mark.parametrize("is_over", [False, True])
async def test_when_their_time_is_over_they_are_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_over: bool
) -> None:
    monkeypatch.setattr("tests.in_process.CONFIG", CONFIG % "include_bodies: true, bodies_kept: 2d")
    async with running_gateway(tmp_path) as gateway:
        async with client_of(gateway, gateway.snapshot.admin_token.decode()) as client:
            key = (await client.post("/-/keys", json={"name": "k"})).json()["key"]
            chat = {"model": "fake/echo", "messages": [{"role": "user", "content": CANARY * 200}]}
            headers = {"authorization": f"Bearer {key}"}
            made = await client.post("/v1/chat/completions", json=chat, headers=headers)
            call = made.headers["x-request-id"]
            assert await gateway.bodies.get(call) is not None
        sealed = await _sealed(gateway, call)
        later_s = clock.wall_s() + (3 if is_over else 1) * 86_400
        monkeypatch.setattr(clock, "wall_s", lambda: later_s)
        await life._prune_bodies(gateway)
        assert (await gateway.bodies.get(call) is None) is is_over
    raw = everything_in(tmp_path / "data")
    part = sealed[2_000:2_064]  # of a page of its own
    assert (part not in raw) is is_over


async def _sealed(gateway: Gateway, call: str) -> bytes:
    row = await gateway.stores.traffic.row(
        "SELECT sealed FROM bodies WHERE request_id = :id", {"id": call}
    )
    assert row is not None
    sealed = row["sealed"]
    assert isinstance(sealed, bytes)
    return sealed
