"""`Idempotency-Key`: the same request again has the same answer, and no second effect."""

import asyncio
import contextlib
import socket
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from prismd import daemon as daemon_module
from prismd.kernel import clock
from prismd.store.idempotency import KEPT_S
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, kill_daemon, stop_daemon, wait_for
from tests.fake_process import FakeProcess
from tests.in_process import client_of, running_gateway
from tests.raw_http import request

SLOW = {"x-prism-fake-latency": "300ms"}
TEXT = "plugh-xyzzy-31337"


def ask(
    daemon: Daemon, key: Key, name: str, model: str = "mock/echo", **more: Any
) -> httpx2.Response:
    headers = {"idempotency-key": name, **more.pop("headers", {})}
    return daemon.chat(key, model, headers=headers, **more)


def code_of(answer: httpx2.Response) -> str:
    code: str = answer.json()["error"]["code"]
    return code


def calls_of(daemon: Daemon, key: Key) -> int:
    """How many calls of a key have reached a provider and were written down."""
    rows = daemon.admin.get("/-/usage", params={"group_by": "key", "key": key.id}).json()["data"]
    return sum(row["requests"] for row in rows)


def served(fake: FakeProcess, answers: list[httpx2.Response]) -> int:
    """How many of these requests the vendor has seen."""
    ids = {answer.headers["x-request-id"] for answer in answers}
    return sum(entry["request_id"] in ids for entry in fake.entries())


def assert_same(first: httpx2.Response, again: httpx2.Response) -> None:
    assert again.status_code == first.status_code
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["x-prism-original-request-id"] == first.headers["x-request-id"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


def rows_of(daemon: Daemon) -> list[tuple[Any, ...]]:
    """What is on the disk, read as another program would."""
    with closing(sqlite3.connect(daemon.data_dir / "state.db")) as database:
        return database.execute("SELECT scope, state FROM idempotency").fetchall()


def change_rows(daemon: Daemon, sql: str) -> None:
    """Change the database of a daemon that has stopped."""
    with closing(sqlite3.connect(daemon.data_dir / "state.db")) as database:
        database.execute(sql)
        database.commit()


# ── inference ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_call_again_is_answered_as_before(
    daemon: Daemon, key: Key, fake_process: FakeProcess, *, stream: bool
) -> None:
    first = ask(daemon, key, "one", text=TEXT, stream=stream)
    assert first.status_code == 200
    assert TEXT in first.text or stream
    again = [ask(daemon, key, "one", text=TEXT, stream=stream) for _ in range(2)]
    for answer in again:
        assert_same(first, answer)
    assert (b"[DONE]" in first.content) is stream
    assert served(fake_process, [first, *again]) == 1
    assert calls_of(daemon, key) == 1
    stages = [stage["stage"] for stage in daemon.trace(again[0].headers["x-request-id"])["stages"]]
    assert "replay" in stages
    assert "attempt" not in stages


async def test_fifty_at_once_are_one_call(
    daemon: Daemon, key: Key, fake_process: FakeProcess
) -> None:
    body = {"model": "mock/echo", "messages": [{"role": "user", "content": TEXT}]}
    headers = {**key.headers, **SLOW, "idempotency-key": "fifty"}
    async with httpx2.AsyncClient(
        base_url=daemon.url, headers=headers, timeout=20, verify=False
    ) as client:
        posts = [client.post("/v1/chat/completions", json=body) for _ in range(50)]
        answers = await asyncio.gather(*posts)
        answers.append(await client.post("/v1/chat/completions", json=body))
    answered = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.content for answer in answered}) == 1
    assert len(answered) >= 2
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    for answer in refused:
        assert (answer.status_code, code_of(answer)) == (409, "idempotency_in_flight")
        assert answer.headers["retry-after"] == "1"
    assert served(fake_process, answers) == 1
    assert calls_of(daemon, key) == 1


def test_another_request_under_the_same_key_is_refused(daemon: Daemon, key: Key) -> None:
    assert ask(daemon, key, "reused").status_code == 200
    for other in ({"text": "other"}, {"stream": True}, {"model": "fake/echo"}):
        answer = ask(daemon, key, "reused", **other)
        assert (answer.status_code, code_of(answer)) == (422, "idempotency_key_reused")
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert calls_of(daemon, key) == 1


def test_another_request_while_the_first_runs_is_refused_as_well(daemon: Daemon, key: Key) -> None:
    body = {
        "model": "mock/lorem+hang=1",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    headers = {**key.headers, "idempotency-key": "running"}
    with daemon.client(headers) as client:
        with client.stream("POST", "/v1/chat/completions", json=body) as running:
            assert running.status_code == 200
            other = ask(daemon, key, "running", text="other")
            assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")
            same = client.post("/v1/chat/completions", json=body)
            assert (same.status_code, code_of(same)) == (409, "idempotency_in_flight")

        def end() -> str | None:
            code = code_of(client.post("/v1/chat/completions", json=body))
            return None if code == "idempotency_in_flight" else code

        # The client has left before the end: what it was sent is billed, and not kept.
        assert wait_for(end, "the cut stream is settled") == "idempotency_not_replayable"
    assert calls_of(daemon, key) == 1


def test_keys_of_others_are_their_own(daemon: Daemon, key: Key) -> None:
    stranger = daemon.create_key()
    first, other = ask(daemon, key, "shared"), ask(daemon, stranger, "shared", text="other")
    assert (first.status_code, other.status_code) == (200, 200)
    assert "idempotency-replayed" not in other.headers
    assert calls_of(daemon, stranger) == 1
    made = daemon.admin.post("/-/keys", json={"name": "x"}, headers={"idempotency-key": "shared"})
    assert made.status_code == 201


def test_calls_without_a_key_are_calls_of_their_own(daemon: Daemon, key: Key) -> None:
    for _ in range(2):
        assert "idempotency-replayed" not in daemon.chat(key).headers
    assert calls_of(daemon, key) == 2


@pytest.mark.parametrize("value", ["", "x" * 256, "schlüssel".encode(), "a\tb"])
def test_a_key_is_printable_and_not_too_long(daemon: Daemon, key: Key, value: Any) -> None:
    for answer in (
        ask(daemon, key, value),
        daemon.admin.post("/-/keys", json={"name": "x"}, headers={"idempotency-key": value}),
    ):
        assert (answer.status_code, code_of(answer)) == (400, "invalid_header")
        assert answer.json()["error"]["param"] == "idempotency-key"
    assert calls_of(daemon, key) == 0


def test_the_longest_key_is_taken(daemon: Daemon, key: Key) -> None:
    name = "a b~" + "x" * 251
    assert_same(ask(daemon, key, name), ask(daemon, key, name))


@pytest.mark.parametrize("stream", [False, True])
def test_a_long_answer_is_not_kept_and_not_made_again(
    daemon: Daemon, key: Key, *, stream: bool
) -> None:
    asked: dict[str, Any] = {
        "model": "mock/echo+chunk=100000",
        "text": "x" * 1_100_000,
        "stream": stream,
    }
    first = ask(daemon, key, "long", **asked)
    assert len(first.content) > 1_100_000
    again = ask(daemon, key, "long", **asked)
    assert (again.status_code, code_of(again)) == (409, "idempotency_not_replayable")
    assert again.headers["x-should-retry"] == "false"
    assert again.headers["x-prism-original-request-id"] == first.headers["x-request-id"]
    assert calls_of(daemon, key) == 1


def test_an_error_of_a_provider_is_an_answer_too(
    daemon: Daemon, key: Key, fake_process: FakeProcess
) -> None:
    for status, told in ((500, 502), (400, 400)):
        model = f"mock/echo+status={status}"
        first = ask(daemon, key, f"fails-{status}", model)
        assert first.status_code == told
        again = ask(daemon, key, f"fails-{status}", model)
        assert_same(first, again)
        assert again.headers["x-should-retry"] == "false"
        assert served(fake_process, [first, again]) == 1


def test_a_stream_that_breaks_off_is_kept_with_its_error(daemon: Daemon, key: Key) -> None:
    broken = [ask(daemon, key, "breaks", "mock/lorem+cut=3", stream=True) for _ in range(2)]
    assert b'"error"' in broken[0].content
    assert b"[DONE]" not in broken[0].content
    assert_same(*broken)
    assert calls_of(daemon, key) == 1


def test_a_provider_that_says_come_again_leaves_the_key_free(daemon: Daemon, key: Key) -> None:
    for _ in range(2):
        answer = ask(daemon, key, "busy", "mock/echo+status=429")
        assert answer.status_code == 429
        assert "idempotency-replayed" not in answer.headers
    assert calls_of(daemon, key) == 2


def test_what_is_refused_before_a_provider_is_asked_leaves_the_key_free(daemon: Daemon) -> None:
    limited = daemon.create_key(rate_limit_rpm=1, models=["mock/echo"])
    assert ask(daemon, limited, "free", n="two").status_code == 400
    assert ask(daemon, limited, "free", model="mock/lorem").status_code == 403
    first = ask(daemon, limited, "used")
    assert first.status_code == 200
    assert ask(daemon, limited, "free").status_code == 429
    assert_same(first, ask(daemon, limited, "used"))  # a replay needs no room in the window
    daemon.put_key(limited, rate_limit_rpm=2).raise_for_status()
    answer = ask(daemon, limited, "free")
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


def test_a_client_that_loses_its_connection_finds_its_answer(daemon: Daemon, key: Key) -> None:
    body = b'{"model":"mock/echo","messages":[{"role":"user","content":"Hello"}]}'
    head = [
        f"Authorization: Bearer {key.secret}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    lost = ["Idempotency-Key: lost", "X-Prism-Fake-Latency: 300ms"]
    with socket.create_connection(daemon.address) as connection:
        connection.sendall(request("POST /v1/chat/completions", *head, *lost, body=body))
        wait_for(lambda: any(row[0] == key.id for row in rows_of(daemon)), "the call has begun")
    headers = {**key.headers, "content-type": "application/json", "idempotency-key": "lost"}

    def answer() -> httpx2.Response | None:
        found = daemon.admin.post("/v1/chat/completions", content=body, headers=headers)
        return found if found.status_code == 200 else None

    found = wait_for(answer, "the answer is kept")
    assert found.headers["idempotency-replayed"] == "true"
    assert calls_of(daemon, key) == 1


# ── restarts ──────────────────────────────────────────────────────────────────────────────────────


def test_a_killed_daemon_has_the_answers_and_makes_no_second_call(
    start: StartDaemon, providers_yaml: str, fake_process: FakeProcess
) -> None:
    daemon = start(providers_yaml)
    key = daemon.create_key()
    whole = ask(daemon, key, "whole", text=TEXT)
    stream = ask(daemon, key, "stream", text=TEXT, stream=True)
    made = daemon.admin.post("/-/keys", json={"name": "k"}, headers={"idempotency-key": "made"})
    before = len(fake_process.entries())

    def hang() -> None:
        with contextlib.suppress(httpx2.TransportError):
            ask(daemon, key, "cut", "mock/echo+hang=0")

    caller = threading.Thread(target=hang)
    caller.start()
    wait_for(lambda: (key.id, "in_flight") in rows_of(daemon), "the call is in flight")
    kill_daemon(daemon)
    caller.join()

    daemon = start(providers_yaml)
    for _ in range(2):
        cut = ask(daemon, key, "cut", "mock/echo+hang=0")
        assert (cut.status_code, code_of(cut)) == (409, "idempotency_outcome_unknown")
        assert cut.headers["x-should-retry"] == "false"
        assert cut.headers["x-prism-original-request-id"].startswith("req_")
    assert_same(whole, ask(daemon, key, "whole", text=TEXT))
    assert_same(stream, ask(daemon, key, "stream", text=TEXT, stream=True))
    same = daemon.admin.post("/-/keys", json={"name": "k"}, headers={"idempotency-key": "made"})
    assert_same(made, same)
    cut_calls = [entry for entry in fake_process.entries()[before:] if entry["model"]]
    assert len([entry for entry in cut_calls if "hang" in entry["model"]]) <= 1


def test_an_answer_is_sealed_and_kept_for_a_day(start: StartDaemon) -> None:
    config = "providers:\n  fake: {type: fake}\n"
    daemon = start(config)
    key = daemon.create_key()
    first = ask(daemon, key, "secret-name", "fake/echo", text=TEXT)
    assert TEXT in first.text
    assert stop_daemon(daemon) == 0
    for file in daemon.data_dir.iterdir():
        if file.is_file():
            content = file.read_bytes()
            assert TEXT.encode() not in content, file
            assert b"secret-name" not in content, file

    # A day later: the row is as if it had never been, and a call is made.
    change_rows(daemon, "UPDATE idempotency SET created_at_s = 1, expires_at_s = 2")
    daemon = start(config)
    later = ask(daemon, key, "secret-name", "fake/echo", text="something else")
    assert later.status_code == 200
    assert "idempotency-replayed" not in later.headers
    assert_same(later, ask(daemon, key, "secret-name", "fake/echo", text="something else"))


async def test_what_is_over_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_gateway(tmp_path) as gateway:
        token = gateway.data_dir.admin_token()
        assert token is not None
        async with client_of(gateway, token.reveal()) as client:
            headers = {"idempotency-key": "pruned"}
            made = await client.post("/-/keys", json={"name": "x"}, headers=headers)
            assert made.status_code == 201
        left = []
        for later_s in (KEPT_S - 60, KEPT_S + 60):
            with monkeypatch.context() as patch:
                now_s = clock.wall_s() + later_s
                patch.setattr(clock, "wall_s", lambda now_s=now_s: now_s)
                await daemon_module._prune(gateway)
            left.append(len(await gateway.stores.state.rows("SELECT 1 FROM idempotency", {})))
        assert left == [1, 0]


# ── admin ─────────────────────────────────────────────────────────────────────────────────────────


def make_key(daemon: Daemon, name: str, once: str, **headers: str) -> httpx2.Response:
    headers = {"idempotency-key": once, **headers}
    return daemon.admin.post("/-/keys", json={"name": name}, headers=headers)


def keys_named(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = daemon.admin.get("/-/keys", params={"name": name}).json()["data"]
    return found


def test_a_key_is_made_once_and_its_secret_told_again(daemon: Daemon) -> None:
    first, again = (make_key(daemon, "made-once", "admin-1") for _ in range(2))
    assert first.status_code == 201
    assert_same(first, again)
    assert again.headers["etag"] == first.headers["etag"]
    assert len(keys_named(daemon, "made-once")) == 1
    found = daemon.admin.get("/-/audit", params={"object_id": first.json()["id"]}).json()["data"]
    assert len(found) == 1
    other = make_key(daemon, "made-twice", "admin-1")
    assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")


def test_every_method_that_changes_is_made_once(daemon: Daemon) -> None:
    key = daemon.create_key(credits=1)
    path = f"/-/keys/{key.id}"
    for method, where, body in (
        ("PUT", path, {"rate_limit_rpm": 5}),
        ("POST", f"{path}/credits", {"amount": 2}),
        ("DELETE", path, None),
    ):
        once = {"idempotency-key": f"{method}-{key.id}"}
        first, again = (
            daemon.admin.request(method, where, json=body, headers=once) for _ in range(2)
        )
        assert first.status_code == 200, first.text
        assert_same(first, again)
    told = daemon.admin.get("/-/audit", params={"object_id": key.id}).json()["data"]
    assert len(told) == 4
    # Another target is another request, also where the body is the same.
    other = daemon.create_key()
    once = {"idempotency-key": f"DELETE-{key.id}"}
    answer = daemon.admin.delete(f"/-/keys/{other.id}", headers=once)
    assert (answer.status_code, code_of(answer)) == (422, "idempotency_key_reused")


async def test_changes_at_once_are_one_change(daemon: Daemon) -> None:
    headers = {"authorization": f"Bearer {daemon.admin_token}", "idempotency-key": "at-once"}
    async with httpx2.AsyncClient(
        base_url=daemon.url, headers=headers, timeout=20, verify=False
    ) as client:
        posts = [client.post("/-/keys", json={"name": "at-once"}) for _ in range(30)]
        answers = await asyncio.gather(*posts)
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert {code_of(one) for one in answers if one.status_code == 409} <= {"idempotency_in_flight"}
    assert len(keys_named(daemon, "at-once")) == 1


def test_a_refused_change_leaves_the_key_free(daemon: Daemon) -> None:
    assert make_key(daemon, "", "refused").status_code == 400
    assert make_key(daemon, "not-refused", "refused").status_code == 201


def test_reading_takes_no_key(daemon: Daemon) -> None:
    for path in ("/-/keys", "/-/audit"):
        answer = daemon.admin.get(path, headers={"idempotency-key": "x" * 999})
        assert answer.status_code == 200
        assert "idempotency-replayed" not in answer.headers


def test_who_is_no_operator_learns_and_leaves_nothing(daemon: Daemon, key: Key) -> None:
    made = make_key(daemon, "hidden", "guessed")
    before = rows_of(daemon)
    for headers in ({"authorization": "Bearer nope"}, key.headers):
        for once in ("guessed", "fresh", "x" * 256):
            answer = make_key(daemon, "hidden", once, **headers)
            assert answer.status_code == 401
            assert made.json()["key"] not in answer.text
    assert rows_of(daemon) == before


def test_a_change_whose_answer_was_not_written_is_not_made_again(start: StartDaemon) -> None:
    """As a crash leaves it that comes between the change and its answer."""
    config = "providers:\n  fake: {type: fake}\n"
    daemon = start(config)
    first = make_key(daemon, "torn", "torn")
    assert stop_daemon(daemon) == 0
    change_rows(daemon, "UPDATE idempotency SET state = 'in_flight', answer = NULL")
    daemon = start(config)
    answer = make_key(daemon, "torn", "torn")
    assert (answer.status_code, code_of(answer)) == (409, "idempotency_outcome_unknown")
    original = answer.headers["x-prism-original-request-id"]
    assert original == first.headers["x-request-id"]
    told = daemon.admin.get("/-/audit").json()["data"]
    assert [row["action"] for row in told if row["request_id"] == original] == ["key.created"]
    assert len(keys_named(daemon, "torn")) == 1
