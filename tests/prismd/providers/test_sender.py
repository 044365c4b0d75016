"""The sender against small servers that say what they got, or misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from prismd.dialects.base import HttpCall
from prismd.kernel.errors import UpstreamError
from prismd.kernel.outbound import Outbound
from prismd.kernel.secret import Secret
from prismd.providers import (
    anthropic,
    azure,
    bedrock,
    cohere,
    gemini,
    ollama,
    openai,
    perplexity,
    tgi,
)
from prismd.providers.address import resolve_base_url
from prismd.providers.base import AuthKind, ProviderSpec
from prismd.providers.sender import HttpUpstream
from prismd.wire.call import Op

Handler = Callable[[bytes], bytes]
CALL = HttpCall("POST", "/chat/completions", b'{"model":"m"}', (("x-prism-fake-rate", "5"),))


@asynccontextmanager
async def server(answer: Handler) -> AsyncIterator[str]:
    """Answer each connection with the bytes that ``answer`` makes of its request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line[15:])
                for line in head.lower().split(b"\r\n")
                if line[:15] == b"content-length:"
            ),
            0,
        )
        writer.write(answer(head + await reader.readexactly(length)))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


def plain(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def exchange(
    outbound: Outbound,
    spec: ProviderSpec = openai.SPEC,
    call: HttpCall = CALL,
    **options: object,
) -> bytes:
    """Return the request as a server gets it."""
    got: list[bytes] = []

    def answer(request: bytes) -> bytes:
        got.append(request)
        return plain(b"{}")

    async with server(answer) as url:
        upstream = HttpUpstream(
            spec,
            provider_id="v",
            base_url=url + str(options.pop("path", "")),
            outbound=outbound,
            **options,  # type: ignore[arg-type]
        )
        response = await upstream.send(call)
        assert await response.read() == b"{}"
        await response.aclose()
    return got[0]


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ("http://h", "http://h/v1"),
        ("http://h/", "http://h/v1"),
        ("http://h/v1", "http://h/v1"),
        ("http://h/v1/", "http://h/v1"),
        ("https://h:8443/openai/v1", "https://h:8443/openai/v1"),
        ("http://[::1]:9", "http://[::1]:9/v1"),
        (None, "https://api.openai.com/v1"),
    ],
)
def test_the_base_url_may_be_with_or_without_v1(given: str | None, resolved: str) -> None:
    assert resolve_base_url(openai.SPEC, given) == resolved


def test_a_vendors_own_base_url_is_taken_as_it_is() -> None:
    assert resolve_base_url(perplexity.SPEC, None) == "https://api.perplexity.ai"
    assert (
        resolve_base_url(perplexity.SPEC, "https://api.perplexity.ai") == perplexity.SPEC.base_url
    )


@pytest.mark.parametrize("given", ["ftp://h", "h:80", "http://", "http://u:p@h", "http://h/v1?a=b"])
def test_a_bad_base_url_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        resolve_base_url(openai.SPEC, given)


def test_a_vendor_without_a_url_needs_one() -> None:
    with pytest.raises(ValueError, match="needs a base_url"):
        resolve_base_url(tgi.SPEC, None)


async def test_the_request_carries_what_it_should_and_no_more(outbound: Outbound) -> None:
    headers = {"X-Team": "a", "Authorization": "from the config"}
    request = await exchange(outbound, headers=headers, credential=Secret("sk-1"))
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/chat/completions http/1.1"
    assert {line.split(":")[0] for line in lines[1:]} == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
        "content-type",
        "content-length",
        "x-team",
        "authorization",
        "x-prism-fake-rate",
    }
    assert "accept-encoding: identity" in lines
    assert "authorization: bearer sk-1" in lines
    assert body == CALL.body


async def test_azure_gets_its_key_in_its_own_header(outbound: Outbound) -> None:
    request = await exchange(
        outbound, azure.SPEC, path="/openai/v1", credential=Secret("k"), timeout_s=5
    )
    assert request.startswith(b"POST /openai/v1/chat/completions ")
    assert b"\r\napi-key: k\r\n" in request
    assert b"authorization" not in request.lower()


async def test_a_local_server_needs_no_credential(outbound: Outbound) -> None:
    assert b"authorization" not in (await exchange(outbound, ollama.SPEC)).lower()


async def failure(
    outbound: Outbound, answer: Handler, work: Callable[[HttpUpstream], Awaitable[object]]
) -> UpstreamError:
    async with server(answer) as url:
        upstream = HttpUpstream(
            openai.SPEC,
            provider_id="acme",
            base_url=url,
            credential=Secret("sk-topsecret"),
            outbound=outbound,
        )
        with pytest.raises(UpstreamError) as caught:
            await work(upstream)
    assert "'acme'" in caught.value.message
    assert "topsecret" not in caught.value.message
    return caught.value


async def send_and_read(upstream: HttpUpstream) -> bytes:
    response = await upstream.send(CALL)
    try:
        return await response.read()
    finally:
        await response.aclose()


async def test_a_redirect_is_an_error_and_never_followed(outbound: Outbound) -> None:
    seen = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return plain(b"", "307 Temporary Redirect", "location: http://evil.example/v1?key=1")

    error = await failure(outbound, answer, send_and_read)
    assert (error.code, error.upstream_status) == ("provider_redirected", 307)
    assert "evil.example" in error.message
    assert len(seen) == 1


async def test_a_redirect_to_what_is_no_url_is_the_same_error(outbound: Outbound) -> None:
    def answer(_: bytes) -> bytes:
        return plain(b"", "302 Found", "location: http://[oops")

    error = await failure(outbound, answer, send_and_read)
    assert (error.code, error.upstream_status) == ("provider_redirected", 302)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_a_broken_answer_is_an_upstream_error(outbound: Outbound, raw: bytes) -> None:
    error = await failure(outbound, lambda _: raw, send_and_read)
    assert (error.code, error.status) == ("provider_connection_broken", 502)


async def test_a_compressed_answer_is_refused(outbound: Outbound) -> None:
    answer = plain(b"\x1f\x8b", "200 OK", "content-encoding: gzip")
    error = await failure(outbound, lambda _: answer, send_and_read)
    assert "compressed (gzip)" in error.message


async def test_an_unreachable_vendor_is_named(outbound: Outbound) -> None:
    async with server(lambda _: b"") as url:
        pass
    upstream = HttpUpstream(openai.SPEC, provider_id="acme", base_url=url, outbound=outbound)
    with pytest.raises(UpstreamError, match="'acme' cannot be reached") as caught:
        await upstream.send(CALL)
    assert caught.value.code == "provider_unreachable"


async def test_a_header_that_cannot_be_sent_is_not_shown(outbound: Outbound) -> None:
    upstream = HttpUpstream(
        openai.SPEC,
        provider_id="acme",
        base_url="http://127.0.0.1:9",
        headers={"x-token": "topsecret\n"},
        outbound=outbound,
    )
    with pytest.raises(UpstreamError) as caught:
        await upstream.send(CALL)
    assert "topsecret" not in f"{caught.value.message} {caught.value.__cause__!r}"


async def test_listing_models_reports_the_vendors_refusal(outbound: Outbound) -> None:
    error = await failure(
        outbound, lambda _: plain(b"{}", "401 Unauthorized"), HttpUpstream.list_models
    )
    assert error.code == "provider_auth_failed"


async def test_listing_models_needs_a_list(outbound: Outbound) -> None:
    error = await failure(outbound, lambda _: plain(b"<html>"), HttpUpstream.list_models)
    assert error.code == "invalid_upstream_response"


class Seal:
    """Signs with what it was asked to sign."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, bytes]] = []

    async def headers(
        self, *, method: str, url_path: str, host: str, body: bytes
    ) -> tuple[tuple[str, str], ...]:
        self.asked.append((method, url_path, host, body))
        return (("authorization", f"Seal {len(self.asked)}"), ("x-amz-date", "now"))


async def test_what_is_signed_is_what_is_sent(outbound: Outbound) -> None:
    got: list[bytes] = []

    def answer(request: bytes) -> bytes:
        got.append(request)
        return plain(b"{}")

    seal = Seal()
    path = bedrock.SPEC.ops[Op.CHAT].path_for("arn:aws:x/y v1:0", is_stream=False)
    async with server(answer) as url:
        upstream = HttpUpstream(
            replace(bedrock.SPEC, auth=AuthKind.NONE),
            provider_id="v",
            base_url=url,
            signer=seal,
            outbound=outbound,
        )
        for _ in range(2):
            response = await upstream.send(HttpCall("POST", f"{path}?a=b%20c", b"{}"))
            assert await response.read() == b"{}"
    sent = "/model/arn%3Aaws%3Ax%2Fy%20v1%3A0/converse?a=b%20c"
    assert seal.asked == [("POST", sent, url.removeprefix("http://"), b"{}")] * 2
    for number, request in enumerate(got, 1):
        head, _, body = request.partition(b"\r\n\r\n")
        assert head.startswith(f"POST {sent} HTTP/1.1\r\n".encode())
        assert head.endswith(f"\r\nauthorization: Seal {number}\r\nx-amz-date: now".encode())
        assert body == b"{}"


async def test_a_client_may_say_another_version_of_the_api(outbound: Outbound) -> None:
    for call, version in (
        (CALL, "2023-06-01"),
        (HttpCall("POST", "/m", b"{}", (("anthropic-version", "2023-06-01"),)), "2023-06-01"),
        (HttpCall("POST", "/m", b"{}", (("anthropic-version", "2030-01-01"),)), "2030-01-01"),
    ):
        request = await exchange(outbound, anthropic.SPEC, call=call, credential=Secret("k"))
        assert request.count(b"anthropic-version: ") == 1
        assert f"anthropic-version: {version}\r\n".encode() in request
        assert b"x-api-key: k\r\n" in request


def listed(*pages: object) -> tuple[Handler, list[str]]:
    """Answer with one page after the other; return what was asked for, too."""
    asked: list[str] = []

    def answer(request: bytes) -> bytes:
        asked.append(request.split(b" ")[1].decode())
        return plain(json.dumps(pages[min(len(asked), len(pages)) - 1]).encode())

    return answer, asked


async def models_of(outbound: Outbound, spec: ProviderSpec, answer: Handler) -> list[str]:
    async with server(answer) as url:
        upstream = HttpUpstream(spec, provider_id="v", base_url=url, outbound=outbound)
        return await upstream.list_models()


async def test_a_list_in_pages_is_read_to_its_end(outbound: Outbound) -> None:
    answer, asked = listed(
        {"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"},
        {"data": [{"id": "b"}, {"id": "c"}], "has_more": False, "last_id": "c"},
    )
    assert await models_of(outbound, anthropic.SPEC, answer) == ["a", "b", "c"]
    assert asked == ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=b"]

    answer, asked = listed(
        {"models": [{"name": "models/a"}], "nextPageToken": "t+1"},
        {"models": [{"name": "models/b"}]},
    )
    assert await models_of(outbound, gemini.SPEC, answer) == ["a", "b"]
    assert asked == ["/v1beta/models?pageSize=1000", "/v1beta/models?pageSize=1000&pageToken=t%2B1"]


async def test_cohere_lists_its_models_beside_its_api(outbound: Outbound) -> None:
    answer, asked = listed({"models": [{"name": "command-a"}]})
    assert await models_of(outbound, cohere.SPEC, answer) == ["command-a"]
    assert asked == ["/v1/models?endpoint=chat&page_size=1000"]


async def test_a_list_without_end_is_cut(outbound: Outbound) -> None:
    answer, asked = listed({"data": [{"id": "a"}], "has_more": True, "last_id": "a"})
    assert await models_of(outbound, anthropic.SPEC, answer) == ["a"]
    assert len(asked) == 20


async def test_who_cannot_be_asked_is_not_asked(outbound: Outbound) -> None:
    answer, asked = listed({})
    with pytest.raises(UpstreamError) as caught:
        await models_of(outbound, replace(bedrock.SPEC, auth=AuthKind.NONE), answer)
    assert caught.value.code == "unsupported_operation"
    assert asked == []
