from dataclasses import replace

from rich.cells import cell_len

from prismctl.jsontext import Object
from prismctl.output import human, table
from prismctl.output.human import Look
from prismctl.output.table import Column
from tests.prismctl.support import NOW, PEOPLE

LOOK = Look(is_people=True, is_unicode=True, now=NOW)
COLUMNS = (
    Column("NAME", "name"),
    Column("STATE", "state", human.state, human.tone),
    Column("WHY", "why", is_flexible=True),
    Column("COUNT", "count", human.number, is_right=True),
)


def row(name: str, why: str = "", count: int = 1) -> Object:
    return {"name": name, "state": "active", "why": why, "count": count}


def test_columns_line_up_also_with_wide_characters() -> None:
    text = table.aligned([row("世界"), row("abc", "x", 12345)], COLUMNS, LOOK, PEOPLE)
    head, first, second = text.splitlines()
    assert cell_len(head) == cell_len(first) == cell_len(second)
    assert second.endswith("12,345")


def test_only_flexible_columns_are_cut() -> None:
    narrow = replace(PEOPLE, width=40)
    name = "a-name-that-is-quite-long"
    text = table.aligned([row(name, "because of that and this")], COLUMNS, LOOK, narrow)
    assert name in text
    assert "because…" in text
    text = table.aligned([row("ci", "because of that and this")], COLUMNS, LOOK, narrow)
    assert max(map(cell_len, text.splitlines())) <= 40


def test_columns_of_a_rank_go_before_any_other_is_cut() -> None:
    columns = (*COLUMNS[:2], replace(COLUMNS[2], rank=1), replace(COLUMNS[3], rank=2))
    rows = [row("ci", "because", 12345)]

    def titles(width: int, *, may_leave_out: bool = True) -> list[str]:
        terminal = replace(PEOPLE, width=width)
        text = table.aligned(rows, columns, LOOK, terminal, may_leave_out=may_leave_out)
        return text.splitlines()[0].split()

    assert titles(32) == ["NAME", "STATE", "WHY", "COUNT"]
    assert titles(28) == ["NAME", "STATE", "WHY"]
    assert titles(3) == ["NAME", "STATE"]
    assert titles(3, may_leave_out=False) == ["NAME", "STATE", "WHY", "COUNT"]


def test_colour_is_never_the_only_sign() -> None:
    colored = replace(PEOPLE, is_out_colored=True)
    assert "\x1b[32m● active\x1b[0m" in table.aligned([row("ci")], COLUMNS, LOOK, colored)
    ascii_look = replace(LOOK, is_unicode=False)
    assert "* active" in table.aligned([row("ci")], COLUMNS, ascii_look, PEOPLE)


def test_a_hostile_value_cannot_break_the_table() -> None:
    text = table.tabbed([row("a\tb\nc\x1b[2J")], COLUMNS, replace(LOOK, is_people=False))
    assert text.splitlines()[1] == "a\\tb\\nc\\x1b[2J\tactive\t\t1"
