"""The parts of a call's record that are no fields: stages, attempts, bill and bodies."""

from typing import TYPE_CHECKING

from prismctl.commands.price_views import BILL
from prismctl.jsontext import Object, as_objects
from prismctl.output import data, human, safe

if TYPE_CHECKING:
    from prismctl.output.render import Output

_BILLED = ("unit", "quantity", "price_pico_usd", "amount_pico_usd")
_OWN = ("stage", "provider", "ms", "latency_ms", "detail")


def parts(call: Object, out: "Output") -> str:
    """Return stages, attempts and bill: trees and a table in a terminal, lines in a pipe."""
    stages, attempts = as_objects(call.get("stages")), as_objects(call.get("attempts"))
    steps = _steps("stages", stages, out.look) + _steps("attempts", attempts, out.look)
    return steps + _bill(as_objects(call.get("price_lines")), out)


def bodies(call: Object, out: "Output") -> str:
    """Return what was asked and answered; empty if neither is kept."""
    return _body("request", call, out) + _body("response", call, out)


def _bill(lines: list[Object], out: "Output") -> str:
    if not lines:
        return ""
    if out.look.is_people:
        return f"\nbill\n{out.laid_out(lines, BILL.columns)}"
    rows = [
        ["bill", *(human.plain(line.get(name), out.look) for name in _BILLED)] for line in lines
    ]
    return "".join("\t".join(map(safe.line, row)) + "\n" for row in rows)


def _body(title: str, call: Object, out: "Output") -> str:
    """Show a body: text as it is, else JSON."""
    body = call.get(f"{title}_body")
    if body is None:
        return ""
    title += ", cut: it was longer" if call.get(f"is_{title}_body_cut") else ""
    text = safe.block(body) if isinstance(body, str) else data.to_json(body)
    return f"\n{out.terminal.paint_out(title, 'dim')}\n{text.rstrip()}\n"


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
