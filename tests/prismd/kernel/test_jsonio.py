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
