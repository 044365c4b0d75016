"""Google accounts: a key file is exchanged for a token, which is kept until shortly before its end.

Two kinds of files: ``service_account`` (a signed statement that the token is for) and
``authorized_user`` (what ``gcloud auth application-default login`` writes). Whoever needs a token
while one is being fetched waits for the same one; one that is still good for a while is given at
once, and a single call renews it.
"""

import asyncio
from base64 import urlsafe_b64encode
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from prismd.kernel import clock, jsonio
from prismd.kernel.errors import UpstreamError, UpstreamTimeout
from prismd.kernel.outbound import Outbound
from prismd.kernel.outbound_error import OutboundError, OutboundTimeout

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  # where, not what
TIMEOUT_S = 10.0
STATEMENT_S = 3_600
RENEWED_BEFORE_S = 300.0
"""A token is renewed so long before its end."""
AT_LEAST_S = 10.0
"""A token with less than this left is not used."""


class _KeyFile(msgspec.Struct):
    type: str = ""
    project_id: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = TOKEN_URL
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3_600.0


_decode_file = msgspec.json.Decoder(_KeyFile).decode
_decode_token = msgspec.json.Decoder(_Token, strict=False).decode


class GoogleAccount:
    """The credential of one account (the port ``Signer``)."""

    def __init__(self, key_file: bytes, *, provider_id: str, outbound: Outbound) -> None:
        """Read a key file.

        Args:
            key_file: Its contents.
            provider_id: The name in the config; messages use it.
            outbound: All connections of the process.

        Raises:
            ValueError: it is no key file; the message does not quote it.
        """
        try:
            self._file = _decode_file(key_file)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            msg = "is not a key file of Google (JSON)"
            raise ValueError(msg) from None
        self._key = _private_key(self._file)
        if self._key is None and not (self._file.refresh_token and self._file.client_id):
            msg = "must be a key file of type service_account or authorized_user"
            raise ValueError(msg)
        where = urlsplit(self._file.token_uri)
        if where.scheme not in ("http", "https") or not where.hostname:
            msg = "has a token_uri that is no URL"
            raise ValueError(msg)
        self.project: str | None = self._file.project_id or None
        """The project that the account belongs to."""
        self._provider = provider_id
        self._outbound = outbound
        self._headers: tuple[tuple[str, str], ...] = ()
        self._ends_s = 0.0
        """On the monotonic clock."""
        self._fetching = asyncio.Lock()
        self._failed_s = -1.0
        self._failure: UpstreamError | None = None

    async def headers(
        self, *, method: str, url_path: str, host: str, body: bytes
    ) -> tuple[tuple[str, str], ...]:
        """Return the header with a token, which is the same for all calls."""
        del method, url_path, host, body
        if self._left_s() < RENEWED_BEFORE_S:
            is_usable = self._left_s() >= AT_LEAST_S
            if not (is_usable and self._fetching.locked()):
                await self._renewed(is_usable=is_usable)
        return self._headers

    def _left_s(self) -> float:
        return self._ends_s - clock.monotonic_s()

    async def _renewed(self, *, is_usable: bool) -> None:
        """Wait for a new token; one that is usable is kept if none can be had."""
        began_s = clock.monotonic_s()
        async with self._fetching:
            if self._left_s() >= RENEWED_BEFORE_S:
                return  # another call has fetched it
            if self._failure is not None and self._failed_s >= began_s:
                raise self._failure  # another call has just tried
            try:
                token = await self._fetch()
            except UpstreamError as error:
                self._failed_s, self._failure = clock.monotonic_s(), error
                if is_usable:
                    return
                raise
            self._headers = (("authorization", f"Bearer {token.access_token}"),)
            self._ends_s = clock.monotonic_s() + token.expires_in

    async def _fetch(self) -> _Token:
        form = urlencode(self._request()).encode()
        headers = (("content-type", "application/x-www-form-urlencoded"),)
        try:
            response = await self._outbound.open(
                "POST", self._file.token_uri, headers=headers, content=form, timeout_s=TIMEOUT_S
            )
            try:
                body = await response.read()
            finally:
                await response.aclose()
        except OutboundTimeout as error:
            msg = f"Provider '{self._provider}': no token of its account: {error}."
            raise UpstreamTimeout(msg, provider=self._provider) from error
        except OutboundError as error:
            raise self._no_token(str(error)) from error
        if response.status != HTTPStatus.OK:
            raise self._no_token(f"status {response.status}")
        try:
            token = _decode_token(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._no_token("what came is no token") from None
        if not (token.access_token.isascii() and token.access_token.isprintable()):
            raise self._no_token("what came is no token")
        return token

    def _request(self) -> dict[str, str]:
        """Return what the token is asked for with."""
        file = self._file
        if self._key is None:
            return {
                "grant_type": "refresh_token",
                "client_id": file.client_id,
                "client_secret": file.client_secret,
                "refresh_token": file.refresh_token,
            }
        head = {"alg": "RS256", "typ": "JWT"}
        if file.private_key_id:
            head["kid"] = file.private_key_id
        now_s = int(clock.wall_s())
        claims = {
            "iss": file.client_email,
            "scope": SCOPE,
            "aud": file.token_uri,
            "iat": now_s,
            "exp": now_s + STATEMENT_S,
        }
        text = f"{_base64(jsonio.encode(head))}.{_base64(jsonio.encode(claims))}"
        seal = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {"grant_type": GRANT, "assertion": f"{text}.{_base64(seal)}"}

    def _no_token(self, why: str) -> UpstreamError:
        msg = f"Provider '{self._provider}': no token of its account ({why})."
        return UpstreamError(msg, provider=self._provider, code="provider_credential_refused")


def _private_key(file: _KeyFile) -> RSAPrivateKey | None:
    """Return the key of a service account; None for another kind; raises ValueError."""
    if not (file.private_key and file.client_email):
        return None
    try:
        key = serialization.load_pem_private_key(file.private_key.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        msg = "has a private_key that is no RSA key (PEM)"
        raise ValueError(msg)  # noqa: TRY004  # it is about the file's contents
    return key


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
