from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.config.document import MAX_DEPTH, read


def faults(text: str) -> list[str]:
    return [f"{fault.place} {fault.message}" for fault in sorted(read(text, "f").faults)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n\tb: 2\n", "f:2:1 is not YAML: found character '\\t' that cannot start any token"),
        ("a: [1\n", "f:2:1 is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c\n", "f:1:5 is not YAML: mapping values are not allowed here"),
        ("a: *nowhere\n", "f:1:4 is not YAML: found undefined alias"),
        (
            "a: 1\n---\nb: 2\n",
            (
                "f:2:1 is not YAML: expected a single document in the stream "
                "but found another document"
            ),
        ),
        ("a: 1\nb: \x07\n", "f:2:4 holds a character that YAML does not allow"),
        ("\x07", "f:1:1 holds a character that YAML does not allow"),
        ("a: !!binary aGk=\nb: !x y\n", "f:2:4 YAML tags are not supported: remove the !tag"),
        ("a: !!set {b}\n", "f:1:4 YAML tags are not supported: remove the !tag"),
        ("a: 1\nb: {c: 1, c: 2}\n", 'f:2:11 duplicate key "c": it is already set in line 2'),
        (
            "a: &x {b: 1}\nc:\n  <<: *x\n",
            "f:3:3 merge keys (<<) are not supported: write the values out",
        ),
        ("? [a]\n: 1\n", "f:1:3 a key must be plain text"),
        ("- a\n", "f:1:1 must be a mapping of sections, such as `server:`"),
        ("text", "f:1:1 must be a mapping of sections, such as `server:`"),
        ('a: "\\ud800"\n', "f:1:4 holds half of a surrogate pair"),
        ("a: &a [*a]\n", f"f:1:4 is nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_faults_are_told_with_their_place(text: str, line: str) -> None:
    assert faults(text) == [line]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("0.10", Decimal("0.10")),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1e3", "1e3"),
        ("1.0e+9", "1.0e+9"),
        (".inf", ".inf"),
        ("9" * 5000, "9" * 5000),
        ("2027-01-31", "2027-01-31"),
        ("yes", True),
        ("'yes'", "yes"),
        ("~", None),
        ("!!str 12", "12"),
        ("${HOME}", "${HOME}"),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
    ],
)
def test_scalars(written: str, value: object) -> None:
    document = read(f"a: {{k: {written}}}" if written[0] != "$" else f"a:\n  k: {written}", "f")
    assert document.faults == []
    assert document.data == {"a": {"k": value}}


def test_names_are_text_as_written() -> None:
    assert read("a: {1: x, 010: y, yes: z, ~: n}", "f").data == {
        "a": {"1": "x", "010": "y", "yes": "z", "~": "n"}
    }


def test_aliases_are_followed_and_placed_where_they_are_used() -> None:
    document = read("a: &x {b: 1}\nc: *x\n", "f")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert str(document.places["c",]) == "f:2:1"


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (fault,) = read("\n".join(lines), "f").faults
    assert fault.message == "stands for more than 50000 values"


@pytest.mark.parametrize("text", ["[" * 10_000, "{a: " * 10_000, "- " * 10_000])
def test_deep_nesting_is_refused(text: str) -> None:
    (fault,) = read(text, "f").faults
    assert fault.message == f"is nested deeper than {MAX_DEPTH} levels"


@given(st.text(alphabet="ab:- []{}&*!<>|'\"#%@\n\t?,1.~\\", max_size=40))
def test_nothing_is_raised(text: str) -> None:
    document = read(text, "f")
    assert isinstance(document.data, dict)
    assert all(fault.place.line >= 1 and fault.place.column >= 1 for fault in document.faults)
