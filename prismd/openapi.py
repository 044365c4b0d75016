"""The OpenAPI document: FastAPI's own, plus the hot routes, security and the error shape."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec
from fastapi import FastAPI
from pydantic import JsonValue

from prismd.endpoints.credentials import Policy

_SECURITY: Mapping[Policy, list[dict[str, list[str]]]] = {
    Policy.PUBLIC: [],
    Policy.KEY: [{"key": []}],
    Policy.ADMIN: [{"admin": []}],
}
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "A virtual key, sk-prism-…"},
    "admin": {"type": "http", "scheme": "bearer", "description": "The admin token, prism-admin-…"},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_ERROR_RESPONSE = {
    "description": "What went wrong, and what to do.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}

_REFERENCE = "#/components/schemas/{name}"
_READS = frozenset({"GET", "HEAD"})
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request again under the same key has the same answer, and no effect.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class HotRow(Protocol):
    """What is read of a hot route."""

    @property
    def method(self) -> str:
        """HTTP method."""

    @property
    def path(self) -> str:
        """Exact path."""

    @property
    def policy(self) -> Policy:
        """Who may use it."""

    @property
    def tag(self) -> str:
        """The group that it belongs to."""

    @property
    def handler(self) -> object:
        """What serves it, and says what it does."""

    @property
    def request(self) -> type | None:
        """The msgspec type of its body."""

    @property
    def replies(self) -> Mapping[int, type]:
        """The msgspec types of its answers, by status; none: a vendor's."""


def document(
    app: FastAPI, hot: Iterable[HotRow], policies: Mapping[tuple[str, str], Policy]
) -> dict[str, JsonValue]:
    """Return the OpenAPI document; ``policies`` is by (method, path)."""
    doc = app.openapi()
    schemas = doc.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = _ERROR
    doc["components"]["securitySchemes"] = _SCHEMES
    paths = doc["paths"]
    for row in hot:
        types = [*row.replies.values()] if row.request is None else [row.request]
        references, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        schemas.update(components)
        operation = _asks(references[0]) if row.request else _tells(row.replies, references)
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row) | operation
    for (method, path), policy in policies.items():
        operation = paths[path.replace(":path}", "}")][method.lower()]
        operation["security"] = _SECURITY[policy]
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = _ERROR_RESPONSE
        if policy is Policy.ADMIN and method not in _READS:
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return doc


def _operation(row: HotRow) -> dict[str, object]:
    return {
        "tags": [row.tag],
        "summary": (row.handler.__doc__ or "").partition("\n")[0],
        "operationId": f"{row.path.strip('/').replace('/', '_')}_{row.method.lower()}",
    }


def _asks(body: Mapping[str, object]) -> dict[str, object]:
    """Describe a call: its body is ours to say, its answer is a vendor's."""
    return {
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "The vendor's answer, or server-sent events when streaming.",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/event-stream": {"schema": {"type": "string"}},
                },
            }
        },
    }


def _tells(
    replies: Mapping[int, type], references: Iterable[Mapping[str, object]]
) -> dict[str, object]:
    """Describe what needs no body, and whose answers are ours."""
    return {
        "responses": {
            str(status): {
                "description": (reply.__doc__ or "").strip(),
                "content": {"application/json": {"schema": reference}},
            }
            for (status, reply), reference in zip(replies.items(), references, strict=True)
        }
    }
