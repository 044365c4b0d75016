"""What would happen to a call that nobody makes: the flags that describe it, and the answer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl.commands import key_flags, lookup, price_views
from prismctl.errors import ApiError
from prismctl.jsontext import Json, Object, as_object, as_objects, as_text, pick
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.commands.prose import Prose
    from prismctl.output.render import Output
    from prismctl.session import Session

Model = Annotated[str, typer.Option("--model", "-m", help="Asked for", metavar="MODEL")]
Ip = Annotated[str | None, typer.Option("--ip", help="Coming from this address", metavar="ADDRESS")]
Tokens = Annotated[
    int | None, typer.Option("--tokens", help="With so many input tokens", min=0, metavar="N")
]
MaxTokens = Annotated[
    int | None, typer.Option(help="Asking for at most so many output tokens", min=1, metavar="N")
]
Tool = Annotated[
    list[str] | None,
    typer.Option("--tool", help="Offering this tool; repeat for several", metavar="NAME"),
]
Stream = Annotated[bool, typer.Option("--stream", help="Answered as a stream")]
Tag = Annotated[
    list[str] | None,
    typer.Option("--tag", help="Tagged so; repeat for several", metavar="NAME=VALUE"),
]

MANY = 3
"""So many rules that were left out for the same reason share a line."""

EXPLANATION = View(
    columns=(
        Column("ALLOWED", "is_allowed"),
        Column("STATUS", "status"),
        Column("CODE", "code"),
        Column("DECIDED BY", "decided_by"),
        Column("MESSAGE", "message"),
        Column("ESTIMATE", "cost.estimate", human.dollars),
        Column("AT MOST", "cost.at_most", human.dollars),
    ),
    name="is_allowed",
)
_TARGETS = (
    Column("", "place", is_right=True),
    Column("PROVIDER", "provider"),
    Column("MODEL", "model", is_flexible=True, is_name=True),
    Column("STATE", "state", human.state, human.tone),
    Column("INPUT $/M", "price.input_per_mtok", human.dollars, is_right=True, rank=1),
    Column("OUTPUT $/M", "price.output_per_mtok", human.dollars, is_right=True, rank=1),
    Column("PRICE FROM", "price_source", price_views.source, price_views.source_tone, rank=2),
)


def described(
    model: str,
    key_id: str | None,
    *,
    ip: str | None,
    tokens: int | None,
    max_tokens: int | None,
    tools: list[str] | None,
    stream: bool,
    tags: list[str] | None,
) -> Object:
    """Return a call as the API takes it; what was not given is left to the gateway."""
    every: Object = {
        "model": model,
        "key": key_id,
        "ip": ip,
        "input_tokens": tokens,
        "max_tokens": max_tokens,
        "tools": key_flags.names(tools),
        "stream": stream or None,
        "tags": None if tags is None else key_flags.tags(tags),
    }
    return {name: value for name, value in every.items() if value is not None}


def explain(session: "Session", body: Object, *, who: str) -> None:
    """Ask and show what would happen.

    Args:
        session: Where.
        body: The call.
        who: Whose call it is, in words; empty for nobody's in particular.

    Raises:
        ApiError: the call would be refused, with the error that its caller would get.
    """
    answer, out = session.admin.explain(body), session.out
    if out.is_for_people and out.look.is_people:
        by = f"by {who} " if who else ""
        _tell(out, answer, f"A call {by}with {as_text(body.get('model'))}")
    else:
        out.item(answer, EXPLANATION)
        if out.is_for_people:
            out.stream(_lines(answer, out.look))
    with lookup.saying_near_models(as_text(body.get("model")), session.admin.models):
        check_allowed(answer)


def check_allowed(explanation: Object) -> None:
    """Raise the error that the caller would get, if there is one.

    Raises:
        ApiError: its exit code is that of the same refusal of a real call.
    """
    status = explanation.get("status")
    if explanation.get("is_allowed") or not isinstance(status, int):
        return
    decided = as_text(explanation.get("decided_by"))
    details = [
        as_object(step.get("detail"))
        for step in as_objects(explanation.get("steps"))
        if step.get("rule") == decided
    ]
    message = as_text(explanation.get("message")) or "it would be refused"
    raise refusal(status, explanation.get("code"), message, details[0] if details else {})


def refusal(status: int, code: Json, message: str, details: Object) -> ApiError:
    """Return the error that a caller would get, or got."""
    return ApiError(
        message,
        status=status,
        type_="",
        code=as_text(code),
        param=None,
        request_id=None,
        body={"error": details},
    )


def cost_words(explanation: Object, look: Look) -> str:
    """Write what a call would cost, in words."""
    cost = as_object(explanation.get("cost"))
    if not cost:
        return "nothing that is counted: it has no price"
    people = replace(look, is_people=True)
    about, most = (human.dollars(cost.get(name), people) for name in ("estimate", "at_most"))
    return f"about {about}, {f'at most {most}' if most else 'with no upper bound'}"


def _tell(out: "Output", answer: Object, what: str) -> None:
    from prismctl.commands.prose import Prose

    prose = Prose(out)
    prose.title(what)
    if answer.get("is_allowed"):
        prose.state("ok", "", "would be let in", width=0)
    else:
        code = f"{human.plain(answer.get('status'), out.look)} {as_text(answer.get('code'))}"
        prose.state("refused", "", f"with {code}", width=0)
    prose.title("Is it let in?")
    _list_steps(prose, answer)
    if targets := as_objects(answer.get("targets")):
        prose.title("Where does it go?")
        prose.rows(targets, _TARGETS)
        for reason, names in _by_reason(targets).items():
            prose.say(f"{', '.join(names)}: {reason}.")
    if cost := as_object(answer.get("cost")):
        prose.title("What does it cost?")
        prose.say(_bill(cost, cost_words(answer, out.look), out.look))
    elif targets:
        prose.title("What does it cost?")
        prose.say("It has no price, so it would be in no cost.")
    out.write(str(prose))


def _list_steps(prose: "Prose", answer: Object) -> None:
    """List the rules; those that were left out for the same reason share a line."""
    steps = as_objects(answer.get("steps"))
    left_out: dict[str, list[str]] = {}
    for step in steps:
        if step.get("state") == "skipped":
            left_out.setdefault(_reason(step), []).append(_rule(step))
    alike = {reason: names for reason, names in left_out.items() if len(names) >= MANY}
    shown = [step for step in steps if _reason(step) not in alike]
    width = max((len(_rule(step)) for step in shown), default=0)
    for step in shown:
        text = as_text(step.get("message"))
        if step.get("state") == "refused" and step.get("rule") == "requests_per_minute":
            text = _counted(as_object(answer.get("limits"))) + text
        prose.state(as_text(step.get("state")), _rule(step), text, width=width)
    for reason, names in alike.items():
        prose.state("skipped", "", f"{reason}: {', '.join(names)}", width=0)


def _reason(step: Object) -> str:
    """Return why a rule was left out: one that would let the call in is not worth a line."""
    if step.get("state") == "skipped" and pick(step, "detail.would_be") == "ok":
        return "not reached, but would let it in"
    return as_text(step.get("message"))


def _counted(limits: Object) -> str:
    limit, left = limits.get("requests_limit"), limits.get("requests_remaining")
    if not isinstance(limit, int) or not isinstance(left, int):
        return ""
    return f"{limit - left:,} of {limit:,} calls in the last minute. "


def _by_reason(targets: list[Object]) -> dict[str, list[str]]:
    """Return who has the same reason for its place."""
    found: dict[str, list[str]] = {}
    for target in targets:
        if reason := as_text(target.get("reason")):
            found.setdefault(reason, []).append(as_text(target.get("provider")))
    return found


def _rule(step: Object) -> str:
    return as_text(step.get("rule")).replace("_", " ")


def _bill(cost: Mapping[str, Json], words: str, look: Look) -> str:
    asked, answered, most = (
        human.number(cost.get(name), look)
        for name in ("input_tokens", "output_tokens", "max_output_tokens")
    )
    output = f"{answered} of output" if answered else "some of output"
    bound = f", up to {most}" if most else "; nothing limits the output"
    return f"{words[:1].upper()}{words[1:]}: {asked} input tokens, {output}{bound}."


def _lines(answer: Object, look: Look) -> str:
    """Return steps and targets for a pipe: a line each, tab-separated."""
    from prismctl.output.table import cells

    steps = [["step", *cells(row, _STEP, look)] for row in as_objects(answer.get("steps"))]
    ways = [["target", *cells(row, _TARGETS, look)] for row in as_objects(answer.get("targets"))]
    return "".join("\t".join(row) + "\n" for row in (*steps, *ways))


_STEP = (Column("RULE", "rule"), Column("STATE", "state"), Column("MESSAGE", "message"))
