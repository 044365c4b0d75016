"""Compose the daemon: the hot table, the rooms and the front, in one visible list.

What a call of a client or a probe needs is here when the listener opens. The rest, on FastAPI, is
loaded behind it (``Rooms``): a request that comes before waits for it. A route without a declared
policy makes the load fail, so it can never be served.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismd.dialects.anthropic.request import MessagesPeek
from prismd.dialects.completions.request import CompletionPeek
from prismd.dialects.google.request import ContentBody
from prismd.dialects.spoken import action_in
from prismd.endpoints import (
    chat,
    completions,
    count_tokens,
    google,
    health,
    idempotency,
    messages,
)
from prismd.endpoints.asgi import MAX_ROOM_BODY_BYTES, ClientLeft, read_body, wrong_method
from prismd.endpoints.credentials import Policy
from prismd.front.gate import Gate, answering
from prismd.gateway import Gateway
from prismd.kernel.errors import NotFound
from prismd.wire.chat import ChatPeek

_MODEL_ACTION = "{model}:"
HotHandler = Callable[[Gateway, Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HotRoute:
    """An endpoint in front of FastAPI, plain ASGI: there from the first moment on."""

    method: str
    path: str
    """Exact, or Google's ``…/{model}:action``, where the model may hold slashes and colons."""
    policy: Policy
    tag: str
    handler: HotHandler
    request: type | None
    """The type that describes the body in the OpenAPI document."""
    replies: Mapping[int, type]
    """The types that describe the answers, by status; none: a vendor's."""


_READY = {200: health.Readiness, 503: health.Readiness}

_COUNTED = {200: count_tokens.TokenCount}

_GOOGLE: tuple[tuple[str, HotHandler, type, Mapping[int, type]], ...] = (
    ("generateContent", google.generate, ContentBody, {}),
    ("streamGenerateContent", google.stream, ContentBody, {}),
    ("countTokens", google.count, ContentBody, {200: google.ContentCount}),
)

HOT = (
    HotRoute(
        "POST", "/v1/chat/completions", Policy.KEY, "chat", chat.chat_completions, ChatPeek, {}
    ),
    HotRoute(
        "POST",
        "/v1/count_tokens",
        Policy.KEY,
        "chat",
        count_tokens.count_tokens,
        ChatPeek,
        _COUNTED,
    ),
    HotRoute(
        "POST",
        "/v1/completions",
        Policy.KEY,
        "chat",
        completions.completions,
        CompletionPeek,
        {},
    ),
    HotRoute(
        "POST",
        "/v1/messages",
        Policy.KEY,
        "messages",
        messages.messages,
        messages.MessageBody,
        {},
    ),
    HotRoute(
        "POST",
        "/v1/messages/count_tokens",
        Policy.KEY,
        "messages",
        messages.count_message,
        MessagesPeek,
        {200: messages.MessageCount},
    ),
    *(
        HotRoute("POST", f"{base}/{{model}}:{action}", Policy.KEY, "google", handler, kind, replies)
        for base in ("/v1beta/models", "/v1/models")
        for action, handler, kind, replies in _GOOGLE
    ),
    HotRoute("GET", "/healthz", Policy.PUBLIC, "health", health.alive, None, {200: health.Alive}),
    HotRoute("GET", "/livez", Policy.PUBLIC, "health", health.alive, None, {200: health.Alive}),
    HotRoute("GET", "/readyz", Policy.PUBLIC, "health", health.ready, None, _READY),
)


class Actions:
    """The hot routes with a model and an action in their path."""

    def __init__(self, routes: Iterable[HotRoute]) -> None:
        """Read the routes' paths; those without a model are left out."""
        self._handlers: dict[tuple[str, str], HotHandler] = {}
        for route in routes:
            prefix, has_model, action = route.path.partition(_MODEL_ACTION)
            if has_model:
                self._handlers[prefix, action] = route.handler
        self._prefixes = tuple({prefix for prefix, _ in self._handlers})
        self._names = sorted({action for _, action in self._handlers})

    def find(self, scope: Scope) -> HotHandler | None:
        """Return what serves a request, and put its model into ``path_params``; None: no action.

        Raises:
            MethodNotAllowed: an action is asked for in another way than by POST.
            NotFound: the action is not one of ours.
        """
        path, method = scope["path"], scope["method"]
        action = action_in(path)
        if action is None or not path.startswith(self._prefixes):
            return None
        prefix = next(prefix for prefix in self._prefixes if path.startswith(prefix))
        handler = self._handlers.get((prefix, action))
        if handler is None:
            if method != "POST":
                return None  # a model whose name has a colon
            known = ", ".join(self._names)
            msg = f"A model has no action '{action}' here. There are {known}."
            raise NotFound(msg, code="unknown_action")
        if method != "POST":
            raise wrong_method(method, "POST")
        scope["path_params"] = {"model": path[len(prefix) : -len(action) - 1]}
        return handler


class Rooms:
    """The rooms of a gateway, loaded once: in a thread, and for all who wait."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._loading: asyncio.Task[None] | None = None
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as soon as there are rooms."""
        await (self._app or await self.loaded())(scope, receive, send)

    async def loaded(self) -> ASGIApp:
        """Return the rooms when they can serve.

        Raises:
            UndeclaredRoute: a route would be served without a policy; no room is.
        """
        if self._loading is None:
            self._loading = self._gateway.tasks.spawn(self._load(), name="load-rooms")
        await asyncio.shield(self._loading)  # who leaves takes it from nobody
        assert self._app is not None  # noqa: S101  # that is what was awaited
        return self._app

    async def _load(self) -> None:
        self._app = await asyncio.to_thread(self._build)

    def _build(self) -> ASGIApp:
        from prismd import rooms  # noqa: PLC0415  # half of all imports, see there

        return rooms.build(self._gateway, HOT)


class App:
    """Dispatch: hot routes by exact match, then by model and action, all else by the rooms."""

    def __init__(self, gateway: Gateway, rooms: Rooms) -> None:
        self._gateway = gateway
        self._rooms = rooms
        exact = [route for route in HOT if _MODEL_ACTION not in route.path]
        self._hot = {(route.method, route.path): route.handler for route in exact}
        self._hot_methods = {route.path: route.method for route in exact}
        self._actions = Actions(HOT)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request that the front has let through."""
        path, method = scope["path"], scope["method"]
        handler = self._hot.get((method, path))
        if handler is not None:
            return handler(self._gateway, scope, receive, send)
        if path not in self._hot_methods:
            if (handler := self._actions.find(scope)) is not None:
                return handler(self._gateway, scope, receive, send)
            return self._serve_room(scope, receive, send)
        takes = self._hot_methods[path]
        if takes != "GET":
            raise wrong_method(method, takes)
        if method != "HEAD":
            raise wrong_method(method, "GET, HEAD")
        return self._hot["GET", path](self._gateway, scope, receive, _head_only(send))

    async def _serve_room(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, MAX_ROOM_BODY_BYTES)
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
            # Starlette's requests and responses, which few need.
            from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415

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


def build(gateway: Gateway, rooms: Rooms) -> ASGIApp:
    """Compose the application."""
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
