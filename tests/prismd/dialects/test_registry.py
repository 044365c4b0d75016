"""The list of dialects."""

from prismd.dialects.registry import ALL, DIALECTS


def test_each_dialect_is_there_once() -> None:
    assert len({dialect.name for dialect in ALL}) == len(ALL) == len(DIALECTS)
    assert all(DIALECTS[dialect.name] is dialect for dialect in ALL)
