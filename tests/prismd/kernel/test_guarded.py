"""Fetching what strangers name: a resolver that a test answers for, and servers of our own."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import pytest

from prismd.kernel.errors import InvalidRequest
from prismd.kernel.guarded import Fetched, Fetcher, FetchRules, resolve
from prismd.kernel.outbound import Outbound
from tests.certificates import certify

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"
PNG = b"\x89PNG\r\n"
IMAGE = OK + b"content-type: image/png\r\ncontent-length: 6\r\n\r\n" + PNG
LOOPBACK = ip_network("127.0.0.0/8")
METADATA = "169.254.169.254"


class Names:
    """The names that there are. Each look-up takes the next answer; the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self.answers[host]
        return list(answers.pop(0) if len(answers) > 1 else answers[0])


class World:
    """A server, the rules that let it be reached, and what it was asked."""

    def __init__(self, port: int, outbound: Outbound) -> None:
        self.port, self.outbound = port, outbound
        self.connections = 0
        self.requests: list[bytes] = []
        self.names = Names(good_example=[["127.0.0.1"]])

    def rules(self, **changed: object) -> FetchRules:
        ports = frozenset({80, 443, self.port})
        usual = FetchRules(allows_http=True, networks=(LOOPBACK,), ports=ports)
        return replace(usual, **changed)  # type: ignore[arg-type]

    def fetcher(self, **changed: object) -> Fetcher:
        return Fetcher(self.outbound, self.rules(**changed), resolve=self.names)

    def url(self, path: str = "/", *, host: str = "good.example", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def world(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[World]:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        try:
            await serve(reader, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=context)
    outbound = Outbound()
    made = World(listener.sockets[0].getsockname()[1], outbound)
    async with listener:
        yield made
        await outbound.aclose()


def saying(*answers: bytes, seen: list[bytes] | None = None) -> Serve:
    """Give these answers, one to each request, whatever connection it comes over."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            request = await reader.readuntil(b"\r\n\r\n")
            if seen is not None:
                seen.append(request)
            writer.write(left.pop(0))

    return serve


def moved(where: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} X\r\nlocation: {where}\r\ncontent-length: 0\r\n\r\n".encode()


async def get(fetcher: Fetcher, url: str, *types: str) -> Fetched:
    return await fetcher.fetch(url, types=types or ("image/",), param="messages[0]")


async def refusal(fetcher: Fetcher, url: str, *types: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        await get(fetcher, url, *types)
    assert (caught.value.status, caught.value.param) == (400, "messages[0]")
    assert "'messages[0]'" in caught.value.message
    assert "127.0.0.1" not in caught.value.message.replace("at 127.0.0.1", "")
    assert METADATA not in caught.value.message
    return caught.value


async def test_an_image_and_what_the_server_is_asked() -> None:
    seen: list[bytes] = []
    answer = IMAGE.replace(b"image/png", b"Image/PNG; charset=x")
    async with world(saying(answer, seen=seen)) as there:
        got = await get(there.fetcher(), there.url("/a%20b.png?size=2#part"))
        assert got == Fetched("image/png", PNG)
        lines = seen[0].decode().lower().split("\r\n")
        assert lines[0] == "get /a%20b.png?size=2 http/1.1"
        assert f"host: good.example:{there.port}" in lines
        assert "accept-encoding: identity" in lines
        assert not [one for one in lines if one.startswith(("cookie", "authorization", "referer"))]


@pytest.mark.parametrize(
    "url",
    [
        "https://{host}:{port}/",  # https alone is asked for below
        "gopher://good.example/",
        "file:///etc/passwd",
        "http://a@127.0.0.1:{port}/",
        "http://good.example:22/",
        "http://good.example:{port}\r\nX: y/",
        "http://[fe80::1%25lo]:{port}/",
        "no URL",
    ],
)
async def test_a_url_that_is_refused_as_it_stands(url: str) -> None:
    async with world(saying(IMAGE)) as there:
        text = url.format(host="good.example", port=there.port)
        rules = {"ports": frozenset({443})} if text.startswith("https") else {}
        error = await refusal(there.fetcher(**rules), text)
        assert (error.code, there.names.asked, there.connections) == ("url_not_allowed", [], 0)


async def test_http_only_where_it_is_allowed_and_nothing_where_it_is_off() -> None:
    async with world(saying(IMAGE)) as there:
        error = await refusal(there.fetcher(allows_http=False), there.url())
        assert "only https URLs are" in error.message
        error = await refusal(there.fetcher(is_enabled=False), there.url())
        assert "this gateway fetches none" in error.message
        assert (there.names.asked, there.connections) == ([], 0)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["169.254.169.254"],
        ["fe80::1%lo"],
        ["0.0.0.0"],
        [],
    ],
)
async def test_every_address_of_a_name_must_be_public(addresses: list[str]) -> None:
    async with world(saying(IMAGE)) as there:
        there.names = Names(bad_example=[addresses])
        error = await refusal(there.fetcher(networks=()), there.url(host="bad.example"))
        assert (error.code, there.connections) == ("url_not_allowed", 0)


LOOPBACKS = ["127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0", "①②⑦.0.0.1", "127。0。0。1"]


@pytest.mark.parametrize(
    "host",
    [*LOOPBACKS, "[::1]", "localhost", "localhost.", "LOCALHOST", "[::ffff:7f00:1]", "127.0.0.1."],
)
async def test_what_the_system_reads_as_loopback_is_loopback(host: str) -> None:
    async with world(saying(IMAGE)) as there:
        strict = Fetcher(there.outbound, there.rules(networks=()), resolve=resolve)
        error = await refusal(strict, there.url(host=host))
        assert (error.code, there.connections) == ("url_not_allowed", 0)


async def test_whether_a_name_exists_inside_is_not_told() -> None:
    async with world(saying(IMAGE)) as there:
        there.names = Names(inside_example=[["10.0.0.1"]])
        told = [
            (await refusal(there.fetcher(networks=()), there.url(host=host))).message
            for host in ("inside.example", "nobody.example")
        ]
        assert told[0].replace("inside", "nobody") == told[1]


async def test_a_name_that_is_rebound_is_not_asked_for_twice() -> None:
    async with world(saying(IMAGE)) as there:
        there.names = Names(rebound_example=[["127.0.0.1"], [METADATA]])
        fetcher, url = there.fetcher(), there.url(host="rebound.example")
        assert (await get(fetcher, url)).data == PNG
        assert there.names.asked == ["rebound.example"]
        assert (await refusal(fetcher, url)).code == "url_not_allowed"


async def test_an_address_that_does_not_answer_is_passed_over() -> None:
    async with world(saying(IMAGE)) as there:
        there.names = Names(two_example=[["127.0.0.9", "127.0.0.9", "127.0.0.1"]])
        assert (await get(there.fetcher(), there.url(host="two.example"))).data == PNG
        there.names = Names(none_example=[["127.0.0.9"]])
        error = await refusal(there.fetcher(), there.url(host="none.example"))
        assert (error.code, "no connection" in error.message) == ("url_fetch_failed", True)


async def test_our_own_listener_is_refused_whatever_is_allowed() -> None:
    async with world(saying(IMAGE)) as there:
        own = there.fetcher(own_ports=frozenset({there.port}))
        error = await refusal(own, there.url())
        assert (error.code, there.connections) == ("url_not_allowed", 0)
        assert "leads back to this gateway" in error.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    seen: list[bytes] = []
    async with world(saying(moved("/b", status), IMAGE, seen=seen)) as there:
        assert (await get(there.fetcher(), there.url("/a"))).data == PNG
        assert [one.split()[1] for one in seen] == [b"/a", b"/b"]


@pytest.mark.parametrize(
    "where",
    [
        f"http://{METADATA}/latest/meta-data/",
        "http://metadata.example/",
        "http://[::ffff:169.254.169.254]/",
        "//2852039166/",
        "file:///etc/passwd",
        "http://user@good.example/",
        "http://good.example:22/",
        "http://[/",
    ],
)
async def test_a_redirect_is_checked_like_the_url(where: str) -> None:
    async with world(saying(moved(where), IMAGE)) as there:
        there.names.answers |= {
            METADATA: [[METADATA]],
            "metadata.example": [[METADATA]],
            "::ffff:169.254.169.254": [["::ffff:169.254.169.254"]],
            "2852039166": [[METADATA]],
        }
        error = await refusal(there.fetcher(), there.url())
        assert (error.code, there.connections) == ("url_not_allowed", 1)


async def test_a_redirect_to_http_is_refused_where_http_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = _trusted(tmp_path, monkeypatch)
    async with world(saying(moved("http://localhost/")), context) as there:
        there.names = Names(localhost=[["127.0.0.1"]])
        url = there.url(host="localhost", scheme="https")
        error = await refusal(there.fetcher(allows_http=False), url)
        assert (error.code, there.connections) == ("url_not_allowed", 1)


async def test_redirects_end() -> None:
    async with world(saying(*[moved("/again")] * 9)) as there:
        error = await refusal(there.fetcher(), there.url())
        assert (error.code, there.connections) == ("url_fetch_failed", 4)


async def test_a_redirect_that_says_not_where_is_an_answer() -> None:
    async with world(saying(b"HTTP/1.1 302 X\r\ncontent-length: 0\r\n\r\n")) as there:
        assert "status 302" in (await refusal(there.fetcher(), there.url())).message


@pytest.mark.parametrize("kind", ["told", "silent", "chunked"])
async def test_a_body_over_the_limit_is_refused(kind: str) -> None:
    left = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heads = {
            "told": b"content-length: 999999999999\r\n",
            "silent": b"",
            "chunked": b"transfer-encoding: chunked\r\n",
        }
        writer.write(OK + b"content-type: image/png\r\n" + heads[kind] + b"\r\n")
        try:
            while True:
                writer.write(b"10\r\n" + b"x" * 16 + b"\r\n")
                await writer.drain()
        except OSError:
            left.set()

    async with world(endless) as there, asyncio.timeout(5):
        error = await refusal(there.fetcher(max_bytes=100), there.url())
        assert (error.code, "100 bytes" in error.message) == ("url_too_large", True)
        await left.wait()


async def test_the_limit_itself_is_allowed() -> None:
    async with world(saying(IMAGE, IMAGE)) as there:
        assert (await get(there.fetcher(max_bytes=6), there.url())).data == PNG
        assert (await refusal(there.fetcher(max_bytes=5), there.url())).code == "url_too_large"


@pytest.mark.parametrize("head", [b"", OK + b"content-type: image/png\r\n\r\n"])
async def test_what_drips_is_given_up_when_its_time_is_over(head: bytes) -> None:
    left = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            left.set()

    async with world(drip) as there, asyncio.timeout(5):
        error = await refusal(there.fetcher(timeout_s=0.15), there.url())
        assert (error.code, "within 0.15 s" in error.message) == ("url_fetch_failed", True)
        await left.wait()


async def test_a_name_server_that_is_silent_costs_its_time_alone() -> None:
    async def silent(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    async with world(saying(IMAGE)) as there:
        fetcher = Fetcher(there.outbound, there.rules(timeout_s=0.05), resolve=silent)
        assert (await refusal(fetcher, there.url())).code == "url_fetch_failed"


async def test_redirects_share_the_time() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.write(moved("/again"))

    async with world(slow) as there:
        error = await refusal(there.fetcher(timeout_s=0.25), there.url())
        assert "within 0.25 s" in error.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (IMAGE.replace(b"image/png", b"text/html"), "of a type that is taken"),
        (IMAGE.replace(b"image/png", b"imagery/png"), "of a type that is taken"),
        (IMAGE.replace(b"content-type: image/png\r\n", b""), "of a type that is taken"),
        (IMAGE.replace(b"200 OK", b"404 No"), "status 404"),
        (IMAGE.replace(b"200 OK", b"206 Part"), "status 206"),
        (IMAGE.replace(b"200 OK", b"500 secret of 10.0.0.1"), "status 500"),
        (IMAGE[:-1], "broke off"),
        (IMAGE.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"), "cannot be read"),
        (b"220 smtp.example ESMTP\r\n\r\n", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
async def test_an_answer_that_is_not_taken(answer: bytes, said: str) -> None:
    async with world(saying(answer)) as there:
        error = await refusal(there.fetcher(), there.url())
        assert (error.code, said in error.message) == ("url_fetch_failed", True), error.message
        assert "secret" not in error.message


async def test_types_are_beginnings_or_whole() -> None:
    pdf = IMAGE.replace(b"image/png", b"application/pdf")
    async with world(saying(pdf, pdf, pdf)) as there:
        assert (await get(there.fetcher(), there.url(), "application/pdf")).mime.endswith("pdf")
        assert (await get(there.fetcher(), there.url(), "text/", "application/")).data == PNG
        await refusal(there.fetcher(), there.url(), "application/p")


def _trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make a certificate of ``localhost`` whose signer the system trusts for a while."""
    certify(folder)
    paths = SimpleNamespace(openssl_cafile=str(folder / "ca.pem"), openssl_capath=str(folder))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_tls_checks_the_name_at_the_address_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, asked_for = _trusted(tmp_path, monkeypatch), []
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    async with world(saying(IMAGE, IMAGE), context) as there:
        there.names = Names(localhost=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
        url = there.url(host="localhost", scheme="https")
        assert (await get(there.fetcher(allows_http=False), url)).data == PNG
        # The same address, over a connection of its own: this name has no certificate there.
        other = there.url(host="other.example", scheme="https")
        error = await refusal(there.fetcher(), other)
        assert (error.code, "be trusted" in error.message) == ("url_fetch_failed", True)
        assert asked_for == ["localhost", "other.example"]


async def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path: Path) -> None:
    certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with world(saying(IMAGE), context) as there:
        there.names = Names(localhost=[["127.0.0.1"]])
        url = there.url(host="localhost", scheme="https")
        assert "be trusted" in (await refusal(there.fetcher(), url)).message


async def test_a_connection_is_for_one_answer() -> None:
    async with world(saying(IMAGE, IMAGE)) as there:
        for _ in range(2):
            await get(there.fetcher(), there.url())
        assert there.connections == 2


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with world(saying(IMAGE)) as there:
        assert (await get(there.fetcher(), there.url())).data == PNG


async def test_being_cancelled_closes_the_connection() -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        assert await reader.read() == b""
        left.set()

    async with world(silent) as there, asyncio.timeout(5):
        waiting = asyncio.create_task(get(there.fetcher(), there.url()))
        await asked.wait()
        waiting.cancel()
        await left.wait()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_names_are_looked_up_in_threads_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where: list[str] = []

    def look_up(host: str, port: int, **_: object) -> list[object]:
        where.append(threading.current_thread().name)
        return [(socket.AF_INET, 1, 6, "", ("8.8.8.8", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert await resolve("any.example", 443) == ["8.8.8.8"]
    assert where[0].startswith("lookup")
