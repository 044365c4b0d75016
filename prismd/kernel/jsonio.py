"""The one place for JSON in and out (msgspec). The only file where a JSON value has no type."""

import json
from typing import Any

import msgspec

from prismd.kernel.money import format_usd

Raw = msgspec.Raw
JsonObject = dict[str, Any]

_TOO_DEEP = "JSON is nested too deeply"


def _hook(value: Any) -> Any:
    if isinstance(value, Usd):
        return Raw(format_usd(value.nano).encode())
    msg = f"cannot write {type(value).__name__} as JSON"
    raise TypeError(msg)


class Usd:
    """An amount on its way into JSON: written as a plain decimal number, from the integer."""

    __slots__ = ("nano",)

    def __init__(self, nano: int) -> None:
        self.nano = nano


_encoder = msgspec.json.Encoder(enc_hook=_hook)
_decode_any = msgspec.json.Decoder().decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode


def encode(value: Any) -> bytes:
    """Write a value of builtins, structs, ``Raw`` and ``Usd`` as compact JSON."""
    return _encoder.encode(value)


def decode(data: bytes | str) -> Any:
    """Read any JSON value.

    Raises:
        ValueError: not JSON (NaN, Infinity and lone surrogates are not JSON), or nested too deeply.
    """
    try:
        return _decode_any(data)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def members(data: bytes | Raw) -> dict[str, Raw]:
    """Read an object of which all readers see the same: by name in lower case, each there once.

    Of a name that is there twice some readers take the first value, and some ignore its case.

    Raises:
        ValueError: not JSON or no object, nested too deeply, or a name is there twice.
    """
    try:
        found = {name.casefold(): value for name, value in _decode_members(data).items()}
        count = len(json.loads(bytes(data), object_pairs_hook=tuple))
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if len(found) != count:
        msg = "an object has a name twice"
        raise ValueError(msg)
    return found
