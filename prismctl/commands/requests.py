"""``prismctl requests``: what happened to a call, stage by stage."""

from typing import Annotated

import typer

from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Object, as_objects
from prismctl.output import human, safe
from prismctl.output.table import Column, View

app = noun("Calls: the decision trace of each, without any prompt text.")


_CALL = View(
    columns=(
        Column("ID", "id"),
        Column("TIME", "created_at", human.moment),
        Column("KEY", "key_id"),
        Column("MODEL", "model"),
        Column("PROVIDER", "provider"),
        Column("UPSTREAM MODEL", "upstream_model"),
        Column("STATUS", "status"),
        Column("ERROR", "error_code"),
        Column("STREAM", "is_stream"),
        Column("COMPLETE", "is_complete"),
        Column("INPUT TOKENS", "usage.input_tokens", human.number),
        Column("OUTPUT TOKENS", "usage.output_tokens", human.number),
        Column("COST", "cost", human.dollars),
        Column("PRICE FROM", "price_source"),
        Column("FIRST BYTE", "first_byte_ms", human.millis),
        Column("TOTAL", "latency_ms", human.millis),
    )
)


@verb(app, "get", "prismctl requests get req_01J", "prismctl requests get req_01J -o json")
def get_request(
    ctx: typer.Context,
    request: Annotated[str, typer.Argument(help="Its id, from the header x-request-id")],
) -> None:
    """Show how a call was decided: who asked, which limits, where it went, what it cost."""
    out = session_of(ctx).out
    answer = session_of(ctx).admin.request(request)
    out.item(answer, _CALL)
    if out.is_for_people:
        stages, attempts = as_objects(answer.get("stages")), as_objects(answer.get("attempts"))
        out.stream(_steps("stages", stages, out.look) + _steps("attempts", attempts, out.look))


def _steps(title: str, steps: list[Object], look: human.Look) -> str:
    """Draw the steps of a call as a tree in a terminal, as lines in a pipe."""
    if not steps:
        return ""
    if not look.is_people:
        lines = ["\t".join((title, *_step(step, look))) for step in steps]
        return "".join(f"{line}\n" for line in lines)
    branch, last = ("├─", "└─") if look.is_unicode else ("|-", "`-")
    cells = [_step(step, look) for step in steps]
    widths = [max(len(row[column]) for row in cells) for column in range(2)]
    marks = [*[branch] * (len(cells) - 1), last]
    lines = [
        f"{mark} {name:<{widths[0]}}  {millis:>{widths[1]}}  {detail}"
        for mark, (name, millis, detail) in zip(marks, cells, strict=True)
    ]
    return "\n".join(["", title, *(line.rstrip() for line in lines), ""])


def _step(step: Object, look: human.Look) -> tuple[str, str, str]:
    """Return name, duration and the rest of a step."""
    name = step.get("stage") or step.get("provider")
    millis = step.get("ms", step.get("latency_ms"))
    detail = step.get("detail")
    rest = {key: value for key, value in step.items() if key not in _OWN}
    more = detail if isinstance(detail, dict) else rest
    shown: Object = {key: value for key, value in more.items() if value is not None}
    return (
        safe.line(human.plain(name, look)),
        human.millis(millis, look),
        safe.line(human.labels(shown, look)),
    )


_OWN = ("stage", "provider", "ms", "latency_ms", "detail")
