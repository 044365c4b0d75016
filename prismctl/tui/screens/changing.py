"""How screens change things: a form that stays until it is done, and one change of many rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import App
from textual.content import Content

from prismctl.errors import PrismctlError, UsageProblem
from prismctl.jsontext import Json, Object, as_text
from prismctl.output.human import Look
from prismctl.tui import look as looks
from prismctl.tui import values
from prismctl.tui.pane import Change, Cockpit
from prismctl.tui.widgets.detail import Detail
from prismctl.tui.widgets.form import Field, Form, Values

if TYPE_CHECKING:
    from prismctl.client.admin import Admin

MAX_ROWS = 500
"""Of one change."""


def fill(
    app: App[None],
    cockpit: Cockpit,
    title: str,
    fields: Sequence[Field],
    change: Callable[[Values], Change],
) -> None:
    """Ask for values, and make the change they mean; the form closes when it is made."""

    def submit(given: Values) -> None:
        made = change(given)

        def done(answer: Object) -> None:
            form.dismiss()
            if made.then is not None:
                made.then(answer)

        cockpit.ask(replace(made, then=done, failed=form.refuse))

    form = Form(title, fields, submit, cockpit.look)
    app.push_screen(form)


def each(
    rows: Sequence[Object], make: "Callable[[Admin, Object], Object]"
) -> "Callable[[Admin], Object]":
    """Return what changes row by row; one that is refused does not keep the others from it."""

    def run(admin: "Admin") -> Object:
        results: list[Json] = []
        for row in rows[:MAX_ROWS]:
            try:
                make(admin, row)
            except PrismctlError as error:
                if len(rows) == 1:
                    raise
                results.append({"row": row, "error": error.message})
            else:
                results.append({"row": row, "error": None})
        return {"object": "list", "data": results}

    return run


def report(
    app: App[None],
    cockpit: Cockpit,
    done: str,
    name: Callable[[Object], str],
    answer: Object,
) -> bool:
    """Say how it went; row by row if something was refused. Return whether all went well."""
    results = values.objects(answer.get("data"), MAX_ROWS)
    refused = [one for one in results if one.get("error")]
    if not refused:
        whose = name(_row(results[0])) if len(results) == 1 else f"{len(results):,}"
        cockpit.say(f"{whose}: {done}")
        return True
    results = [*refused, *(one for one in results if not one.get("error"))]
    rows = [_told(one, done, name, cockpit.look) for one in results]
    title = f"{len(results) - len(refused):,} of {len(results):,} {done}"
    app.push_screen(Detail(title, looks.lines(rows)))
    return False


def told(change: Change, then: Callable[[Object], None]) -> Change:
    """Return the change with somebody who is told of its answer."""
    return replace(change, then=then)


def _told(result: Object, done: str, name: Callable[[Object], str], look: Look) -> Content:
    error = as_text(result.get("error"))
    sign = looks.state("failed" if error else "ok", look)[:1]
    return looks.line(
        sign, (f" {name(_row(result))}: ", "bold"), (error or done, "bad" if error else "")
    )


def _row(result: Object) -> Object:
    row = result.get("row")
    return row if isinstance(row, dict) else {}


def number(flag: str) -> Callable[[str], int]:
    """Return what reads a count."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004
            msg = f"{flag} {text!r} is not a count"
            raise UsageProblem(msg, hint="for example 60")
        return int(text)

    return read
