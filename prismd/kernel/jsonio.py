"""The one place for JSON in and out (msgspec). The only file where a JSON value has no type."""

from typing import Any

import msgspec

from prismd.kernel.money import NanoUsd, format_usd

Raw = msgspec.Raw
JsonObject = dict[str, Any]


def _hook(value: Any) -> Any:
    if isinstance(value, Usd):
        return Raw(format_usd(value.nano).encode())
    msg = f"cannot write {type(value).__name__} as JSON"
    raise TypeError(msg)


class Usd:
    """An amount on its way into JSON: written as a plain decimal number, from the integer."""

    __slots__ = ("nano",)

    def __init__(self, nano: int) -> None:
        self.nano = NanoUsd(nano)


_encoder = msgspec.json.Encoder(enc_hook=_hook)
_decode_any = msgspec.json.Decoder().decode


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
        msg = "JSON is nested too deeply"
        raise ValueError(msg) from None
