from decimal import Decimal

import yaml
from hypothesis import given
from hypothesis import strategies as st

from prismctl.jsontext import Json
from prismctl.output import data, safe
from prismctl.output.human import Look
from tests.prismctl.support import NOW

PIPE = Look(is_people=False, is_unicode=True, now=NOW)


def test_yaml_keeps_order_and_exact_decimals() -> None:
    value: Json = {"b": Decimal("0.00001"), "a": ["x", None, True], "c": {}}
    assert data.to_yaml(value) == "b: 0.00001\na:\n- x\n- null\n- true\nc: {}\n"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_yaml_of_any_text_is_harmless_and_the_same_value(text: str) -> None:
    written = data.to_yaml({"name": text})
    assert safe.is_clean(written.replace("\n", ""))
    assert yaml.safe_load(written) == {"name": text}


def test_csv_quotes_what_needs_it() -> None:
    rows: list[Json] = [{"name": 'a,"b"', "more": {"x": Decimal("1.50")}}]
    assert data.to_csv(
        [row for row in rows if isinstance(row, dict)], ["name", "more.x"], PIPE
    ) == ('name,more.x\n"a,""b""",1.50\n')


def test_jsonl_is_a_line_per_value() -> None:
    assert data.to_jsonl([{"a": 1}, "x\u202e"]) == '{"a":1}\n"x\\u202e"\n'
