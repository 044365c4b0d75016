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


def test_a_long_name_is_cut_in_its_middle_and_only_where_columns_may_be_left_out() -> None:
    columns = (Column("NAME", "name", is_name=True), *COLUMNS[1:])
    narrow = replace(PEOPLE, width=60)
    alike = [f"{'team-of-a-long-name-' * 3}{end}" for end in ("red", "blue")]
    rows = [row(name, "because of that and this") for name in alike]
    text = table.aligned(rows, columns, LOOK, narrow, may_leave_out=True)
    _, *lines = text.splitlines()
    shown = [line.split()[0] for line in lines]
    assert [cell_len(name) for name in shown] == [32, 32]
    assert [name[-4:] for name in shown] == ["-red", "blue"]
    assert all(name.startswith("team-of-a-long-n…") for name in shown)
    assert all(cell_len(line) == 60 for line in lines)
    assert alike[0] in table.aligned(rows, columns, LOOK, narrow)
    assert shown[0].replace("…", "~") in table.aligned(
        rows, columns, LOOK, replace(narrow, is_unicode=False), may_leave_out=True
    )


def test_wide_characters_are_cut_at_both_ends() -> None:
    column = Column("NAME", "name", is_name=True)
    for width in range(1, 12):
        assert cell_len(table.fit("世界世界世界", width, column, LOOK)) == width
    assert table.fit("世界世界世界", 9, column, LOOK) == "世界…世界"


def test_two_models_that_begin_alike_look_different() -> None:
    model = Column("MODEL", "model", is_flexible=True, is_name=True)
    names = ("anthropic/claude-opus-4-1", "anthropic/claude-opus-4-5")
    assert [table.fit(name, 12, model, LOOK) for name in names] == ["anthro…s-4-1", "anthro…s-4-5"]


def test_no_blanks_are_painted_or_left_at_the_end_of_a_line() -> None:
    columns = (COLUMNS[0], Column("STATE", "state", human.state, human.tone))
    colored = replace(PEOPLE, is_out_colored=True)
    rows: list[Object] = [row("ci"), {"name": "x", "state": "ok"}]
    head, *lines = table.aligned(rows, columns, LOOK, colored).splitlines()
    assert head == "\x1b[1mNAME\x1b[0m  \x1b[1mSTATE\x1b[0m"
    assert lines == ["ci    \x1b[32m● active\x1b[0m", "x     \x1b[32m● ok\x1b[0m"]


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
