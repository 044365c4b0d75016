"""The socket side: heads that are too large, too many or too slow are cut, and the rest goes on."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from prismd.front import protocol
from prismd.front.door import LOOPBACK_PLACES, Door
from prismd.front.protocol import MAX_PIPELINED, PrismHttpProtocol
from prismd.front.refusals import MAX_HEAD_BYTES, MAX_HEADERS, MAX_REQUEST_LINE_BYTES
from prismd.policy.load import FEW_CALLS

GOOD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
SHORT_S = 0.1


async def hello(_: Scope, __: Receive, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"hi"})


async def reads_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Say how large a body is, and how many headers there are behind it."""
    size, message = 0, await receive()
    while message["type"] == "http.request":
        size += len(message["body"])
        if not message["more_body"]:
            said = json.dumps({"size": size, "headers": len(scope["headers"])}).encode()
            length = [(b"content-length", b"%d" % len(said))]
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body", "body": said})
            return
        message = await receive()


async def breaks_off(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})


async def streams(scope: Scope, receive: Receive, send: Send) -> None:
    await breaks_off(scope, receive, send)
    await send({"type": "http.response.body", "body": b"two", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


Serve = Callable[[ASGIApp], Awaitable[int]]


@pytest.fixture
def door() -> Door:
    """Of the server that a test starts."""
    return Door()


@pytest.fixture
async def serve(door: Door) -> AsyncIterator[Serve]:
    """Serve an app; returns the port."""
    servers, state = [], ServerState()
    loop = asyncio.get_running_loop()

    async def start(app: ASGIApp) -> int:
        config = uvicorn.Config(app, log_config=None, ws="none")
        servers.append(
            await loop.create_server(
                lambda: PrismHttpProtocol(config, state, {}, door=door), "127.0.0.1", 0
            )
        )
        port: int = servers[-1].sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()
    for connection in list(state.connections):
        connection.transport.close()


@pytest.fixture
async def port(serve: Serve) -> int:
    return await serve(hello)


async def answer_to(port: int, *parts: bytes) -> bytes:
    """Send parts, as far as they are taken, and read until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def head(*lines: str) -> bytes:
    return "\r\n".join(["GET / HTTP/1.1", "host: x", "connection: close", *lines, "", ""]).encode()


async def test_a_head_at_the_limit_is_served(port: int) -> None:
    most = [f"h{number}: v" for number in range(MAX_HEADERS - 2)]
    assert (await answer_to(port, head(*most))).startswith(b"HTTP/1.1 200 ")
    assert (await answer_to(port, head("h: " + "v" * 30_000))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "bytes_",
    [
        head(*[f"h{number}: v" for number in range(MAX_HEADERS)]),
        head("h: " + "v" * MAX_HEAD_BYTES),
        head(*[f"h{number}: " + "v" * 1_000 for number in range(40)]),
        b"GET / HTTP/1.1\r\nh: " + b"v" * (MAX_HEAD_BYTES + 1),
        b"GET / HTTP/1.1\r\n" + b"h: v\r\n" * 20_000,
    ],
    ids=["many", "long value", "many long", "no end of value", "no end of headers"],
)
async def test_a_larger_head_is_431(port: int, bytes_: bytes) -> None:
    answer = await answer_to(port, bytes_)
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"), answer[:200]
    assert b"x-request-id: req_" in start
    assert json.loads(body)["error"]["code"] == "headers_too_large"


def line_of(length: int, *, method: str = "GET") -> bytes:
    """Write a request whose method and target are so long."""
    return f"{method} /{'p' * (length - len(method) - 2)} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_a_request_line_at_the_limit_is_served(port: int, method: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(line_of(MAX_REQUEST_LINE_BYTES, method=method))
    assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize(
    "parts",
    [
        [line_of(MAX_REQUEST_LINE_BYTES + 1)],
        [line_of(MAX_REQUEST_LINE_BYTES + 1, method="OPTIONS")],
        [b"GET /" + b"p" * MAX_REQUEST_LINE_BYTES],
        [b"GET /?", *[b"q" * 1_000] * 9],
    ],
    ids=["one too many", "of a longer method", "without an end", "in pieces"],
)
async def test_a_longer_request_line_is_414(port: int, parts: list[bytes]) -> None:
    answer = await answer_to(port, *parts)
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 414 "), answer[:200]
    assert b"content-type: application/json" in start
    assert b"x-request-id: req_" in start
    assert json.loads(body)["error"]["code"] == "request_line_too_long"


async def test_a_head_that_grows_in_small_pieces_is_cut(port: int) -> None:
    pieces = [b"GET / HTTP/1.1\r\n", *[b"h: " + b"v" * 1_000 + b"\r\n"] * 40]
    answer = await answer_to(port, *pieces)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("first", [b"", b"GET", b"GET / HTTP/1.1\r\nhost: x\r\n", GOOD + b"GET"])
async def test_a_slow_head_is_cut(port: int, first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", SHORT_S)
    async with asyncio.timeout(5):
        answer = await answer_to(port, first)
    assert answer.startswith(b"HTTP/1.1 200 ") if first.startswith(GOOD) else answer == b""


async def test_a_head_that_trickles_is_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", SHORT_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nx: ")
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):  # not while it trickles
            async with asyncio.timeout(SHORT_S / 2):
                await reader.read()
        while not reader.at_eof():
            writer.write(b"y")
            try:
                async with asyncio.timeout(SHORT_S / 10):
                    assert await reader.read() == b""
            except TimeoutError:
                continue
            except ConnectionError:
                break
    writer.close()


async def test_the_deadline_is_for_the_head_alone(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", SHORT_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(GOOD)
        assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S * 2):
                await reader.read(1)
    writer.close()


# ── behind the head ──────────────────────────────────────────────────────────────────────────────

CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "flood",
    [b"2;" + b"e" * 300_000, b"0\r\n" + b"t: v\r\n" * 50_000, b"0\r\nt: " + b"v" * 300_000],
    ids=["extension", "trailers", "trailer"],
)
async def test_a_flood_behind_the_head_is_431(serve: Serve, flood: bytes) -> None:
    answer = await answer_to(await serve(reads_body), CHUNKED, flood)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert b"200" not in answer


async def test_small_chunks_are_no_flood(serve: Serve) -> None:
    body = b"1;e=v\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    answer = await answer_to(await serve(reads_body), CHUNKED, body, head())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'{"size": 20000, "headers": 2}' in answer


async def test_trailers_are_no_headers(serve: Serve) -> None:
    body = b"1\r\nx\r\n0\r\nauthorization: Bearer sk\r\n\r\n"
    answer = await answer_to(await serve(reads_body), CHUNKED, body, head())
    assert b'{"size": 1, "headers": 2}' in answer


async def test_the_rest_of_a_refused_body_is_taken_for_a_while(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LATE_BODY_S", SHORT_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(hello))
    for _ in range(2):
        writer.write(CHUNKED + b"1\r\nx\r\n")
        assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"0\r\n\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S * 2):
                await reader.read(1)
    writer.write(CHUNKED)
    assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
    async with asyncio.timeout(5):
        while not writer.transport.is_closing() and not reader.at_eof():
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(SHORT_S / 10)
    writer.close()


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


async def test_http_1_0_gets_no_chunks(serve: Serve) -> None:
    answer = await answer_to(await serve(streams), b"GET / HTTP/1.0\r\nhost: x\r\n\r\n")
    start, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in start.lower()
    assert b"connection: close" in start.lower()
    assert body == b"onetwo"


async def test_http_1_0_gets_a_length_where_there_is_one(serve: Serve) -> None:
    answer = await answer_to(await serve(hello), b"GET / HTTP/1.0\r\nhost: x\r\n\r\n")
    assert b"content-length: 2" in answer
    assert answer.endswith(b"\r\n\r\nhi")


async def test_an_answer_that_breaks_off_has_no_end(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await answer_to(await serve(breaks_off), GOOD)
    assert answer.endswith(b"3\r\none\r\n")
    assert not caplog.records  # the app has said why


async def test_a_client_that_takes_no_answer_is_cut(serve: Serve, door: Door) -> None:
    door.slow_reader_timeout_s = SHORT_S
    has_left = asyncio.Event()

    async def floods(_: Scope, receive: Receive, send: Send) -> None:
        await receive()  # the request
        await send({"type": "http.response.start", "status": 200, "headers": []})
        watching = asyncio.ensure_future(receive())
        while not watching.done():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
        assert watching.result()["type"] == "http.disconnect"
        has_left.set()

    async with asyncio.timeout(5):
        with socket.create_connection(("127.0.0.1", await serve(floods))) as connection:
            connection.sendall(GOOD)
            await has_left.wait()


async def test_a_client_that_takes_its_time_is_served(serve: Serve, door: Door) -> None:
    door.slow_reader_timeout_s = SHORT_S
    size = 16 * 1024 * 1024  # more than the system's own buffers hold

    async def whole(_: Scope, __: Receive, send: Send) -> None:
        length = [(b"content-length", b"%d" % size), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"x" * size})

    loop, got = asyncio.get_running_loop(), 0
    with socket.create_connection(("127.0.0.1", await serve(whole))) as connection:
        connection.settimeout(0)
        await loop.sock_sendall(connection, GOOD)
        while piece := await loop.sock_recv(connection, 1024 * 1024):
            got += len(piece)
            await asyncio.sleep(SHORT_S / 8)
    assert got > size


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x=1", b"a\nb", b"a\rb", b"a\0b"])
async def test_no_header_of_an_answer_can_begin_another(serve: Serve, value: bytes) -> None:
    async def injects(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"x-model", value), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hi"})

    answer = await answer_to(await serve(injects), head())
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in answer


@pytest.mark.parametrize("length", [1, 3])
async def test_an_answer_of_another_length_than_it_says_is_cut(serve: Serve, length: int) -> None:
    async def lies(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hi"})

    assert not (await answer_to(await serve(lies), head())).endswith(b"hi")


async def test_who_serves_is_told_at_once_that_the_client_has_left(serve: Serve) -> None:
    has_left = asyncio.Event()

    async def waits(scope: Scope, _: Receive, __: Send) -> None:
        scope["exchange"].on_leave = has_left.set
        await has_left.wait()

    _, writer = await asyncio.open_connection("127.0.0.1", await serve(waits))
    writer.write(GOOD)
    await writer.drain()
    writer.close()
    async with asyncio.timeout(5):
        await has_left.wait()


async def test_one_idle_timer_serves_all_requests(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "KEEP_ALIVE_S", SHORT_S)
    port = await serve(hello)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        for _ in range(3):
            writer.write(GOOD)
            assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
        assert await reader.read() == b""  # closed, once it has been idle for long
    writer.close()


# ── what ties up a connection ────────────────────────────────────────────────────────────────────


async def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    async def says_path(scope: Scope, _: Receive, send: Send) -> None:
        length = [(b"content-length", b"%d" % len(scope["raw_path"]))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": scope["raw_path"]})

    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(says_path))
    for _ in range(2):  # as many as may wait, and one that is served, again and again
        for number in range(MAX_PIPELINED + 1):
            writer.write(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number)
        for number in range(MAX_PIPELINED + 1):
            assert b"connection: close" not in await reader.readuntil(b"\r\n\r\n")
            path = b"/%d" % number
            assert await reader.readexactly(len(path)) == path
    writer.close()


async def test_no_more_requests_are_looked_at_than_may_wait(serve: Serve) -> None:
    begun, goes_on = 0, asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal begun
        begun += 1
        await goes_on.wait()
        await hello(scope, receive, send)

    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(waits))
    writer.write(GOOD * 10_000)
    async with asyncio.timeout(5):
        while not begun:
            await asyncio.sleep(0)
        goes_on.set()
        answers = b""
        try:
            while piece := await reader.read(65_536):
                answers += piece
        except ConnectionError:
            pass  # not all that was sent was read
    writer.close()
    assert begun == MAX_PIPELINED + 1
    *kept, last = answers.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert len(kept) == MAX_PIPELINED
    assert b"connection: close" in last
    assert not any(b"connection: close" in one for one in kept)


@pytest.mark.parametrize(
    "bad", [b"nonsense\r\n\r\n", line_of(9_000), head("h: " + "v" * MAX_HEAD_BYTES)]
)
async def test_what_is_no_request_is_not_answered_in_the_place_of_one(
    serve: Serve, bad: bytes
) -> None:
    """The answers to those before it come first, and are theirs."""
    goes_on = asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await goes_on.wait()
        await hello(scope, receive, send)

    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(waits))
    writer.write(GOOD * 3 + bad)
    asyncio.get_running_loop().call_later(SHORT_S, goes_on.set)
    async with asyncio.timeout(5):
        answers = b""
        try:
            while piece := await reader.read(65_536):
                answers += piece
        except ConnectionError:
            pass  # not all that was sent was read
    writer.close()
    assert answers.count(b"HTTP/1.1 ") == answers.count(b"HTTP/1.1 200 ") == 3


async def test_a_late_body_that_is_wrong_gets_no_second_answer(serve: Serve) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(hello))
    writer.write(CHUNKED)
    assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
    writer.write(b"no length\r\n")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_strangers_who_send_nothing_lose_their_places(
    serve: Serve, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", SHORT_S)
    door.max_strangers = 2
    port = await serve(hello)
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2 + LOOPBACK_PLACES)]
    answer = await answer_to(port)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    async with asyncio.timeout(5):
        assert {await reader.read() for reader, _ in idle} == {b""}
        while door.strangers:
            await asyncio.sleep(0.001)
    assert (await answer_to(port, head())).startswith(b"HTTP/1.1 200 ")
    for _, writer in idle:
        writer.close()


async def test_last_bytes_that_nobody_takes_are_not_kept_for_ever(serve: Serve, door: Door) -> None:
    """Less than what makes the sender wait: all is written, and the connection is to close."""
    door.slow_reader_timeout_s = SHORT_S
    transports: list[asyncio.Transport] = []

    async def fills(scope: Scope, _: Receive, send: Send) -> None:
        transport = scope["exchange"].transport
        transports.append(transport)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not transport.get_write_buffer_size():
            await send({"type": "http.response.body", "body": b"x" * 16_384, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with asyncio.timeout(5):
        with socket.create_connection(("127.0.0.1", await serve(fills))) as connection:
            connection.sendall(head())
            while not transports or transports[0].get_write_buffer_size() == 0:
                await asyncio.sleep(0.001)
            while door.strangers:
                await asyncio.sleep(0.001)


# ── more calls than can be served ────────────────────────────────────────────────────────────────


@pytest.fixture
def busy(door: Door) -> Door:
    """A door at which so many calls have come that only the share is let in: none."""
    for _ in range(FEW_CALLS):
        door.load.lets_in()
    door.load.share = 0.0
    return door


def call(*lines: str, path: str = "/v1/chat/completions", body: bytes = b"") -> bytes:
    first = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
    return "\r\n".join([*first, *lines, "", ""]).encode() + body


async def status_and_body(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(5):
        lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        (length,) = [int(line[16:]) for line in lines if line.startswith(b"content-length: ")]
        return int(lines[0].split()[1]), await reader.readexactly(length)


async def test_one_call_too_many_is_refused_and_its_connection_goes_on(
    serve: Serve, busy: Door
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(reads_body))
    for share, status in ((0.0, 503), (0.0, 503), (1.0, 200), (0.0, 503)):
        busy.load.share = share
        writer.write(call(body=b"x" * 1_000))
        found, said = await status_and_body(reader)
        assert found == status
        if status == 503:
            assert json.loads(said)["error"]["code"] == "overloaded"
    writer.close()
    assert busy.load.shed_by_reason["event_loop"] == 3


@pytest.mark.parametrize(
    "request_", [GOOD, call(path="/-/keys"), call(path="/healthz")], ids=["get", "admin", "probe"]
)
@pytest.mark.usefixtures("busy")
async def test_what_is_no_call_is_served_all_the_same(port: int, request_: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_)
    assert await status_and_body(reader) == (200, b"hi")
    writer.close()


async def test_a_call_behind_one_that_runs_is_served(serve: Serve, busy: Door) -> None:
    """Answers have an order, and the first is not there yet."""
    go_on = asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await hello(scope, receive, send)

    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(waits))
    busy.load.share = 0.5
    assert not busy.load.lets_in()  # so that it lets the next one in
    writer.write(call() * 2)
    go_on.set()
    assert [await status_and_body(reader) for _ in range(2)] == [(200, b"hi")] * 2
    writer.close()


@pytest.mark.usefixtures("busy")
async def test_a_refused_body_that_does_not_come_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LATE_BODY_S", SHORT_S)
    answer = await answer_to(port, call(body=b"xx")[:-1])
    assert answer.startswith(b"HTTP/1.1 503 ")


@pytest.mark.usefixtures("busy")
async def test_who_wants_the_connection_closed_has_it_closed(port: int) -> None:
    answer = await answer_to(port, call("connection: close", body=b"xx"))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer
    assert b"x-request-id: req_" in answer
