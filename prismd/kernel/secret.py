"""Secrets: a type that does not print itself, the formats of our keys, hashing and sealing.

Formats (reliability-security §1.2): ``sk-prism-`` or ``prism-admin-`` + 30 base62 characters
(about 178 random bits) + 6 base62 characters holding the CRC-32 of everything before. The checksum
lets us refuse garbage before any look-up, and lets scanners verify a find offline.
"""

import binascii
import hashlib
import hmac
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_PREFIX = "sk-prism-"
ADMIN_PREFIX = "prism-admin-"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARS = 30
_CHECK_CHARS = 6
_TOKEN = re.compile(
    rf"(?:{KEY_PREFIX}|{ADMIN_PREFIX})[0-9A-Za-z]{{{_RANDOM_CHARS + _CHECK_CHARS}}}"
)
_NONCE_BYTES = 12
KEY_BYTES = 32


class Secret:
    """A value that must not appear in logs, errors or ``repr``; ``reveal()`` is the way out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Call it where it is used, never where it is carried."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash(self._value)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def new_token(prefix: str) -> Secret:
    """Make a new virtual key or admin token with its checksum."""
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
    return Secret(body + _base62(binascii.crc32(body.encode()), _CHECK_CHARS))


def is_well_formed(token: str) -> bool:
    """Say whether a token has our shape and its checksum is right."""
    if not _TOKEN.fullmatch(token):
        return False
    body = token[:-_CHECK_CHARS]
    return token[-_CHECK_CHARS:] == _base62(binascii.crc32(body.encode()), _CHECK_CHARS)


def display(token: Secret) -> str:
    """Return what may be shown of a token: its prefix, 4 characters, an ellipsis, the last 4."""
    text = token.reveal()
    prefix = KEY_PREFIX if text.startswith(KEY_PREFIX) else ADMIN_PREFIX
    return f"{prefix}{text[len(prefix) : len(prefix) + 4]}…{text[-4:]}"


def digest(token: str, pepper: bytes) -> bytes:
    """Return the 32 bytes under which a token is stored and looked up."""
    return hmac.digest(pepper, token.encode("utf-8", "surrogateescape"), "sha256")


def same(a: bytes, b: bytes) -> bool:
    """Compare two byte strings in a time that does not depend on where they differ."""
    return hmac.compare_digest(hashlib.sha256(a).digest(), hashlib.sha256(b).digest())


def seal(key: bytes, plain: bytes, *, where: str) -> bytes:
    """Encrypt with AES-256-GCM, bound to ``where`` (table|row|column): a copy elsewhere fails."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, where.encode())


def unseal(key: bytes, sealed: bytes, *, where: str) -> bytes:
    """Decrypt what ``seal`` made for the same place.

    Raises:
        ValueError: another key, another place, or changed bytes.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], where.encode())
    except InvalidTag:
        msg = f"cannot unseal {where}: the master key is another one, or the value was changed"
        raise ValueError(msg) from None
