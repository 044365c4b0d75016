"""The top level of a client's request: read once, and what is wrong with it told by its path."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from prismd.kernel.errors import InvalidRequest

Raw = msgspec.Raw
Peek = TypeVar("Peek", bound=msgspec.Struct)

MAX_MODEL_CHARS = 256
"""A name longer than this is no model's: it is not looked up, and written down nowhere."""

_MISSING_FIELD = re.compile(r"missing required field `(\w+)`")
_AT_PATH = re.compile(r" - at `\$\.?(.+)`$")
_MODEL = 'a string such as "fake/echo"; GET /v1/models lists what this key may use'

_ABSENT = Raw()

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


def top_level(
    body: bytes, decode: Callable[[bytes], Peek], hints: Mapping[str, str]
) -> tuple[Peek, dict[str, Raw]]:
    """Read the typed top level of a request, and every member's own bytes.

    Args:
        body: The request.
        decode: Reads the typed part.
        hints: Required member → what it must be, for whom it is missing.

    Raises:
        InvalidRequest: not JSON, a member missing or of the wrong type; ``param`` names it.
    """
    try:
        if not body.isascii():
            body.decode()  # what is not looked at here must be UTF-8, too
        return decode(body), _decode_fields(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error), hints) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"The body is not valid JSON: {error}. Send one JSON object, encoded as UTF-8."
        raise InvalidRequest(msg, code="invalid_json") from None
    except RecursionError:
        raise InvalidRequest("The JSON is nested too deeply.", code="invalid_json") from None


def check_model(model: str) -> None:
    """Check the length of a model's name; raises InvalidRequest."""
    if not model:
        raise missing("model", {"model": _MODEL})
    if len(model) > MAX_MODEL_CHARS:
        msg = (
            f"'model' has more than {MAX_MODEL_CHARS} characters. GET /v1/models lists the models."
        )
        raise InvalidRequest(msg, code="invalid_value", param="model")


def missing(field: str, hints: Mapping[str, str]) -> InvalidRequest:
    """Return the error for a member that is not there."""
    hint = hints.get(field, "a value")
    return InvalidRequest(f"'{field}' is required: {hint}.", code=f"missing_{field}", param=field)


def _wrong_field(problem: str, hints: Mapping[str, str]) -> InvalidRequest:
    if found := _MISSING_FIELD.search(problem):
        return missing(found[1], hints)
    path = _AT_PATH.search(problem)
    if path is None:
        names = " and ".join(f"'{name}'" for name in hints)
        msg = f"The body must be a JSON object with {names}. {problem}."
        return InvalidRequest(msg, code="invalid_json")
    what = problem[: path.start()].replace("`", "").lower()
    return InvalidRequest(f"'{path[1]}': {what}.", code="invalid_type", param=path[1])


Item = TypeVar("Item")


def optional(decode: Callable[[Raw], Item], fields: Mapping[str, Raw], name: str) -> Item | None:
    """Read a typed member that may be absent or null; raises InvalidRequest."""
    raw = fields.get(name, _ABSENT)
    return None if bytes(raw) in (b"", b"null") else item(decode, raw, name)


def item(decode: Callable[[Raw], Item], raw: Raw, path: str) -> Item:
    """Read one typed member further in; raises InvalidRequest with the path of what is wrong."""
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        problem = str(error)
        inner = _AT_PATH.search(problem)
        param = path if inner is None else f"{path}.{inner[1]}".replace(".[", "[")
        what = (problem if inner is None else problem[: inner.start()]).replace("`", "").lower()
        if found := _MISSING_FIELD.search(problem):
            param, what = f"{param}.{found[1]}", "it is required"
        raise InvalidRequest(f"'{param}': {what}.", code="invalid_type", param=param) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        msg = f"'{path}' cannot be read."
        raise InvalidRequest(msg, code="invalid_type", param=path) from None
