"""Only literal SQL reaches a database (reliability-security §1.1, S1): read from the source."""

import ast
from pathlib import Path

import prismd.store

STORE = Path(prismd.store.__file__).parent
RUNS_SQL = {
    "execute",
    "execute_many",
    "executemany",
    "executescript",
    "execute_fetchall",
    "row",
    "rows",
}
FORWARDS = {("writer.py", "sql"), ("readers.py", "sql"), ("sqlite.py", "sql")}
"""The port itself: it passes on what a table module gave it."""
FROM_SHIPPED_FILES = {("migrate.py", "statement")}


def _literals(tree: ast.Module) -> set[str]:
    """Names bound to a literal string, once, at the top of the module or by a loop over such."""
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and _is_text(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.For)
            and isinstance(node.target, ast.Name)
            and isinstance(node.iter, ast.Tuple)
            and all(_is_text(item) for item in node.iter.elts)
        ):
            names.add(node.target.id)
    return names


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def offences(name: str, source: str) -> list[int]:
    tree = ast.parse(source)
    literals = _literals(tree)
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in RUNS_SQL or not node.args:
            continue
        sql = node.args[0]
        is_known = isinstance(sql, ast.Name) and (
            sql.id in literals or (name, sql.id) in FORWARDS | FROM_SHIPPED_FILES
        )
        if not (_is_text(sql) or is_known):
            found.append(node.lineno)
    return found


def test_the_store_has_only_literal_sql() -> None:
    files = sorted(STORE.glob("*.py"))
    assert files
    assert {file.name: offences(file.name, file.read_text()) for file in files} == {
        file.name: [] for file in files
    }


def test_the_lint_sees_what_it_should() -> None:
    bad = ['tx.execute(f"DELETE {x}", {})', 'tx.row("SELECT " + x, {})', "db.rows(sql, {})"]
    for line in [*bad, 'tx.execute("SELECT %s" % x, {})', 'tx.execute("{}".format(x))']:
        assert offences("keys.py", line) == [1], line
    assert offences("keys.py", 'Q = "SELECT 1"\ntx.execute(Q, {})') == []
