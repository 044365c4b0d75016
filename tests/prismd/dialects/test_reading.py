"""The top level of requests, and what is told of one that cannot be read."""

import msgspec
import pytest

from prismd.dialects.reading import item, top_level
from prismd.kernel.errors import InvalidRequest


class Peek(msgspec.Struct):
    model: str
    size: int | None = None


class Inner(msgspec.Struct):
    kind: str
    sizes: list[int] = []


decode = msgspec.json.Decoder(Peek).decode
decode_inner = msgspec.json.Decoder(Inner).decode
HINTS = {"model": "a string"}


def test_every_member_keeps_its_bytes() -> None:
    peek, fields = top_level(b'{"model":"a","model":"b","x": 1.50}', decode, HINTS)
    assert peek.model == "b"
    assert (bytes(fields["model"]), bytes(fields["x"])) == (b'"b"', b"1.50")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"{}", "missing_model", "model"),
        (b'{"model":1}', "invalid_type", "model"),
        (b"[]", "invalid_json", None),
        (b"nonsense", "invalid_json", None),
        (b'{"model":"\xff"}', "invalid_json", None),
        (b'{"model":"a","x":NaN}', "invalid_json", None),
        (b'{"model":"a","x":' + b"[" * 100_000, "invalid_json", None),
    ],
)
def test_what_is_wrong_is_told(body: bytes, code: str, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        top_level(body, decode, HINTS)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b'{"kind":1}', "m[0].kind"),
        (b'{"kind":"a","sizes":[1,"b"]}', "m[0].sizes[1]"),
        (b"{}", "m[0].kind"),
        (b"[]", "m[0]"),
        (b"[" * 100_000, "m[0]"),
    ],
)
def test_further_in_the_path_is_told(raw: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        item(decode_inner, msgspec.Raw(raw), "m[0]")
    assert caught.value.param == param
