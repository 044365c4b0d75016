"""The steps around a replay: what is refused before, what is asked first, what is read after."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from prismctl.commands import lookup
from prismctl.commands.what_if import check_allowed, cost_words, refusal
from prismctl.errors import UsageProblem
from prismctl.jsontext import Object, as_object, as_objects, as_text, loads, pick

if TYPE_CHECKING:
    from prismctl.session import Session

TIMEOUT_S = 600.0
"""How long a replay may take, unless --timeout says otherwise: as long as a model needs."""


def settings(given: list[str]) -> Object:
    """Read ``temperature=0`` … as parameters: JSON where it is JSON, else text.

    Raises:
        UsageProblem: one is not NAME=VALUE.
    """
    found: Object = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            msg = f"--set {text!r} is not NAME=VALUE"
            raise UsageProblem(msg, hint="for example --set temperature=0")
        try:
            found[name] = loads(value)
        except ValueError:
            found[name] = value
    return found


def check_kept(call: Object) -> None:
    """Refuse to ask whether a call should be made again that cannot be.

    Raises:
        ApiError: as the gateway would answer.
    """
    if call.get("has_bodies") is False:
        message = f"what was asked in {as_text(call.get('id'))} is not kept: it cannot be replayed"
        raise refusal(HTTPStatus.CONFLICT, "bodies_not_stored", message, {})


def ask_first(session: "Session", call: Object, payer: Object, changes: Object) -> None:
    """Say what a replay would cost whom, and ask.

    Raises:
        ApiError: it would be refused.
    """
    body: Object = {
        "model": changes.get("model", call.get("model")),
        "key": payer.get("id"),
        "op": call.get("op"),
        "input_tokens": pick(call, "usage.input_tokens"),
        "stream": call.get("is_stream"),
    }
    explanation = session.admin.explain(body)
    with lookup.saying_near_models(as_text(body["model"]), session.admin.models):
        check_allowed(explanation)
    cost = cost_words(explanation, session.out.look)
    name = as_text(payer.get("name")) or as_text(payer.get("id"))
    where = f" at {as_text(changes.get('provider'))}" if "provider" in changes else ""
    question = (
        f"Make {as_text(call.get('id'))} again with {as_text(body['model'])}{where}: "
        f"key {name} pays {cost}"
    )
    if session.flags.yes:
        session.out.note(question)
    session.confirm(question)


def check_made(answer: Object) -> None:
    """Raise the error that a replay got, if it got one.

    Raises:
        ApiError: its exit code is that of the same refusal of any call.
    """
    problem, status = pick(answer, "replay.error"), pick(answer, "replay.status")
    if problem is None:
        return
    details = as_object(problem)
    code = details.get("code") or pick(answer, "replay.error_code")
    message = as_text(details.get("message")) or as_text(problem) or "no reason is known"
    number = status if isinstance(status, int) else 500
    raise refusal(number, code, f"the replay failed: {message}", details)


def with_finish(session: "Session", answer: Object) -> Object:
    """Add why each of the two answers ended, where what was answered is kept."""
    for side in ("original", "replay"):
        call = as_object(answer.get(side))
        if call.get("has_bodies"):
            kept = session.admin.request(as_text(call.get("id")), has_bodies=True)
            choices = as_objects(pick(kept, "response_body.choices"))
            reason = choices[0].get("finish_reason") if choices else None
            answer = {**answer, side: {**call, "finish_reason": reason}}
    return answer
