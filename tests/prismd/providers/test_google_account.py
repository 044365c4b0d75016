"""The token of an account: asked for once, kept, renewed in time, and never in a message."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from prismd.kernel import clock
from prismd.kernel.errors import UpstreamError
from prismd.kernel.outbound import Outbound
from prismd.providers.google_account import GoogleAccount

KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class TokenServer:
    """Gives tokens ``t1``, ``t2`` …, and keeps what it was asked with."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: bytes | None = None
        self.status = "200 OK"
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        form = parse_qs((await reader.readexactly(length)).decode())
        self.asked.append({name: values[0] for name, values in form.items()})
        await self.may_answer.wait()
        body = (
            self.answer
            or json.dumps(
                {"access_token": f"t{len(self.asked)}", "expires_in": 3600, "token_type": "Bearer"}
            ).encode()
        )
        writer.write(f"HTTP/1.1 {self.status}\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        writer.write(body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def token_server() -> AsyncIterator[TokenServer]:
    tokens = TokenServer()
    listener = await asyncio.start_server(tokens.serve, "127.0.0.1", 0)
    async with listener:
        tokens.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/token"
        yield tokens


def account(outbound: Outbound, url: str, **fields: object) -> GoogleAccount:
    file = {
        "type": "service_account",
        "project_id": "acme-ai",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "prism@acme-ai.iam.gserviceaccount.com",
        "token_uri": url,
    }
    text = json.dumps(file | fields).encode()
    return GoogleAccount(text, provider_id="v", outbound=outbound)


async def token(signer: GoogleAccount) -> str:
    ((name, value),) = await signer.headers(method="POST", url_path="/", host="h", body=b"")
    assert name == "authorization"
    return value


def part(text: str) -> dict[str, object]:
    read: dict[str, object] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return read


async def test_the_statement_is_signed_with_the_accounts_key(outbound: Outbound) -> None:
    async with token_server() as server:
        assert await token(account(outbound, server.url)) == "Bearer t1"
    (form,) = server.asked
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, seal = form["assertion"].split(".")
    KEY.public_key().verify(
        urlsafe_b64decode(seal + "=" * (-len(seal) % 4)),
        f"{head}.{claims}".encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
    assert part(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    said = part(claims)
    assert said["iss"] == "prism@acme-ai.iam.gserviceaccount.com"
    assert said["aud"] == server.url
    assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert isinstance(said["iat"], int)
    assert isinstance(said["exp"], int)
    assert said["exp"] - said["iat"] == 3_600


async def test_the_file_of_a_user_is_exchanged_too(outbound: Outbound) -> None:
    async with token_server() as server:
        signer = account(
            outbound,
            server.url,
            type="authorized_user",
            private_key="",
            client_id="c",
            client_secret="s",
            refresh_token="r",
        )
        assert await token(signer) == "Bearer t1"
    assert server.asked == [
        {
            "grant_type": "refresh_token",
            "client_id": "c",
            "client_secret": "s",
            "refresh_token": "r",
        }
    ]


async def test_calls_at_once_share_one_token(outbound: Outbound) -> None:
    async with token_server() as server:
        signer = account(outbound, server.url)
        assert await asyncio.gather(*(token(signer) for _ in range(20))) == ["Bearer t1"] * 20
        assert await token(signer) == "Bearer t1"
    assert len(server.asked) == 1


async def test_a_token_is_renewed_before_its_end_while_the_old_one_serves(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1_000.0
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)
    async with token_server() as server:
        signer = account(outbound, server.url)
        assert await token(signer) == "Bearer t1"
        now_s += 3_299
        assert await token(signer) == "Bearer t1"
        assert len(server.asked) == 1
        now_s += 2  # 299 s are left
        server.may_answer.clear()
        renewing = asyncio.create_task(token(signer))
        while len(server.asked) < 2:
            await asyncio.sleep(0.001)
        assert await token(signer) == "Bearer t1"
        server.may_answer.set()
        assert await renewing == "Bearer t2"
    assert len(server.asked) == 2


async def test_a_failed_renewal_does_no_harm_while_the_token_is_good(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1_000.0
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)
    async with token_server() as server:
        signer = account(outbound, server.url)
        assert await token(signer) == "Bearer t1"
        server.status, server.answer = "503 Busy", b"{}"
        now_s += 3_500
        assert await token(signer) == "Bearer t1"
        now_s += 95
        with pytest.raises(UpstreamError):
            await token(signer)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("400 Bad", b'{"error":"invalid_grant","error_description":"prism@acme-ai is gone"}'),
        ("200 OK", b"<html>"),
        ("200 OK", b'{"access_token":"a\\r\\nx: y"}'),
        ("200 OK", b'{"token":"a"}'),
    ],
)
async def test_who_waits_for_a_token_that_does_not_come_is_told(
    outbound: Outbound, status: str, answer: bytes
) -> None:
    async with token_server() as server:
        server.status, server.answer = status, answer
        signer = account(outbound, server.url)
        server.may_answer.clear()
        waiting = [asyncio.create_task(token(signer)) for _ in range(5)]
        while not server.asked:
            await asyncio.sleep(0.001)
        server.may_answer.set()
        errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert len(server.asked) == 1
    for error in errors:
        assert isinstance(error, UpstreamError)
        assert error.code == "provider_credential_refused"
        assert "Provider 'v': no token of its account" in error.message
        assert "gone" not in error.message


async def test_a_caller_who_leaves_does_not_take_the_token_from_others(outbound: Outbound) -> None:
    async with token_server() as server:
        signer = account(outbound, server.url)
        server.may_answer.clear()
        first = asyncio.create_task(token(signer))
        while not server.asked:
            await asyncio.sleep(0.001)
        second = asyncio.create_task(token(signer))
        await asyncio.sleep(0)
        first.cancel()
        server.may_answer.set()
        assert (await second).startswith("Bearer t")


async def test_nobody_there_is_an_error_of_the_provider(outbound: Outbound) -> None:
    with pytest.raises(UpstreamError):
        await token(account(outbound, "http://127.0.0.1:9/token"))
