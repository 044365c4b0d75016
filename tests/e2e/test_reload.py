"""A configuration is put in force whole or not at all, by whoever asks, and drops nothing."""

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, run_prismd, wait_for

FAKE = "providers:\n  fake: {type: fake}\n"
OTHER = "providers:\n  fake: {type: fake}\n  two: {type: fake}\n"
SLOW = "fake/lorem+rate=40+tokens=40"


def in_force(daemon: Daemon) -> str:
    return str(daemon.admin.get("/-/config").json()["hash"])


def put_in_force(daemon: Daemon, config: str) -> None:
    """Change the file and ask for it, unless the watch was quicker."""
    before = in_force(daemon)
    daemon.config.write_text(config)
    assert daemon.admin.post("/-/reload").json()["status"] in ("reloaded", "unchanged")
    assert in_force(daemon) != before


def test_a_changed_file_is_put_in_force_by_itself(start: StartDaemon) -> None:
    daemon = start(FAKE)
    before = in_force(daemon)
    daemon.config.write_text(OTHER)
    wait_for(lambda: in_force(daemon) != before, "the changed file", within_s=10)
    assert {p["id"] for p in daemon.admin.get("/-/capabilities").json()["providers"]} == {
        "fake",
        "two",
    }


def test_sighup_reloads_a_file_that_an_editor_replaced(start: StartDaemon) -> None:
    daemon = start(FAKE)
    before = in_force(daemon)
    draft = daemon.config.with_suffix(".draft")
    draft.write_text(OTHER)
    draft.replace(daemon.config)
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: in_force(daemon) != before, "the replaced file", within_s=10)


def test_a_bad_file_changes_nothing_and_is_told(start: StartDaemon) -> None:
    daemon = start(FAKE)
    before = in_force(daemon)
    daemon.config.write_text("providers:\n  fake: {type: fake}\nguardrails: {}\nservr: {}\n")
    answer = daemon.admin.post("/-/reload")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_config"
    assert answer.json()["error"]["problems"]
    shown = daemon.admin.get("/-/config").json()
    assert shown["hash"] == before
    problems = shown["last_error"]["problems"]
    assert any("prism.yaml:3:1" in one and "not available" in one for one in problems)
    assert any("prism.yaml:4:1" in one and '"server"' in one for one in problems)
    daemon.config.write_text(FAKE)
    assert daemon.admin.post("/-/reload").json()["status"] == "unchanged"
    assert daemon.admin.get("/-/config").json()["last_error"] is None


def test_what_needs_a_restart_is_named(start: StartDaemon) -> None:
    daemon = start(FAKE)
    daemon.config.write_text(FAKE + "server: {shutdown_timeout: 7s}\n")
    answer = daemon.admin.post("/-/reload").json()
    assert answer["needs_restart"] == ["server.shutdown_timeout"]


def test_fifty_reloads_under_load_drop_nothing(start: StartDaemon) -> None:
    daemon = start(FAKE)
    key = daemon.create_key()
    is_over = threading.Event()

    def call_until_over() -> list[int]:
        statuses = []
        with daemon.client(key.headers) as client:
            body = {"model": "fake/echo", "messages": [{"role": "user", "content": "hi"}]}
            while not is_over.is_set():
                answer = client.post("/v1/chat/completions", json=body)
                statuses.append(answer.status_code)
                client.post("/v1/chat/completions", json={**body, "stream": True}).read()
        return statuses

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(call_until_over) for _ in range(4)]
        try:
            for number in range(50):
                # As an editor does it: a file read between truncating and writing means another.
                draft = daemon.config.with_suffix(".draft")
                draft.write_text(OTHER if number % 2 else FAKE)
                draft.replace(daemon.config)
                assert daemon.admin.post("/-/reload").status_code == 200
        finally:
            is_over.set()
        statuses = [status for caller in callers for status in caller.result()]
    assert len(statuses) > 50
    assert set(statuses) == {200}


def test_a_running_stream_ends_on_the_configuration_it_began_with(start: StartDaemon) -> None:
    daemon = start(FAKE)
    key = daemon.create_key()
    body = {"model": SLOW, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    with (
        daemon.client(key.headers) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        put_in_force(daemon, "providers:\n  other: {type: fake}\n")
        assert list(lines)[-2] == "data: [DONE]"
        assert client.post("/v1/chat/completions", json=body).status_code == 404


def test_a_secret_behind_a_reference_is_read_again(start: StartDaemon, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("a" * 40)
    secret.chmod(0o600)
    daemon = start(FAKE + f"admin: {{token: 'file:{secret}'}}\n")
    with daemon.client({"authorization": f"Bearer {'a' * 40}"}) as operator:
        assert operator.get("/-/config").status_code == 200
        secret.write_text("b" * 40)
        assert operator.post("/-/reload").status_code == 200
        assert operator.get("/-/config").status_code == 401
    with daemon.client({"authorization": f"Bearer {'b' * 40}"}) as operator:
        assert operator.get("/-/config").status_code == 200


def test_a_credential_that_no_header_can_carry_is_told_with_its_line(
    start: StartDaemon, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text("sk-two words\n")
    secret.chmod(0o600)
    bad = (
        FAKE + f"  near: {{type: vllm, base_url: 'http://127.0.0.1:9', api_key: 'file:{secret}'}}\n"
    )
    daemon = start(FAKE)
    before = in_force(daemon)
    daemon.config.write_text(bad)
    refused = daemon.admin.post("/-/reload")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_config")
    assert in_force(daemon) == before
    daemon.process.terminate()
    assert daemon.process.wait(timeout=10) == 0
    ended = run_prismd(
        "serve", "--config", str(daemon.config), "--data-dir", str(daemon.data_dir), "--port", "0"
    )
    assert ended.returncode == 2
    assert "prism.yaml:3:" in ended.stderr
    assert "providers.near.api_key" in ended.stderr
    for told in (refused.text, ended.stderr, daemon.log):
        assert "two words" not in told
        assert "Traceback" not in told


def test_the_watch_outlives_a_fault_that_nobody_foresaw(start: StartDaemon) -> None:
    daemon = start(FAKE)
    before = in_force(daemon)
    token_file = daemon.data_dir / "admin-token"
    token = token_file.read_bytes()
    token_file.write_bytes(b"\xff")  # not text: no kind of problem that has a line
    daemon.config.write_text(OTHER)
    told = "the configuration cannot be reloaded"
    wait_for(lambda: told in daemon.log, "the fault in the log", within_s=10)
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.log.count(told) > 1, "the same after a signal", within_s=10)
    assert in_force(daemon) == before
    token_file.write_bytes(token)
    daemon.config.write_text(OTHER + "model_map: {a: two/echo}\n")
    wait_for(lambda: in_force(daemon) != before, "the changed file", within_s=10)


def test_a_refused_configuration_does_not_change_the_log(start: StartDaemon) -> None:
    daemon = start(FAKE + "logging: {level: info, format: json}\n")
    daemon.config.write_text(
        "logging: {level: error, format: text}\nproviders:\n  x: {type: opnai}\n"
    )
    assert daemon.admin.post("/-/reload").status_code == 400
    wait_for(lambda: "configuration not changed" in daemon.log, "the refusal in the log")
    line = next(one for one in daemon.log.splitlines() if "configuration not changed" in one)
    assert json.loads(line)["level"] == "warning"
    put_in_force(daemon, FAKE + "logging: {level: error, format: text}\n")
    assert "in force" not in daemon.log
