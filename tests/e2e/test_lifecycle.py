"""Start and stop: exit codes, nothing dropped, who is let in meanwhile."""

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
from tests.daemon_process import ROOT, Daemon, run_prismd, start_daemon, stop_daemon, wait_for
from tests.raw_http import read_answer, request

FAKE = "providers:\n  fake: {type: fake}\n"
SLOW = "fake/lorem+rate=40+tokens=40"


def accepts(daemon: Daemon) -> bool:
    try:
        socket.create_connection(daemon.address, timeout=1).close()
    except ConnectionError:
        return False
    return True


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
    ended = run_prismd("serve", "--data-dir", str(daemon.data_dir), "--port", "0")
    assert ended.returncode == 4
    assert str(daemon.process.pid) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_taken_port_exits_2_and_is_named(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "data")
    assert run_prismd("init", "--data-dir", data_dir).returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_prismd("serve", "--data-dir", data_dir, "--port", str(port))
    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr


def test_no_start_without_an_admin_token(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert run_prismd("init", "--data-dir", str(data_dir)).returncode == 0
    (data_dir / "admin-token").unlink()
    ended = run_prismd("serve", "--data-dir", str(data_dir), "--port", "0")
    assert ended.returncode == 2
    assert "prismd init" in ended.stderr


def test_no_start_without_a_data_directory(tmp_path: Path) -> None:
    ended = run_prismd("serve", "--data-dir", str(tmp_path / "nothing"), "--port", "0")
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr


def test_check_says_ok_or_every_line(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(FAKE)
    bad.write_text("server:\n  prot: 1\nproviders:\n  x: {type: opnai}\n")
    assert run_prismd("check", str(good)).returncode == 0
    ended = run_prismd("check", str(bad))
    assert ended.returncode == 2
    assert "bad.yaml:2:3" in ended.stderr
    assert run_prismd("check", str(tmp_path / "none.yaml")).returncode == 2
    assert run_prismd("bogus").returncode == 2


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

        assert run_prismd("init", "--data-dir", str(tmp_path / "data")).returncode == 0
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
