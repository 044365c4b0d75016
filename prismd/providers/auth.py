"""How a credential travels: one function from the vendor's auth kind to request headers."""

from typing import assert_never

from prismd.kernel.secret import Secret
from prismd.providers.base import AuthKind


def auth_headers(kind: AuthKind, credential: Secret | None) -> tuple[tuple[str, str], ...]:
    """Return the headers that carry the credential; none if there is no credential.

    Raises:
        ValueError: the credential has characters that no header can carry. The message does not
            hold the value.
    """
    if credential is None or kind is AuthKind.NONE:
        return ()
    value = credential.reveal()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        msg = "the credential is empty, or has spaces, line ends or characters outside ASCII"
        raise ValueError(msg)
    match kind:
        case AuthKind.BEARER:
            return (("authorization", f"Bearer {value}"),)
        case AuthKind.API_KEY_HEADER | AuthKind.X_API_KEY | AuthKind.GOOGLE_KEY:
            return ((kind.value, value),)
        case AuthKind.AWS | AuthKind.GOOGLE_ACCOUNT:
            msg = "the credential is made for each call, by a signer"
            raise ValueError(msg)
        case _:
            assert_never(kind)
