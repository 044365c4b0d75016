"""The OpenAPI document: FastAPI's own, plus the hot routes, security and the error shape."""

import re
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


_MODEL_PLACE = "{model}"
_MODEL = {
    "name": "model",
    "in": "path",
    "required": True,
    "description": "A model's name; slashes in it may be written as they are.",
    "schema": {"type": "string", "minLength": 1},
}
_VENDORS_ANSWER = {
    "description": "The vendor's answer in the dialect of the path; events when it is streamed.",
    "content": {
        "application/json": {"schema": {"type": ["object", "array"]}},
        "text/event-stream": {"schema": {"type": "string"}},
    },
}
_NO_WORD = re.compile(r"\W+")


class HotRow(Protocol):
    """What is read of a hot route."""

    @property
    def method(self) -> str:
        """HTTP method."""

    @property
    def path(self) -> str:
        """Exact path, or one with a model in it."""

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
        types = [*row.replies.values()] + ([] if row.request is None else [row.request])
        references, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        schemas.update(components)
        operation = _operation(row) | _tells(row.replies, references)
        if row.request is not None:
            operation |= _asks(row, references[-1])
        paths.setdefault(row.path, {})[row.method.lower()] = operation
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
        "operationId": f"{_NO_WORD.sub('_', row.path.strip('/'))}_{row.method.lower()}",
    }


def _asks(row: HotRow, body: Mapping[str, object]) -> dict[str, object]:
    """Describe a call: its body is ours to say, its answer mostly is a vendor's."""
    told: dict[str, object] = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}}
    }
    parameters = [_MODEL] if _MODEL_PLACE in row.path else []
    if not row.replies:
        parameters.append(_IDEMPOTENCY_KEY)
        told["responses"] = {"200": _VENDORS_ANSWER}
    return told | ({"parameters": parameters} if parameters else {})


def _tells(
    replies: Mapping[int, type], references: Iterable[Mapping[str, object]]
) -> dict[str, object]:
    """Describe answers that are ours."""
    return {
        "responses": {
            str(status): {
                "description": (reply.__doc__ or "").strip(),
                "content": {"application/json": {"schema": reference}},
            }
            for (status, reply), reference in zip(replies.items(), references, strict=False)
        }
    }
