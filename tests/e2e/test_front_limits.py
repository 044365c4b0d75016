"""Nobody ties up the front: strangers, floods, endless uploads, clients that take nothing."""

import contextlib
import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from prismd.front.door import LOOPBACK_PLACES
from prismd.front.protocol import MAX_PIPELINED
from prismd.kernel import descriptors
from tests.bad_input import CHAT, JSON, assert_refused, bearer
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon, wait_for
from tests.process_facts import cpu_s, memory_bytes, reset_peak
from tests.raw_http import Answer, read_answer, request
from tests.scripted_vendor import STREAM_HEAD, ScriptedVendor, Step, delta, scripted_vendor

MIB = 1024 * 1024
STRANGERS = 4
PLACES = STRANGERS + LOOPBACK_PLACES
AT_ONCE_S = 0.05
OTHERS_WAIT_S = 0.25
"""To serve all of a flood would take seconds."""
SLOW_READER_S = 1.0
CONFIG = f"""
server:
  max_unauthenticated_connections: {STRANGERS}
  slow_reader_timeout: {SLOW_READER_S:g}s
  max_request_body_size: 8MiB
  shutdown_timeout: 5s
providers:
  fake: {{{{type: fake}}}}
  mock: {{{{type: openai, base_url: "{{url}}", models: [flood]}}}}
cost_tracking:
  custom_pricing:
    flood: {{{{input_per_mtok: 1, output_per_mtok: 2}}}}
"""
FAKE = "providers:\n  fake: {type: fake}\n"


@pytest.fixture(scope="module")
def vendor() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as running:
        yield running


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, vendor: ScriptedVendor) -> Iterator[Daemon]:
    """A gateway with small limits."""
    config = CONFIG.format(url=vendor.url)
    running = start_daemon(tmp_path_factory.mktemp("front"), config)
    running.admin.get("/-/config").raise_for_status()  # this connection is known from now on
    yield running
    assert stop_daemon(running) == 0, running.log
    assert '"level": "error"' not in running.log, running.log


@pytest.fixture
def open_sockets() -> Iterator[ExitStack]:
    """What closes the connections of a test."""
    with ExitStack() as stack:
        yield stack


def connect(daemon: Daemon, stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(daemon.address, timeout=10))


def ask(connection: socket.socket, key: Key | None = None, path: str = "/v1/models") -> Answer:
    """Make one request on a connection that stays open."""
    connection.sendall(request(f"GET {path}", *([bearer(key.secret)] if key else [])))
    return read_answer(connection)


def received(connection: socket.socket) -> bytes:
    """Read until the other side closes, or resets what it did not read to its end."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(MIB):
            got += piece
    return got


def let_in(daemon: Daemon) -> bool:
    """Say whether a new connection is served."""
    with socket.create_connection(daemon.address, timeout=10) as connection:
        try:
            return ask(connection, path="/livez").status == 200
        except (OSError, ValueError, EOFError):
            return False


# ── strangers ────────────────────────────────────────────────────────────────────────────────────


def test_strangers_have_so_many_places(daemon: Daemon, open_sockets: ExitStack) -> None:
    key = daemon.create_key()
    known = [connect(daemon, open_sockets) for _ in range(3)]
    for connection in known:
        assert ask(connection, key).status == 200
    strangers = [connect(daemon, open_sockets) for _ in range(PLACES)]
    assert ask(strangers[0], path="/livez").status == 200  # asks for what needs no key
    assert ask(strangers[1]).status == 401

    # Others use the machine, too: one of some refusals finds it free.
    assert any(_refusal_s(daemon) < AT_ONCE_S for _ in range(50))

    for connection in known:  # who is known goes on, and the operator
        assert ask(connection, key).status == 200
    assert daemon.admin.get("/healthz").status_code == 200
    assert daemon.admin.get("/-/config").status_code == 200
    assert "max_unauthenticated_connections" in daemon.log

    assert ask(strangers[2], key).status == 200  # is none any more: its place is free
    extra = connect(daemon, open_sockets)
    assert ask(extra, path="/livez").status == 200
    assert not let_in(daemon)
    extra.close()
    wait_for(lambda: let_in(daemon), "a place")


def _refusal_s(daemon: Daemon) -> float:
    """Be refused; return how long it took."""
    started_s = time.monotonic()
    with socket.create_connection(daemon.address, timeout=10) as refused:
        answer = read_answer(refused)
        took_s = time.monotonic() - started_s
        assert_refused(answer, 503, "too_many_connections")
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["connection"] == "close"
        assert refused.recv(1) == b""
    return took_s


def test_who_is_being_served_is_no_stranger(daemon: Daemon, open_sockets: ExitStack) -> None:
    key = daemon.create_key()
    model = "fake/lorem+rate=5+tokens=1000"
    message = [{"role": "user", "content": "x"}]
    body = json.dumps({"model": model, "stream": True, "messages": message}).encode()
    for _ in range(PLACES + 2):  # none of these streams has ended
        stream = connect(daemon, open_sockets)
        head = (JSON, f"Content-Length: {len(body)}", bearer(key.secret))
        stream.sendall(request(f"POST {CHAT}", *head, body=body))
        assert stream.recv(16).startswith(b"HTTP/1.1 200 ")
    assert let_in(daemon)


# ── floods ───────────────────────────────────────────────────────────────────────────────────────


def test_10000_requests_in_one_write(daemon: Daemon, open_sockets: ExitStack) -> None:
    key = daemon.create_key()
    other = connect(daemon, open_sockets)
    assert ask(other, key).status == 200
    reset_peak(daemon.process.pid)
    before = memory_bytes(daemon.process.pid)
    flood = request("GET /v1/models", bearer(key.secret)) * 10_000
    waits_s = []
    for _ in range(4):
        connection = connect(daemon, open_sockets)
        connection.settimeout(0)
        connection.send(flood)  # as much as is taken at once
        started_s = time.monotonic()
        assert ask(other, key).status == 200
        waits_s.append(time.monotonic() - started_s)
        connection.settimeout(10)
        assert received(connection).count(b"HTTP/1.1 200 OK") == 1 + MAX_PIPELINED
    assert min(waits_s) < OTHERS_WAIT_S
    assert memory_bytes(daemon.process.pid, peak=True) - before < 4 * MIB


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_an_upload_of_1_gib(daemon: Daemon, *, is_chunked: bool, deep: bool) -> None:
    """Is refused early; with --deep the client sends all of it nevertheless, as far as it can."""
    key = daemon.create_key()
    reset_peak(daemon.process.pid)
    before = memory_bytes(daemon.process.pid)
    how = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {1024 * MIB}"
    part = b"100000\r\n" + b"x" * MIB + b"\r\n" if is_chunked else b"x" * MIB
    sent = 0
    with socket.create_connection(daemon.address, timeout=10) as connection:
        connection.sendall(request(f"POST {CHAT}", JSON, how, bearer(key.secret)))
        with contextlib.suppress(OSError):
            while sent < 1024 * MIB and (deep or not select.select([connection], [], [], 0)[0]):
                connection.sendall(part)
                sent += MIB
        assert_refused(read_answer(connection), 413, "request_too_large")
    assert deep or sent <= 64 * MIB
    assert memory_bytes(daemon.process.pid, peak=True) - before < 20 * MIB


# ── who takes nothing ────────────────────────────────────────────────────────────────────────────

FLOOD_EVENTS = 1_600
FIRST_BYTES = 8 * MIB
"""What the first streams of a daemon cost, whoever reads them."""
READER_BYTES = MIB * 5 // 4
"""Of each client that takes nothing: 1.1 MiB were seen with 50 of them."""
EVENT = delta("x " * 32_000)


class Counted(list[Step]):
    """Steps of a vendor that say how many of them it has come to."""

    taken = 0

    def __iter__(self) -> Iterator[Step]:
        for step in super().__iter__():
            yield step
            self.taken += 1


def test_clients_that_take_nothing_are_cut_and_pay(
    daemon: Daemon, vendor: ScriptedVendor, open_sockets: ExitStack, *, deep: bool
) -> None:
    clients = 50 if deep else 4
    vendor["flood"] = steps = Counted([STREAM_HEAD, *[EVENT] * FLOOD_EVENTS])
    key = daemon.create_key(credits=1_000)
    pid = daemon.process.pid
    reset_peak(pid)
    before = memory_bytes(pid)
    started_s = time.monotonic()
    sockets, heads = [], []
    for _ in range(clients):  # more at once would be more strangers than there are places
        sockets.append(_takes_nothing(daemon, key, open_sockets))
        heads.append(_head_of(sockets[-1]))

    cost = 0
    for head in heads:
        bill = daemon.trace(head["x-request-id"], within_s=SLOW_READER_S + 8)
        assert time.monotonic() - started_s > SLOW_READER_S
        assert (bill["status"], bill["usage_source"]) == (499, "estimated")
        assert bill["usage"]["output_tokens"] > 0
        assert bill["cost_nano_usd"] > 0
        cost += bill["cost_nano_usd"]
    used = daemon.admin.get("/-/usage", params={"key": key.id}).json()
    assert used["totals"]["cost_nano_usd"] == cost
    shown = daemon.admin.get(f"/-/keys/{key.id}").json()
    assert shown["credit_held_nano_usd"] == 0
    assert shown["credit_balance_nano_usd"] == 1_000 * 10**9 - cost

    for client in sockets:
        assert b"[DONE]" not in received(client)
    assert steps.taken < clients * FLOOD_EVENTS / 4  # the vendor had to wait, too

    assert memory_bytes(pid, peak=True) - before < FIRST_BYTES + clients * READER_BYTES


def _takes_nothing(daemon: Daemon, key: Key, stack: ExitStack) -> socket.socket:
    """Ask for a long stream with little room for it."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.settimeout(10)
    client.connect(daemon.address)
    message = [{"role": "user", "content": "x"}]
    fields = {"model": "mock/flood", "stream": True, "max_tokens": 1_000_000, "messages": message}
    body = json.dumps(fields).encode()
    head = (JSON, f"Content-Length: {len(body)}", bearer(key.secret))
    client.sendall(request(f"POST {CHAT}", *head, body=body))
    return client


def _head_of(client: socket.socket) -> dict[str, str]:
    """Read a little: the head of an answer, and no more than a piece of its body."""
    start = b""
    while b"\r\n\r\n" not in start:
        start += client.recv(256)
    first, *lines = start.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert first.startswith("HTTP/1.1 200 ")
    return dict(line.lower().split(": ", 1) for line in lines)


# ── open files ───────────────────────────────────────────────────────────────────────────────────

OPEN_LIMIT = 160
LIMITED = ("sh", "-c", f'ulimit -n {OPEN_LIMIT} && exec "$0" "$@"')
LOOK_S = 1.0
BUSY = 0.2


def test_no_open_file_is_left(tmp_path: Path) -> None:
    daemon = start_daemon(tmp_path, FAKE, under=LIMITED)
    try:
        key = daemon.create_key()
        with ExitStack() as stack:
            _fill(daemon, key, stack)
        wait_for(lambda: let_in(daemon), "new connections are served again")
        assert _descriptors(daemon)["state"] == "ok"
    finally:
        assert stop_daemon(daemon) == 0, daemon.log
    assert "Traceback" not in daemon.log, daemon.log


def _fill(daemon: Daemon, key: Key, stack: ExitStack) -> None:
    """Take all open files; see that who is in is served, and that who is not costs nothing."""
    strangers = [connect(daemon, stack) for _ in range(OPEN_LIMIT // 2 + LOOPBACK_PLACES)]
    assert_refused(read_answer(connect(daemon, stack)), 503, "too_many_connections")
    for connection in strangers:  # are known from now on
        assert ask(connection, key).status == 200
    for _ in range(OPEN_LIMIT):
        connection = connect(daemon, stack)
        try:
            assert ask(connection, key).status == 200
        except (OSError, ValueError, EOFError):
            break
    else:
        pytest.fail("more connections are served than files can be open")
    for _ in range(50):  # these wait, or are sent away
        connect(daemon, stack)

    assert _descriptors(daemon)["state"] == "warning"
    before_s = cpu_s(daemon.process.pid)
    time.sleep(LOOK_S)  # nothing happens in that time, and that is what is measured
    assert cpu_s(daemon.process.pid) - before_s < BUSY * LOOK_S
    for connection in strangers:
        assert ask(connection, key).status == 200
    assert daemon.chat(key).status_code == 200


def _descriptors(daemon: Daemon) -> dict[str, str]:
    checks = daemon.admin.get("/-/doctor").json()["checks"]
    (found,) = [check for check in checks if check["id"] == "descriptors"]
    assert f" of {OPEN_LIMIT} " in found["message"]
    return dict(found)


# ── half requests ────────────────────────────────────────────────────────────────────────────────

HALF_REQUESTS = 2_000
GONE_S = 16.0
CALLS = 400


def test_half_requests_hold_nobody_up(tmp_path: Path, *, deep: bool) -> None:
    if not deep:
        pytest.skip("--deep: the deadline of a head is 15 s")
    descriptors.raise_limit()
    daemon = start_daemon(tmp_path, FAKE)
    try:
        key = daemon.create_key()
        with ExitStack() as stack:
            known = connect(daemon, stack)
            ask(known, key)
            before_s = _p99_s(known, key)
            started_s = time.monotonic()
            halves = [connect(daemon, stack) for _ in range(HALF_REQUESTS)]
            for half in halves:
                with contextlib.suppress(OSError):  # those beyond the limit are refused
                    half.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ")
            assert _p99_s(known, key) < 2 * before_s + 0.005  # the scheduler's share
            assert daemon.admin.get("/-/config").status_code == 200
            for half in halves:
                half.settimeout(GONE_S)
            answers = [received(half) for half in halves]
            assert time.monotonic() - started_s < GONE_S
        refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ")]
        assert HALF_REQUESTS - 1_000 - LOOPBACK_PLACES <= len(refused) < HALF_REQUESTS / 2
        assert let_in(daemon)
    finally:
        assert stop_daemon(daemon) == 0, daemon.log


def _p99_s(connection: socket.socket, key: Key) -> float:
    """Make calls one after another; return how long all but the slowest of a hundred took."""
    took_s = []
    for _ in range(CALLS):
        began_s = time.monotonic()
        assert ask(connection, key).status == 200
        took_s.append(time.monotonic() - began_s)
    return sorted(took_s)[-CALLS // 100 - 1]
