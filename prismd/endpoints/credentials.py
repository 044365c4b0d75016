"""Who asks: the credential of a request, whom it stands for, and what the answer says of it.

Hot routes and rooms share it, so it needs nothing of FastAPI.
"""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address

from starlette.types import Scope

from prismd.dialects.spoken import dialect_of
from prismd.endpoints.asgi import query_of
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Forbidden
from prismd.policy.access import client_ip
from prismd.policy.identity import check_admin, identify
from prismd.wire.call import Caller, DialectName
from prismd.wire.key import KeyRecord

_KEY_HEADERS = (b"x-api-key", b"x-goog-api-key")


class Policy(StrEnum):
    """Who may use a route."""

    PUBLIC = "public"
    KEY = "key"
    ADMIN = "admin"


def credential(scope: Scope) -> str | None:
    """Return the credential of a request: the first that is given, and no other.

    In this order: ``Authorization: Bearer`` (of another scheme it is somebody else's),
    ``x-api-key`` (Anthropic's SDK), ``x-goog-api-key`` (Google's), and ``?key=``, which only paths
    of Google's API have. Several are no fault: SDKs insist on a key of their own, and a placeholder
    there must not shut out the one that a user adds as ``Authorization``. Whether the first is
    valid is not asked before it is taken, so no other can stand in for one that was revoked.
    """
    head: Mapping[bytes, bytes] = scope["head"]
    value = head.get(b"authorization")
    if value is not None and value[:7].lower() == b"bearer ":
        return value[7:].decode("utf-8", "surrogateescape").strip()
    for name in _KEY_HEADERS:
        if (value := head.get(name)) is not None:
            return value.decode("utf-8", "surrogateescape")
    if b"key=" in scope["query_string"] and _takes_key_in_query(scope):
        return query_of(scope).get("key")
    return None


def _takes_key_in_query(scope: Scope) -> bool:
    dialect = dialect_of(scope["method"], scope["path"], scope["head"])
    return dialect is DialectName.GOOGLE


def caller_of(gateway: Gateway, scope: Scope) -> Caller:
    """Identify the holder of a virtual key.

    Raises:
        Unauthenticated: no valid key; Forbidden: it is blocked.
    """
    key = identify(credential(scope), gateway.keys, pepper=gateway.pepper, now_s=clock.wall_s())
    if (on_known := scope["exchange"].on_known) is not None:
        on_known()
    return Caller(key, ip_of(gateway, scope))


def tell_limits(gateway: Gateway, key: KeyRecord, scope: Scope) -> None:
    """Have the answer say where a key stands, whatever it will be."""
    scope["reply_headers"].update(limits_of(gateway, key))


def limits_of(gateway: Gateway, key: KeyRecord) -> dict[str, str]:
    """Return the headers that say where a key stands; none if it has no limit."""
    state = gateway.limiter.state(key, clock.monotonic_s())
    return {} if state is None else state.headers()


def check_operator(gateway: Gateway, scope: Scope) -> None:
    """Let only the operator pass.

    Raises:
        Unauthenticated: no admin token; Forbidden: the admin API is not served on this address.
    """
    if not (_is_private(scope) or gateway.snapshot.config.admin.allow_remote):
        msg = (
            "The admin API is served on loopback or over TLS only. "
            "Set server.tls, or admin.allow_remote: true if a proxy in front does TLS."
        )
        raise Forbidden(msg, code="admin_not_served_here")
    check_admin(credential(scope), gateway.snapshot.admin_token)
    if (on_known := scope["exchange"].on_known) is not None:
        on_known()


def ip_of(gateway: Gateway, scope: Scope) -> str:
    """Return the client's address: the socket's, or the one that a trusted proxy vouches for."""
    peer = scope["client"][0] if scope.get("client") else ""
    if not gateway.snapshot.trusted_proxies:
        return peer
    forwarded = [
        value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
    ]
    return client_ip(peer, forwarded, gateway.snapshot.trusted_proxies)


def _is_private(scope: Scope) -> bool:
    """Say whether a connection is encrypted, or ends on a loopback address of this machine."""
    if scope["scheme"] == "https":
        return True
    server = scope.get("server")
    try:
        return server is not None and ip_address(server[0]).is_loopback
    except ValueError:
        return False
