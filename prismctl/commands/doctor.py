"""``prismctl doctor``: what should be looked after, each with what to do about it."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import clock
from prismctl.commands import client_checks
from prismctl.commands.client_checks import Asked
from prismctl.errors import CheckFailed, PrismctlError
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import Object, as_objects, as_text
from prismctl.output import human
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.output.render import Output
    from prismctl.session import Session

app = top_verb()

_CHECKS = View(
    columns=(
        Column("CHECK", "id"),
        Column("STATE", "state", human.state, human.tone),
        Column("FOUND", "message", is_flexible=True),
        Column("DO", "fix"),
    ),
    rows="checks",
)
_TITLES = {"failed": "Failed", "warning": "Worth a look", "ok": "Well"}
"""In the order in which they are shown."""
PROBE_TIMEOUT_S = 120.0
"""How long asking every provider may take, unless --timeout says otherwise."""


@verb(app, "doctor", "prismctl doctor --probe", "prismctl doctor -o json --fields id,state,fix")
def doctor(
    ctx: typer.Context,
    *,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also ask each provider now, with its key")
    ] = False,
) -> None:
    """Look at the gateway, and at what only this machine can see.

    There: storage, money, prices, providers, configuration, backups. Here: the way to it, files
    with secrets, versions, clocks, certificate (client_checks in JSON). Exit code 8 if something
    has failed; a warning is no failure.
    """
    session = session_of(ctx)
    session.out.note(f"{session.gateway.name}: {session.gateway.url}", "dim")
    asked = _ask(session, is_probing=probe)
    answer: Object = {"object": "doctor", "is_well": False, "checks": []}
    answer = answer if asked.answer is None else asked.answer.object()
    here = client_checks.look(session, asked)
    checks = _sorted([*as_objects(answer.get("checks")), *here])
    _show(session.out, {**answer, "client_checks": [*here]}, checks)
    if asked.problem is not None:
        raise asked.problem
    failed = [as_text(row.get("id")) for row in checks if row.get("state") == "failed"]
    if failed:
        raise CheckFailed(f"not well: {', '.join(failed)}", hint="what helps stands at each")


def _ask(session: "Session", *, is_probing: bool) -> Asked:
    if is_probing:
        session.flags.timeout = session.flags.timeout or PROBE_TIMEOUT_S
    try:
        # A gateway that hangs is a finding, and not to be waited for without --probe.
        with session.waiting("asking each provider") if is_probing else nullcontext():
            answer = session.admin.doctor(is_probing=is_probing)
    except PrismctlError as problem:
        return Asked(None, clock.now(), problem)
    return Asked(answer, clock.now(), None)


def _sorted(checks: list[Object]) -> list[Object]:
    order = [*_TITLES]
    known = {state: at for at, state in enumerate(order)}
    return sorted(checks, key=lambda row: known.get(as_text(row.get("state")), len(order)))


def _show(out: "Output", answer: Object, checks: list[Object]) -> None:
    if out.is_drawn and not out.fields:
        _draw(out, checks)
    elif out.shows("client_checks"):
        out.list(answer, _CHECKS)
    else:
        out.list({**answer, "checks": [*checks]}, _CHECKS)


def _draw(out: "Output", checks: list[Object]) -> None:
    from prismctl.commands.prose import Prose

    prose = Prose(out)
    width = max((len(as_text(row.get("id"))) for row in checks), default=0)
    seen = ""
    for row in checks:
        state = as_text(row.get("state"))
        if state != seen:
            prose.title(_TITLES.get(state, state))
            seen = state
        prose.state(state, as_text(row.get("id")), as_text(row.get("message")), width=width)
        if fix := as_text(row.get("fix")):
            prose.fix(fix)
    states = [as_text(row.get("state")) for row in checks]
    counts = [
        f"{count} {state}{'s' if state == 'warning' and count > 1 else ''}"
        for state in _TITLES
        if (count := states.count(state))
    ]
    prose.title(f"{len(checks)} checks: {', '.join(counts)}")
    out.write(str(prose))
