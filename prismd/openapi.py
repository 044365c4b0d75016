"""The OpenAPI document: FastAPI's own, plus the hot routes, security and the error shape."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec
from fastapi import FastAPI
from pydantic import JsonValue

from prismd.dialects.spoken import MODELS_PATH, dialect_of
from prismd.endpoints.credentials import Policy
from prismd.wire.call import DialectName

_SECURITY: Mapping[Policy, list[dict[str, list[str]]]] = {
    Policy.PUBLIC: [],
    Policy.KEY: [{"key": []}, {"x-api-key": []}, {"x-goog-api-key": []}],
    Policy.ADMIN: [{"admin": []}],
}
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "A virtual key, sk-prism-…"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "x-goog-api-key": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
    "key-in-query": {"type": "apiKey", "in": "query", "name": "key"},
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
_ANTHROPIC_ERROR = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": {"type": "string"},
                "message": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        },
        "request_id": {"type": ["string", "null"]},
    },
}
_GOOGLE_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "status"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {"type": "object", "required": ["@type"]},
                },
            },
        }
    },
}
_ERRORS: Mapping[DialectName, tuple[str, Mapping[str, object]]] = {
    DialectName.OPENAI: ("Error", _ERROR),
    DialectName.ANTHROPIC: ("AnthropicError", _ANTHROPIC_ERROR),
    DialectName.GOOGLE: ("GoogleError", _GOOGLE_ERROR),
}
"""What an error is in each dialect that routes are answered in."""

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
    schemas.update(_ERRORS.values())
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
        operation["security"] = _security(method, path, policy)
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = _refusal(method, path)
        if policy is Policy.ADMIN and method not in _READS:
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return doc


def _security(method: str, path: str, policy: Policy) -> list[dict[str, list[str]]]:
    is_googles = dialect_of(method, path, {}) is DialectName.GOOGLE
    return [*_SECURITY[policy], {"key-in-query": []}] if is_googles else _SECURITY[policy]


def _refusal(method: str, path: str) -> dict[str, object]:
    """Describe an error: in the dialect of its path, or of whichever SDK asks there."""
    is_shared = method == "GET" and path.startswith(MODELS_PATH)
    spoken = [*_ERRORS] if is_shared else [dialect_of(method, path, {})]
    shapes = [{"$ref": _REFERENCE.format(name=_ERRORS[dialect][0])} for dialect in spoken]
    schema = {"anyOf": shapes} if is_shared else shapes[0]
    return {
        "description": "What went wrong, and what to do.",
        "content": {"application/json": {"schema": schema}},
    }


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
