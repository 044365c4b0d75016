"""The rooms: everything that is not hot, served by FastAPI, in one visible list.

A route without a declared policy makes ``build`` fail, and then no room is served.

``app`` imports this module behind the listener, in a thread: FastAPI, pydantic's models of answers
and the rooms themselves take as long as all the rest of a start.
"""

from collections.abc import Iterable
from functools import cache

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from prismd import __version__
from prismd.dialects.errors import error_body, error_headers
from prismd.dialects.spoken import dialect_of
from prismd.endpoints import diagnostics, models
from prismd.endpoints import usage as own_usage
from prismd.endpoints.admin import (
    audit,
    backups,
    budgets,
    capabilities,
    config,
    doctor,
    events,
    explain,
    keys,
    ledger,
    prices,
    replay,
    requests,
    usage,
)
from prismd.endpoints.asgi import wrong_method
from prismd.endpoints.credentials import Policy
from prismd.endpoints.deps import POLICIES
from prismd.front.gate import internal_error
from prismd.gateway import Gateway
from prismd.kernel.errors import InvalidRequest, MethodNotAllowed, NotFound, PrismError
from prismd.openapi import HotRow, document

ROOMS: tuple[APIRouter, ...] = (
    models.room,
    models.admin_room,
    keys.room,
    budgets.room,
    ledger.room,
    prices.room,
    usage.room,
    own_usage.room,
    requests.room,
    replay.room,
    explain.room,
    audit.room,
    backups.room,
    events.room,
    capabilities.room,
    doctor.room,
    config.room,
    diagnostics.room,
)


class UndeclaredRoute(Exception):
    """A route has no policy, or more than one."""


def policy_of(route: APIRoute) -> Policy:
    """Return who may use a route.

    Raises:
        UndeclaredRoute: the route does not depend on exactly one policy.
    """
    found = {
        POLICIES[dependency.call]
        for dependency in route.dependant.dependencies
        if dependency.call in POLICIES
    }
    if len(found) != 1:
        msg = f"{methods_of(route)} {route.path} declares {len(found)} policies, not one"
        raise UndeclaredRoute(msg)
    return found.pop()


def methods_of(route: APIRoute) -> list[str]:
    """Return the methods of a route, sorted."""
    return sorted(route.methods or ())


def declared_policies(hot: Iterable[HotRow]) -> dict[tuple[str, str], Policy]:
    """Return the policy of every route, those of the hot ones first, by (method, path).

    Raises:
        UndeclaredRoute: a route would be served without one.
    """
    policies = {(route.method, route.path): route.policy for route in hot}
    for room in ROOMS:
        for route in room.routes:
            if not isinstance(route, APIRoute):
                msg = f"{route!r} cannot declare a policy"
                raise UndeclaredRoute(msg)
            policy = policy_of(route)
            policies |= {(method, route.path): policy for method in methods_of(route)}
    return policies


def build(gateway: Gateway, hot: Iterable[HotRow]) -> FastAPI:
    """Compose the rooms of a gateway; the hot routes are only described.

    Raises:
        UndeclaredRoute: a route would be served without a policy.
    """
    rooms = FastAPI(
        title="Prism",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    policies = declared_policies(hot)
    for room in ROOMS:
        rooms.include_router(room)
    rooms.state.gateway = gateway
    rooms.state.policies = policies
    rooms.state.openapi = cache(lambda: document(rooms, hot, policies))
    rooms.add_exception_handler(PrismError, _prism_error)
    rooms.add_exception_handler(RequestValidationError, _invalid)
    rooms.add_exception_handler(HTTPException, _http_error)
    rooms.add_exception_handler(Exception, _fault)
    return rooms


def _answer(request: Request, error: PrismError) -> Response:
    scope = request.scope
    dialect = dialect_of(scope["method"], scope["path"], scope["head"])
    request_id = scope["request_id"]
    return Response(
        error_body(error, dialect, request_id=request_id),
        status_code=error.status,
        headers=error_headers(error, dialect, request_id=request_id),
    )


async def _prism_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PrismError)  # noqa: S101  # registered for it
    return _answer(request, error)


async def _fault(request: Request, _: Exception) -> Response:
    return _answer(request, internal_error(request.scope["request_id"]))  # the front logs it


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it
    if error.status_code == MethodNotAllowed.status:
        return _answer(request, wrong_method(request.method, _methods_at(request.scope["path"])))
    if error.status_code == NotFound.status:
        msg = f"There is nothing at {request.scope['path']}. GET /-/capabilities lists the routes."
        return _answer(request, NotFound(msg))
    return _answer(request, _not_json())


def _methods_at(path: str) -> str:
    """Return the methods that a path takes, as the ``Allow`` header has them."""
    routes = (route for room in ROOMS for route in room.routes if isinstance(route, APIRoute))
    matching = (route for route in routes if route.path_regex.match(path))
    methods = {method for route in matching for method in methods_of(route)}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _speakable(name: str) -> str:
    """Return a field's name without what no UTF-8 can say (lone surrogates in JSON escapes)."""
    return name.encode("utf-8", "replace").decode()


def _not_json() -> InvalidRequest:
    msg = "The body is not valid JSON. Send one JSON object, encoded as UTF-8."
    return InvalidRequest(msg, code="invalid_json")


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it
    first = error.errors()[0]
    location = [_speakable(str(part)) for part in first["loc"][1:]]
    param, kind = ".".join(location), str(first["type"])
    if kind == "json_invalid":
        problem = _not_json()
    elif kind == "extra_forbidden":
        problem = InvalidRequest(
            f"'{param}' is not a field of this request.", code="unknown_field", param=param
        )
    elif kind == "missing":
        name = location[-1] if location else "body"
        problem = InvalidRequest(
            f"'{param or name}' is required.", code=f"missing_{name}", param=param or None
        )
    else:
        text = str(first["msg"]).removeprefix("Value error, ")
        if not param:
            text = "the body must be one JSON object, sent as Content-Type: application/json"
        problem = InvalidRequest(
            f"'{param or 'body'}': {text}.", code="invalid_value", param=param or None
        )
    return _answer(request, problem)
