"""Signatures, against the examples that AWS publishes for its own implementations."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from prismd.kernel import clock
from prismd.kernel.secret import Secret
from prismd.providers.sigv4 import SigV4

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW_S = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_s", lambda: NOW_S)


def signer(*, token: str | None = None, service: str = "service") -> SigV4:
    return SigV4(
        key_id=Secret(KEY_ID),
        secret=Secret(SECRET),
        session_token=None if token is None else Secret(token),
        region="us-east-1",
        service=service,
    )


@pytest.mark.parametrize(
    ("method", "url_path", "signature"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
async def test_published_examples(method: str, url_path: str, signature: str) -> None:
    headers = await signer().headers(
        method=method, url_path=url_path, host="example.amazonaws.com", body=b""
    )
    proof = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    assert headers == (("authorization", proof), ("x-amz-date", "20150830T123600Z"))


async def test_a_path_is_encoded_once_more_and_a_token_is_signed() -> None:
    """Written out by hand from the specification."""
    headers = dict(
        await signer(token="t0/ken==", service="bedrock").headers(
            method="POST", url_path="/model/a%3Ab/converse", host="h:8443", body=b"{}"
        )
    )
    asked = (
        "POST\n/model/a%253Ab/converse\n\nhost:h:8443\nx-amz-date:20150830T123600Z\n"
        "x-amz-security-token:t0/ken==\n\nhost;x-amz-date;x-amz-security-token\n"
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
    scope = "20150830/us-east-1/bedrock/aws4_request"
    digest = hashlib.sha256(asked.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert headers["authorization"].endswith(f", Signature={key.hex()}")
    assert headers["x-amz-security-token"] == "t0/ken=="
    assert "host" not in headers


async def test_a_new_day_has_a_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    one = signer()
    call = {"method": "GET", "url_path": "/", "host": "h"}
    before = await one.headers(**call, body=b"")
    monkeypatch.setattr(clock, "wall_s", lambda: NOW_S + 86_400)
    after = await one.headers(**call, body=b"")
    assert after == await signer().headers(**call, body=b"")
    assert "20150831" in after[0][1]
    monkeypatch.setattr(clock, "wall_s", lambda: NOW_S)
    assert await one.headers(**call, body=b"") == before
