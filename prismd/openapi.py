"""The OpenAPI document: FastAPI's own, plus the hot routes, security and the error shape."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec
from fastapi import FastAPI
from pydantic import JsonValue

from prismd.endpoints.deps import Policy
from prismd.wire.call import Op

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
    def op(self) -> Op:
        """What it does."""

    @property
    def request(self) -> type:
        """The msgspec type of its body."""


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
        (reference,), components = msgspec.json.schema_components(
            [row.request], ref_template="#/components/schemas/{name}"
        )
        schemas.update(components)
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, reference)
    for (method, path), policy in policies.items():
        operation = paths[path.replace(":path}", "}")][method.lower()]
        operation["security"] = _SECURITY[policy]
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = _ERROR_RESPONSE
        if policy is Policy.ADMIN and method not in _READS:
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return doc


def _operation(row: HotRow, request: Mapping[str, object]) -> dict[str, object]:
    return {
        "tags": [row.op.value],
        "summary": f"{row.op.value} (OpenAI API)",
        "operationId": f"{row.op.value}_{row.method.lower()}",
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
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
