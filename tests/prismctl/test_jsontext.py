import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismctl.jsontext import Json, dumps, has, loads, pick

_VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from([None, 2]))
def test_what_is_written_is_read_again(value: Json, indent: int | None) -> None:
    assert loads(dumps(value, indent=indent)) == value


@given(_VALUES)
def test_the_indented_form_is_the_usual_one(value: Json) -> None:
    assert dumps(value, indent=2) == json.dumps(value, indent=2, ensure_ascii=False)


@pytest.mark.parametrize("number", ["0.00001", "0.1", "12.340", "0.000000001"])
def test_a_decimal_stays_as_it_was_written(number: str) -> None:
    value = loads(f'{{"cost": {number}}}')
    assert value == {"cost": Decimal(number)}
    assert dumps(value) == f'{{"cost":{number}}}'


def test_a_dotted_path_is_followed_as_far_as_it_goes() -> None:
    value: Json = {"a": {"b": None}, "c": 1}
    assert pick(value, "a.b") is None
    assert has(value, "a.b")
    assert not has(value, "a.x")
    assert not has(value, "c.d")
    assert pick(value, "c") == 1
