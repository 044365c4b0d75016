import pytest

from prismd.kernel import jsonio


def test_money_is_a_plain_decimal_number() -> None:
    assert jsonio.encode({"a": jsonio.Usd(1), "b": jsonio.Usd(2_500_000_000)}) == (
        b'{"a":0.000000001,"b":2.5}'
    )


@pytest.mark.parametrize("text", ["NaN", "[1,]", '"\\ud800"', "[" * 100_000, ""])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsonio.decode(text)


def test_unknown_types_are_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        jsonio.encode(object())


def test_members_are_found_whatever_their_case() -> None:
    found = jsonio.members(b'{"A": {"x": 1, "x": 2}, "b": [1]}')
    assert {name: bytes(value) for name, value in found.items()} == {
        "a": b'{"x": 1, "x": 2}',
        "b": b"[1]",
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a": 1, "A": 1}',
        '{"a": 1, "\\u0061": 1}',
        '{"s": 1, "\\u017f": 1}',
        "[]",
        "null",
        "{",
        '{"a": ' + "[" * 5_000 + "]" * 5_000 + "}",
    ],
)
def test_an_object_that_readers_see_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsonio.members(text.encode())
