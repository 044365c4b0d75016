"""What rooms depend on: the gateway, and the policy that lets a caller in.

Every FastAPI route has exactly one of ``public``, ``caller`` and ``admin`` among its
dependencies; ``rooms`` serves nothing if a route has none. The decision belongs to the
matched route, never to a path prefix.
"""

from typing import Annotated

from fastapi import Depends, Request

from prismd.endpoints.credentials import Policy, caller_of, check_operator, ip_of, tell_limits
from prismd.endpoints.queries import check_names
from prismd.gateway import Gateway
from prismd.policy.access import check_ip
from prismd.wire.audit import Actor
from prismd.wire.call import Caller


async def gateway_of(request: Request) -> Gateway:
    """Return the gateway of the app that serves this request."""
    gateway = request.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101  # set once by rooms.build
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


async def admin(request: Request, gateway: TheGateway) -> None:
    """Let the operator in, to ask for what there is; raises as what it calls."""
    check_operator(gateway, request.scope)
    check_names(request)


TheCaller = Annotated[Caller, Depends(caller)]


async def actor(request: Request, gateway: TheGateway) -> Actor:
    """Say who asks for a change; a route with this dependency has ``admin`` as well."""
    scope = request.scope
    return Actor("admin", ip=ip_of(gateway, scope) or None, request_id=scope["request_id"])


TheActor = Annotated[Actor, Depends(actor)]


POLICIES = {public: Policy.PUBLIC, caller: Policy.KEY, admin: Policy.ADMIN}
"""Dependency → the policy it stands for."""
