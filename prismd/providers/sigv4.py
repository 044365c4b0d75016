"""AWS Signature Version 4: what proves that a call comes from the holder of an access key.

Signed are the method, path and query as they are sent, the host, the time and the body. The path
is encoded once more for the signature than it is on the wire, as all services but S3 want it.
"""

import hashlib
import hmac
from urllib.parse import quote

from prismd.kernel import clock
from prismd.kernel.secret import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE_END = "aws4_request"
_UNRESERVED = "-_.~"


class SigV4:
    """The access key of one account, for one service in one region (the port ``Signer``)."""

    def __init__(
        self,
        *,
        key_id: Secret,
        secret: Secret,
        session_token: Secret | None = None,
        region: str,
        service: str = "bedrock",
    ) -> None:
        """Take an access key; nothing is looked at.

        Args:
            key_id: Id of the access key.
            secret: Its secret.
            session_token: Of a temporary access key.
            region: Where the service is.
            service: Its name in signatures; that of Bedrock's runtime, too, is ``bedrock``.
        """
        self._key_id = key_id
        self._secret = secret
        self._session_token = session_token
        self._region = region
        self._service = service
        self._day_key = ("", b"")
        """A day, and the key that signs on it."""

    async def headers(
        self, *, method: str, url_path: str, host: str, body: bytes
    ) -> tuple[tuple[str, str], ...]:
        """Return the headers that carry the signature of one call."""
        time = clock.utc_now().strftime("%Y%m%dT%H%M%SZ")
        signed = [("host", host), ("x-amz-date", time)]
        if self._session_token is not None:
            signed.append(("x-amz-security-token", self._session_token.reveal()))
        names = ";".join(name for name, _ in signed)
        path, _, query = url_path.partition("?")
        asked = "\n".join(
            [
                method,
                quote(path, safe=f"/{_UNRESERVED}"),
                _in_order(query),
                *(f"{name}:{' '.join(value.split())}" for name, value in signed),
                "",
                names,
                hashlib.sha256(body).hexdigest(),
            ]
        )
        day = time[:8]
        scope = f"{day}/{self._region}/{self._service}/{_SCOPE_END}"
        digest = hashlib.sha256(asked.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{time}\n{scope}\n{digest}"
        signature = hmac.new(self._key_of(day), text.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self._key_id.reveal()}/{scope}"
        proof = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
        return (("authorization", proof), *signed[1:])

    def _key_of(self, day: str) -> bytes:
        """Return the key that signs on a day."""
        if self._day_key[0] != day:
            key = f"AWS4{self._secret.reveal()}".encode()
            for part in (day, self._region, self._service, _SCOPE_END):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self._day_key = (day, key)
        return self._day_key[1]


def _in_order(query: str) -> str:
    """Return a query as it is signed: sorted, each parameter with a value."""
    if not query:
        return ""
    pairs = sorted(part.partition("=")[::2] for part in query.split("&") if part)
    return "&".join(f"{name}={value}" for name, value in pairs)
