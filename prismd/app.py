"""Compose the daemon: the hot table, the rooms and the front, in one visible list.

A route without a declared policy makes ``build`` fail, so it can never be served.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismd import __version__
from prismd.dialects.errors import error_body, error_headers
from prismd.endpoints import chat, diagnostics, health, idempotency, models
from prismd.endpoints import usage as own_usage
from prismd.endpoints.admin import (
    audit,
    backups,
    budgets,
    capabilities,
    doctor,
    events,
    keys,
    ledger,
    prices,
    requests,
    usage,
)
from prismd.endpoints.asgi import ClientLeft, read_body
from prismd.endpoints.deps import POLICIES, Policy
from prismd.front.gate import Gate, answering, internal_error
from prismd.gateway import Gateway
from prismd.kernel.errors import InvalidRequest, MethodNotAllowed, NotFound, PrismError
from prismd.openapi import document
from prismd.wire.call import Op
from prismd.wire.chat import ChatPeek

HotHandler = Callable[[Gateway, Scope, Receive, Send], Awaitable[None]]

MAX_ROOM_BODY_BYTES = 1024 * 1024
"""The largest body outside the hot table; it is read before FastAPI sees the request."""


@dataclass(frozen=True, slots=True)
class HotRoute:
    """An inference endpoint: plain ASGI in front of FastAPI."""

    method: str
    path: str
    policy: Policy
    op: Op
    handler: HotHandler
    request: type
    """The type that describes the body in the OpenAPI document."""


HOT = (
    HotRoute("POST", "/v1/chat/completions", Policy.KEY, Op.CHAT, chat.chat_completions, ChatPeek),
)

ROOMS: tuple[APIRouter, ...] = (
    chat.room,
    models.room,
    models.admin_room,
    keys.room,
    budgets.room,
    ledger.room,
    prices.room,
    usage.room,
    own_usage.room,
    requests.room,
    audit.room,
    backups.room,
    events.room,
    capabilities.room,
    doctor.room,
    diagnostics.room,
    health.room,
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


def declared_policies() -> dict[tuple[str, str], Policy]:
    """Return the policy of every route, by (method, path).

    Raises:
        UndeclaredRoute: a route would be served without one.
    """
    policies = {(route.method, route.path): route.policy for route in HOT}
    for room in ROOMS:
        for route in room.routes:
            if not isinstance(route, APIRoute):
                msg = f"{route!r} cannot declare a policy"
                raise UndeclaredRoute(msg)
            policy = policy_of(route)
            policies |= {(method, route.path): policy for method in methods_of(route)}
    return policies


class App:
    """Dispatch: hot routes by exact match, everything else by FastAPI."""

    def __init__(self, gateway: Gateway, rooms: ASGIApp) -> None:
        self._gateway = gateway
        self._rooms = rooms
        self._hot = {(route.method, route.path): route.handler for route in HOT}
        self._hot_methods = {route.path: route.method for route in HOT}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request that the front has let through."""
        path = scope["path"]
        handler = self._hot.get((scope["method"], path))
        if handler is not None:
            return handler(self._gateway, scope, receive, send)
        if path in self._hot_methods:
            raise _wrong_method(scope["method"], self._hot_methods[path])
        return self._serve_room(scope, receive, send)

    async def _serve_room(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            is_large = scope["path"] == chat.COUNT_TOKENS
            limit = self._gateway.snapshot.max_body_bytes if is_large else MAX_ROOM_BODY_BYTES
            body = await read_body(scope, receive, limit)
        except ClientLeft:
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _head_only(send)
        room = partial(self._rooms, scope, _replayed(body, receive))
        key = idempotency.key_of_change(self._gateway, scope, body)
        if key is None:
            await room(send)
        else:
            await idempotency.serve_once(self._gateway, key, scope["request_id"], room, send)


class Cors:
    """Cross-origin rules of the config in force; never for the admin API under ``/-/``."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway
        self._wrapped: tuple[object, ASGIApp] = (None, app)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request, through CORS where it is switched on."""
        rules = self._gateway.snapshot.config.cors
        if not rules.enabled or scope["path"].startswith("/-/"):
            return self._app(scope, receive, send)
        if self._wrapped[0] is not rules:
            wrapped = CORSMiddleware(
                answering(self._app),  # inside: a page may read errors, too
                allow_origins=rules.allowed_origins,
                allow_methods=rules.allowed_methods,
                allow_headers=rules.allowed_headers,
                expose_headers=rules.exposed_headers,
                max_age=rules.max_age,
                allow_credentials=rules.allow_credentials,
            )
            self._wrapped = (rules, wrapped)
        return self._wrapped[1](scope, receive, send)


def build(gateway: Gateway) -> ASGIApp:
    """Compose the application.

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
    policies = declared_policies()
    for room in ROOMS:
        rooms.include_router(room)
    rooms.state.gateway = gateway
    rooms.state.policies = policies
    rooms.state.openapi = cache(lambda: document(rooms, HOT, policies))
    rooms.add_exception_handler(PrismError, _prism_error)
    rooms.add_exception_handler(RequestValidationError, _invalid)
    rooms.add_exception_handler(HTTPException, _http_error)
    rooms.add_exception_handler(Exception, _fault)
    return Gate(Cors(App(gateway, rooms), gateway), gateway)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a body that has been read, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _head_only(send: Send) -> Send:
    """Return a ``send`` that ends an answer behind its head, also one that would go on for ever."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})

    return send_head


def _answer(error: PrismError) -> Response:
    return Response(error_body(error), status_code=error.status, headers=error_headers(error))


async def _prism_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, PrismError)  # noqa: S101  # registered for it
    return _answer(error)


async def _fault(request: Request, _: Exception) -> Response:
    return _answer(internal_error(request.scope["request_id"]))  # the front logs it


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it
    if error.status_code == MethodNotAllowed.status:
        return _answer(_wrong_method(request.method, _methods_at(request.scope["path"])))
    if error.status_code == NotFound.status:
        msg = f"There is nothing at {request.scope['path']}. GET /-/capabilities lists the routes."
        return _answer(NotFound(msg))
    return _answer(_not_json())


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


def _wrong_method(method: str, allowed: str) -> MethodNotAllowed:
    msg = f"This path does not take {method}. Use {allowed}."
    return MethodNotAllowed(msg, headers={"allow": allowed})


async def _invalid(_: Request, error: Exception) -> Response:
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
    return _answer(problem)
