"""What rooms depend on: the gateway, and the policy that lets a caller in.

Every FastAPI route has exactly one of ``public``, ``caller`` and ``admin`` among its
dependencies; ``app`` refuses to start with a route that has none. The decision belongs to the
matched route, never to a path prefix.
"""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Forbidden
from prismd.policy.access import check_ip, client_ip
from prismd.policy.identity import check_admin, identify
from prismd.wire.audit import Actor
from prismd.wire.call import Caller
from prismd.wire.key import KeyRecord


class Policy(StrEnum):
    """Who may use a route."""

    PUBLIC = "public"
    KEY = "key"
    ADMIN = "admin"


def bearer(scope: Scope) -> str | None:
    """Return the credential of a request: ``Authorization: Bearer``, else ``x-api-key``."""
    head: Mapping[bytes, bytes] = scope["head"]
    if (value := head.get(b"authorization")) is not None:
        scheme, _, token = value.decode("utf-8", "surrogateescape").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    if (value := head.get(b"x-api-key")) is not None:
        return value.decode("utf-8", "surrogateescape")
    return None


def caller_of(gateway: Gateway, scope: Scope) -> Caller:
    """Identify the holder of a virtual key.

    Raises:
        Unauthenticated: no valid key; Forbidden: it is blocked.
    """
    key = identify(bearer(scope), gateway.keys, pepper=gateway.pepper, now_s=clock.wall_s())
    if (on_known := scope["exchange"].on_known) is not None:
        on_known()
    return Caller(key, _ip_of(gateway, scope))


def tell_limits(gateway: Gateway, key: KeyRecord, scope: Scope) -> None:
    """Have the answer say where a key stands, whatever it will be."""
    if state := gateway.limiter.state(key, clock.monotonic_s()):
        scope["reply_headers"].update(state.headers())


def count_call(gateway: Gateway, caller: Caller, scope: Scope) -> None:
    """Count a call that is over at once against the key's limit per minute.

    Raises:
        LimitReached: the window is full.
    """
    state = gateway.limiter.admit(caller.key, clock.monotonic_s())
    gateway.limiter.release(caller.key.id)
    if state:
        scope["reply_headers"].update(state.headers())


async def gateway_of(request: Request) -> Gateway:
    """Return the gateway of the app that serves this request."""
    gateway = request.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101  # set once by app.build
    return gateway


TheGateway = Annotated[Gateway, Depends(gateway_of)]


async def public() -> None:
    """Let everybody in."""


async def caller(request: Request, gateway: TheGateway) -> Caller:
    """Let holders of a virtual key in."""
    found = caller_of(gateway, request.scope)
    tell_limits(gateway, found.key, request.scope)
    check_ip(found.key, found.ip)
    return found


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
    check_admin(bearer(scope), gateway.snapshot.admin_token)
    if (on_known := scope["exchange"].on_known) is not None:
        on_known()


async def admin(request: Request, gateway: TheGateway) -> None:
    """Let the operator in; raises as ``check_operator``."""
    check_operator(gateway, request.scope)


TheCaller = Annotated[Caller, Depends(caller)]


async def actor(request: Request, gateway: TheGateway) -> Actor:
    """Say who asks for a change; a route with this dependency has ``admin`` as well."""
    scope = request.scope
    return Actor("admin", ip=_ip_of(gateway, scope) or None, request_id=scope["request_id"])


TheActor = Annotated[Actor, Depends(actor)]


def _ip_of(gateway: Gateway, scope: Scope) -> str:
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


POLICIES = {public: Policy.PUBLIC, caller: Policy.KEY, admin: Policy.ADMIN}
"""Dependency → the policy it stands for."""
