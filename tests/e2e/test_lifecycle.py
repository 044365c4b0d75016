"""Start, reload, stop: exit codes, nothing dropped, whole or not at all."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import ROOT, Daemon, start_daemon, stop_daemon, wait_for
from tests.raw_http import read_answer, request

FAKE = "providers:\n  fake: {type: fake}\n"
OTHER = "providers:\n  fake: {type: fake}\n  two: {type: fake}\n"
SLOW = "fake/lorem+rate=40+tokens=40"


def prismd(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prismd", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def accepts(daemon: Daemon) -> bool:
    try:
        socket.create_connection(daemon.address, timeout=1).close()
    except ConnectionError:
        return False
    return True


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


def test_term_lets_a_stream_end_and_exits_0(start: StartDaemon) -> None:
    daemon = start(FAKE)
    key = daemon.create_key()
    body = {"model": SLOW, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    with (
        daemon.client(key.headers) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        daemon.process.terminate()
        assert list(lines)[-2] == "data: [DONE]"
    assert daemon.process.wait(timeout=10) == 0


def test_a_stream_that_never_ends_is_cut_after_the_shutdown_time(start: StartDaemon) -> None:
    daemon = start(FAKE + "server: {shutdown_timeout: 1s}\n")
    key = daemon.create_key()
    body = {
        "model": "fake/lorem+hang=2",
        "stream": True,
        "messages": [{"role": "user", "content": "x"}],
    }
    with (
        daemon.client(key.headers) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        lines = answer.iter_lines()  # kept: when it is let go of, the connection is closed
        next(lines)
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(timeout=10) == 0
    assert "Traceback" not in daemon.log
    assert "ASGI" not in daemon.log
    usage = start(FAKE).admin.get("/-/usage").json()["totals"]
    assert usage["requests"] == 1


@pytest.mark.parametrize("signals", [1, 2], ids=["time is over", "second signal"])
def test_a_call_that_is_cut_at_the_end_is_told_so(start: StartDaemon, signals: int) -> None:
    wait_s = 1 if signals == 1 else 60
    daemon = start(FAKE + f"server: {{shutdown_timeout: {wait_s}s}}\n")
    key = daemon.create_key()
    body = {"model": "fake/lorem+hang=0", "messages": [{"role": "user", "content": "x"}]}
    sent = json.dumps(body).encode()
    with socket.create_connection(daemon.address, timeout=10) as connection:
        connection.sendall(
            request(
                "POST /v1/chat/completions",
                f"Authorization: Bearer {key.secret}",
                f"Content-Length: {len(sent)}",
                body=sent,
            )
        )
        wait_for(
            lambda: "prism_running_requests 1" in daemon.admin.get("/-/metrics").text,
            "the call runs",
        )
        daemon.process.terminate()
        if signals > 1:
            wait_for(lambda: not accepts(daemon), "the daemon drains")
            daemon.process.terminate()
        answer = read_answer(connection)
    assert (answer.status, answer.error["code"]) == (503, "shutting_down")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["connection"] == "close"
    assert daemon.process.wait(timeout=10) == 0
    assert "Traceback" not in daemon.log
    usage = start(FAKE).admin.get("/-/usage").json()["totals"]
    assert usage["requests"] == 1


def test_the_second_daemon_on_a_data_directory_exits_4(start: StartDaemon) -> None:
    daemon = start(FAKE)
    ended = prismd("serve", "--data-dir", str(daemon.data_dir), "--port", "0")
    assert ended.returncode == 4
    assert str(daemon.process.pid) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_taken_port_exits_2_and_is_named(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "data")
    assert prismd("init", "--data-dir", data_dir).returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = prismd("serve", "--data-dir", data_dir, "--port", str(port))
    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr


def test_no_start_without_an_admin_token(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert prismd("init", "--data-dir", str(data_dir)).returncode == 0
    (data_dir / "admin-token").unlink()
    ended = prismd("serve", "--data-dir", str(data_dir), "--port", "0")
    assert ended.returncode == 2
    assert "prismd init" in ended.stderr


def test_no_start_without_a_data_directory(tmp_path: Path) -> None:
    ended = prismd("serve", "--data-dir", str(tmp_path / "nothing"), "--port", "0")
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr


def test_check_says_ok_or_every_line(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(FAKE)
    bad.write_text("server:\n  prot: 1\nproviders:\n  x: {type: opnai}\n")
    assert prismd("check", str(good)).returncode == 0
    ended = prismd("check", str(bad))
    assert ended.returncode == 2
    assert "bad.yaml:2:3" in ended.stderr
    assert prismd("check", str(tmp_path / "none.yaml")).returncode == 2
    assert prismd("bogus").returncode == 2


def test_the_admin_api_is_served_on_loopback_only_unless_allowed(start: StartDaemon) -> None:
    other = own_address()
    daemon = start(FAKE + "server: {host: 0.0.0.0}\n")
    port = daemon.address[1]
    admin = {"authorization": f"Bearer {daemon.admin_token}"}
    with httpx2.Client(trust_env=False) as client:
        assert client.get(f"http://127.0.0.1:{port}/-/config", headers=admin).status_code == 200
        refused = client.get(f"http://{other}:{port}/-/config", headers=admin)
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "admin_not_served_here"
        assert client.get(f"http://{other}:{port}/healthz").status_code == 200
        daemon.config.write_text(FAKE + "server: {host: 0.0.0.0}\nadmin: {allow_remote: true}\n")
        assert daemon.admin.post("/-/reload").status_code == 200
        allowed = client.get(f"http://{other}:{port}/-/config", headers=admin)
        assert allowed.status_code == 200


def own_address() -> str:
    """Return an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only picks the interface
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


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


def test_browsers_of_named_origins_may_call_and_never_the_admin_api(start: StartDaemon) -> None:
    daemon = start(FAKE + "cors: {enabled: true, allowed_origins: ['https://app.example']}\n")
    ask = {"origin": "https://app.example", "access-control-request-method": "POST"}
    with daemon.client() as browser:
        answer = browser.options("/v1/chat/completions", headers=ask)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        foreign = browser.options(
            "/v1/chat/completions", headers={**ask, "origin": "https://evil.example"}
        )
        assert "access-control-allow-origin" not in foreign.headers
        refused = browser.post("/v1/chat/completions", headers={"origin": ask["origin"]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "missing_api_key")
        assert refused.headers["access-control-allow-origin"] == "https://app.example"
        admin = browser.options("/-/keys", headers=ask)
        assert admin.status_code == 405
        assert "access-control-allow-origin" not in admin.headers


def test_a_trusted_proxy_vouches_for_the_clients_address(start: StartDaemon) -> None:
    daemon = start(FAKE + "ip_acl: {trusted_proxies: [127.0.0.1]}\n")
    key = daemon.create_key(allowed_ips=["203.0.113.7"])
    for forwarded, status in [
        ("203.0.113.7", 200),
        ("203.0.113.8", 403),
        ("203.0.113.7, 1.2.3.4", 403),
    ]:
        answer = daemon.chat(key, headers={"x-forwarded-for": forwarded})
        assert answer.status_code == status, answer.text


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
    ended = prismd(
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


def test_term_is_told_to_the_load_balancer_before_the_door_closes(start: StartDaemon) -> None:
    daemon = start(FAKE + "server: {drain_delay: 60s}\n")
    key = daemon.create_key()
    assert daemon.admin.get("/readyz").status_code == 200
    daemon.process.terminate()
    wait_for(lambda: daemon.admin.get("/readyz").status_code == 503, "it is not ready")
    assert daemon.admin.get("/readyz").json()["reasons"] == ["draining"]
    answer = daemon.chat(key)  # on a new connection
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    daemon.process.terminate()
    assert daemon.process.wait(timeout=10) == 0
    assert not accepts(daemon)


@pytest.mark.parametrize("signals", [1, 2], ids=["time is over", "second signal"])
def test_a_stream_that_is_cut_at_the_end_is_told_so(start: StartDaemon, signals: int) -> None:
    wait_s = 1 if signals == 1 else 60
    daemon = start(FAKE + f"server: {{shutdown_timeout: {wait_s}s}}\n")
    key = daemon.create_key()
    body = {
        "model": "fake/lorem+hang=2",
        "stream": True,
        "messages": [{"role": "user", "content": "x"}],
    }
    with (
        daemon.client(key.headers) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        request_id = answer.headers["x-request-id"]
        lines = answer.iter_lines()
        next(lines)
        daemon.process.terminate()
        if signals > 1:
            wait_for(lambda: not accepts(daemon), "the daemon drains")
            daemon.process.terminate()
        rest = [line for line in lines if line]
    assert "data: [DONE]" not in rest
    told = json.loads(rest[-1].removeprefix("data: "))["error"]
    assert told["code"] == "shutting_down"
    assert daemon.process.wait(timeout=10) == 0
    assert "Traceback" not in daemon.log
    again = start(FAKE)
    trace = again.trace(request_id)
    assert (trace["status"], trace["error_code"]) == (503, "shutting_down")
    assert again.admin.get("/-/usage").json()["totals"]["requests"] == 1


def test_a_restart_on_a_socket_that_was_handed_over_refuses_nobody(tmp_path: Path) -> None:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(20)
    statuses: list[int] = []
    is_over = threading.Event()
    with told, socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]

        def serve() -> subprocess.Popen[bytes]:
            hand_over = (
                "import os, sys; os.dup2(int(sys.argv[1]), 3);"
                "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
                "os.execv(sys.executable, [sys.executable, '-m', 'prismd', *sys.argv[2:]])"
            )
            arguments = ["serve", "--data-dir", str(tmp_path / "data"), "--port", "1"]
            process = subprocess.Popen(
                [sys.executable, "-c", hand_over, str(listener.fileno()), *arguments],
                pass_fds=[listener.fileno()],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "NOTIFY_SOCKET": str(tmp_path / "notify"),
                },
                stderr=subprocess.DEVNULL,
            )
            assert told.recv(100) == b"READY=1"
            return process

        def ask_until_over() -> None:
            while not is_over.is_set():
                with httpx2.Client(trust_env=False, timeout=20) as client:
                    statuses.append(client.get(f"http://127.0.0.1:{port}/livez").status_code)

        assert prismd("init", "--data-dir", str(tmp_path / "data")).returncode == 0
        process = serve()
        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask_until_over) for _ in range(4)]
            try:
                for _ in range(2):
                    before = len(statuses)
                    wait_for(lambda: len(statuses) > before + 5, "answers", within_s=20)  # noqa: B023
                    process.terminate()
                    assert told.recv(100) == b"STOPPING=1"
                    assert process.wait(timeout=20) == 0
                    process = serve()
            finally:
                is_over.set()
            for caller in asking:
                caller.result()  # nobody was refused
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert set(statuses) == {200}


def test_as_many_connections_are_taken_as_the_system_allows(tmp_path: Path) -> None:
    low = ["bash", "-c", 'ulimit -S -n 64; exec "$@"', "-"]
    daemon = start_daemon(tmp_path, FAKE, under=low)
    limits = Path(f"/proc/{daemon.process.pid}/limits").read_text()
    assert stop_daemon(daemon) == 0
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    soft, hard = line.split()[3:5]
    assert soft == hard
    assert int(soft) > 64
