"""Google's own form of schemas → JSON schema: types in capitals, ``nullable``, numbers as text."""

import msgspec

from prismd.dialects.google.request import camel
from prismd.dialects.parts import invalid
from prismd.kernel import jsonio

_NUMBERS = ("maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties")
_MAX_DEPTH = 64


def plain_schema(raw: msgspec.Raw, path: str) -> msgspec.Raw:
    """Return a schema as JSON schema; raises InvalidRequest."""
    try:
        found = jsonio.decode(bytes(raw))
    except ValueError:
        raise invalid("it cannot be read", path) from None
    return msgspec.Raw(jsonio.encode(_plain(found, path, _MAX_DEPTH)))


def _plain(schema: object, path: str, depth: int) -> object:
    if not depth:
        raise invalid("it is nested too deeply", path)
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, object] = {}
    for given, value in schema.items():
        name = camel(given)
        if name not in ("nullable", "propertyOrdering"):
            plain[name] = _member(name, value, path, depth - 1)
    if schema.get("nullable") is True and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
    return plain


def _member(name: str, value: object, path: str, depth: int) -> object:
    match name, value:
        case (("properties" | "$defs" | "defs"), dict()):
            return {key: _plain(one, path, depth) for key, one in value.items()}
        case (("items" | "additionalProperties"), _):
            return _plain(value, path, depth)
        case (("anyOf" | "prefixItems"), list()):
            return [_plain(one, path, depth) for one in value]
        case "type", str():
            return value.lower()
        case _, str() if name in _NUMBERS and value.isdigit():
            return int(value)
        case _:
            return value
