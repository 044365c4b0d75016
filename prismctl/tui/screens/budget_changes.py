"""What changing budgets means: what will be different, the equal commands, the calls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prismctl.commands import amounts, budget_views
from prismctl.errors import UsageProblem
from prismctl.jsontext import Object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.tui import look as looks
from prismctl.tui.pane import Change
from prismctl.tui.screens import budget_rows, key_rows
from prismctl.tui.screens.changing import each, number
from prismctl.tui.widgets.form import Field, Values

if TYPE_CHECKING:
    from prismctl.client.admin import Admin

SCOPES = ("key", "owner", "org", "model", "tag")
_EXAMPLES = "key:ci, owner:ana, org:acme, model:gpt-*, tag:team=search"


def _whose(text: str) -> tuple[str, str]:
    scope, colon, name = text.partition(":")
    if not colon or not name or scope not in SCOPES or (scope == "tag" and "=" not in name):
        msg = f"{text!r} does not say whose budget"
        raise UsageProblem(msg, hint=f"for example {_EXAMPLES}")
    return scope, name


def _at_limit(text: str) -> bool:
    if text not in ("refuse", "warn"):
        raise UsageProblem("at the limit it can: refuse, warn")
    return text == "refuse"


def _warn(text: str) -> int:
    percent = number("warns at")(text.removesuffix("%"))
    if not 1 <= percent <= 100:  # noqa: PLR2004
        raise UsageProblem("it warns at 1 to 100 per cent")
    return percent


_AT = Field(name="at", label="at the limit", example="refuse; or warn", read=_at_limit)
_WARNS = Field(name="warn", label="warns at", example="80", read=_warn)
CREATE = (
    Field(name="whose", label="whose", example=_EXAMPLES, read=_whose, is_needed=True),
    Field(
        name="limit", label="limit", example="50/month; or day, week, total", is_needed=True,
        read=amounts.budget,
    ),
    _AT,
    _WARNS,
)  # fmt: skip


def fields_of(budget: Object, look: Look) -> tuple[Field, ...]:
    """Return the fields of a form that changes a budget, with what is so now."""
    limit = Field(
        name="limit",
        label=f"dollars/{_window(budget)}",
        read=amounts.dollars,
        is_needed=True,
        value=human.plain(budget.get("limit"), look),
    )
    at = "refuse" if budget.get("hard") is not False else "warn"
    warn = human.plain(budget.get("warn_percent"), look)
    return limit, replace(_AT, value=at), replace(_WARNS, value=warn)


def create(given: Values, keys: Sequence[Object]) -> Change:
    """Return the making of a budget.

    Raises:
        UsageProblem: a value cannot be read, or it names no key.
    """
    scope, name = _whose(given["whose"])
    subject = _key_id(name, keys) if scope == "key" else name
    fields: Object = {"scope": scope, "subject": subject, **amounts.budget(given["limit"])}
    words = ["budgets", "set", given["whose"], given["limit"]]
    lines = [f"whose: {given['whose']}", f"limit: {given['limit']}"]
    if "at" in given:
        fields["hard"] = _at_limit(given["at"])
        words.append("--hard" if fields["hard"] else "--soft")
        lines.append(f"at the limit: {given['at']}")
    if "warn" in given:
        fields["warn_percent"] = _warn(given["warn"])
        words += ["--warn", str(fields["warn_percent"])]
        lines.append(f"warns at: {fields['warn_percent']}%")
    return Change(
        title="Make a budget",
        lines=[*lines, "it counts from now on"],
        command=tuple(words),
        make=lambda admin: admin.create_budget(fields),
        done=f"budget of {given['whose']}: made",
    )


def change(budget: Object, given: Values, keys: Sequence[Object], look: Look) -> Change:
    """Return the change of a budget.

    Raises:
        UsageProblem: a value cannot be read, or nothing is different.
    """
    wanted: Object = {"limit": amounts.dollars(given["limit"])}
    if "at" in given:
        wanted["hard"] = _at_limit(given["at"])
    if "warn" in given:
        wanted["warn_percent"] = _warn(given["warn"])
    changes: Object = {name: value for name, value in wanted.items() if budget.get(name) != value}
    if not changes:
        raise UsageProblem("nothing is different: change a value, or leave with esc")
    arrow = looks.glyphs(look).arrow
    lines: list[str] = []
    if "limit" in changes:
        texts = [human.dollars(one.get("limit"), look) for one in (budget, changes)]
        lines.append(f"limit: {texts[0]} {arrow} {texts[1]} per {_window(budget)}")
    if "hard" in changes:
        words = ("refuses calls", "only warns")
        texts = list(words if budget.get("hard") else reversed(words))
        lines.append(f"at the limit: {texts[0]} {arrow} {texts[1]}")
    if "warn_percent" in changes:
        before, now = budget.get("warn_percent"), changes["warn_percent"]
        lines.append(f"warns at: {human.plain(before, look)}% {arrow} {human.plain(now, look)}%")
    typed = f"{human.plain(wanted['limit'], look)}/{_window(budget)}"
    command = ["budgets", "set", _word(budget, keys), typed]
    if "hard" in changes:
        command.append("--hard" if changes["hard"] else "--soft")
    if "warn_percent" in changes:
        command += ["--warn", human.plain(changes["warn_percent"], look)]
    names = budget_rows.names_of(keys)
    return Change(
        title=f"Change the {named(budget, names, look)}",
        lines=lines,
        command=tuple(command),
        make=lambda admin: admin.update_budget(as_text(budget.get("id")), changes),
        done=f"{named(budget, names, look)}: changed",
    )


def reset(rows: Sequence[Object], keys: Sequence[Object], look: Look) -> Change:
    """Return the beginning anew of budgets in their windows."""
    names, arrow = budget_rows.names_of(keys), looks.glyphs(look).arrow
    zero = human.dollars(0, look)

    def make(admin: "Admin", row: Object) -> Object:
        return admin.reset_budget(as_text(row.get("id")))

    lines = [
        f"{named(row, names, look)}: spent {human.dollars(row.get('spent'), look)} {arrow} {zero}"
        for row in rows
    ]
    return _of_all(
        Change(
            title=_title("Reset", rows, names, look),
            lines=[*lines, "usage and ledger keep every call"],
            command=(),
            make=each(rows, make),
            is_final=True,
        ),
        [("budgets", "reset", _word(row, keys), _window(row)) for row in rows],
    )


def delete(rows: Sequence[Object], keys: Sequence[Object], look: Look) -> Change:
    """Return the end of budgets."""
    names = budget_rows.names_of(keys)

    def make(admin: "Admin", row: Object) -> Object:
        return admin.delete_budget(as_text(row.get("id")))

    lines = []
    for row in rows:
        end = "refuses no call any more" if row.get("hard") else "warns no more"
        spent = human.dollars(row.get("spent"), look)
        lines.append(f"{named(row, names, look)}: {spent} spent; it {end}")
    return _of_all(
        Change(
            title=_title("Delete", rows, names, look),
            lines=lines,
            command=(),
            make=each(rows, make),
            is_final=True,
        ),
        [("budgets", "delete", _word(row, keys), _window(row)) for row in rows],
    )


def named(budget: Object, names: Mapping[str, str], look: Look) -> str:
    """Return what a person calls a budget."""
    whose = budget_rows.whose(budget, names)
    return f"budget of {as_text(budget.get('scope'))}:{whose}, {budget_views.typed(budget, look)}"


def word(budget: Object, keys: Sequence[Object]) -> tuple[str, str]:
    """Return the two words that tell the command line which budget."""
    return _word(budget, keys), _window(budget)


def _word(budget: Object, keys: Sequence[Object]) -> str:
    scope, subject = as_text(budget.get("scope")), as_text(budget.get("subject"))
    if scope == "key":
        found = [row for row in keys if row.get("id") == subject]
        subject = key_rows.word(found[0], keys) if found else subject
    return f"{scope}:{subject}"


def _window(budget: Object) -> str:
    return amounts.window_word(as_text(budget.get("window")))


def _key_id(name: str, keys: Sequence[Object]) -> str:
    found = [
        as_text(row.get("id"))
        for row in keys
        if row.get("id") == name or (row.get("name") == name and row.get("status") != "revoked")
    ]
    if len(found) != 1:
        msg = f"there is no key {name!r}" if not found else f"{len(found)} keys are called {name!r}"
        raise UsageProblem(msg, hint="give the id: it begins with key_")
    return found[0]


def _of_all(change: Change, commands: Sequence[tuple[str, ...]]) -> Change:
    return replace(change, command=commands[0], further=commands[1:])


def _title(verb: str, rows: Sequence[Object], names: Mapping[str, str], look: Look) -> str:
    whose = f"the {named(rows[0], names, look)}" if len(rows) == 1 else f"{len(rows):,} budgets"
    return f"{verb} {whose}"
