"""What to do about a call that failed: a sentence and a command for each kind of failure."""

import re
import shlex
from typing import TYPE_CHECKING

from prismctl.commands.request_views import FIRST_FAILURE
from prismctl.jsontext import Object, as_objects, as_text

if TYPE_CHECKING:
    from prismctl.commands.prose import Prose

_PLAIN = re.compile(r"[\w.@:-]+", re.ASCII)
_OF_KEY = {
    # param of the refusal: (what to do, flags of `keys update`)
    "rate_limit_rpm": ("Wait until the minute is over, or raise the limit:", "--rpm N"),
    "rate_limit_tpm": ("Ask for fewer tokens, wait, or raise the limit:", "--tpm N"),
    "max_concurrency": ("Wait for a call to end, or raise the limit:", "--concurrency N"),
    "ip": ("If the caller may come from there, allow its address:", "--ip LIST"),
    "model": ("If the key may use this model, allow it:", "--models LIST"),
    "tool": ("If the key may offer this tool, allow it:", "--tools LIST"),
    "provider": ("If the key may use a provider of this model, allow it:", "--providers LIST"),
}
CRASHED = "gateway_crashed"
"""The code of a call that was cut by the end of the gateway's process."""
_ELSE = {
    # code of the error: (what to do, command)
    "model_not_found": ("See what there is; the names are exact:", "prismctl models list"),
    "ledger_mismatch": ("The books of this key do not agree:", "prismctl ledger verify"),
    "client_closed": ("The caller gave up. Its time limit may be too short.", ""),
    "shutting_down": ("The gateway was being stopped. Send it again.", ""),
    CRASHED: ("The gateway ended in the middle. See what is wrong:", "prismctl doctor"),
    "provider_auth_failed": (
        "The provider does not take the key it was given: mend api_key in prism.yaml, then:",
        "prismctl config reload",
    ),
}
_NO_TARGET = ("unsupported_operation", "all_providers_unavailable")
_BAD_REQUEST = range(400, 500)
_TOO_MANY = 429


def advise(call: Object, refused: Object, prose: "Prose") -> None:
    """Say what to do next.

    Args:
        call: The trace.
        refused: The detail of its stage ``refused``; empty if there is none.
        prose: Where to say it.
    """
    code, status = as_text(call.get("error_code")), call.get("status")
    request_id = as_text(call.get("id"))
    attempts = as_objects(call.get("attempts"))
    is_failure = bool(code) or (isinstance(status, int) and status >= FIRST_FAILURE)
    if not is_failure and call.get("is_complete", True):
        _say_answered(attempts, prose)
    elif code in _ELSE:
        text, command = _ELSE[code]
        prose.say(text)
        if command:
            prose.command(command)
    elif attempts:
        can_replay = call.get("has_bodies") is not False
        _say_provider(attempts, request_id, prose, can_replay=can_replay)
    elif not _say_key(call, refused, code, prose):
        _say_rest(call, code, prose)


def _say_answered(attempts: list[Object], prose: "Prose") -> None:
    failed = [as_text(row.get("provider")) for row in attempts[:-1]]
    if not failed:
        prose.say("Nothing: it was answered" + (" at the first try." if attempts else "."))
        return
    names = ", ".join(dict.fromkeys(failed))
    prose.say(f"It was answered, but only after {names} had failed. See how they are:")
    prose.command("prismctl providers health")


def _say_provider(
    attempts: list[Object], request_id: str, prose: "Prose", *, can_replay: bool
) -> None:
    status = attempts[-1].get("status")
    if status == _TOO_MANY:
        prose.say("The provider says that it gets too many calls. Send fewer, ask it for a higher "
                  "limit, or give the model a second target in prism.yaml. How it is:")  # fmt: skip
    elif isinstance(status, int) and status in _BAD_REQUEST:
        prose.say("The provider refused what it was sent: the request itself is at fault. "
                  "See it, and try it by hand:")  # fmt: skip
        prose.command(f"prismctl requests curl {_word(request_id)}")
        return
    else:
        prose.say("The provider failed. How it is, and whether it answers by now:")
    prose.command("prismctl providers health")
    verb = "replay" if can_replay else "curl"
    prose.command(f"prismctl requests {verb} {_word(request_id)}")


def _say_rest(call: Object, code: str, prose: "Prose") -> None:
    """Say what to do about what no key and no provider is the reason for."""
    status = call.get("status")
    if code in _NO_TARGET:
        prose.say("No provider can take this call. Who has the model, and how they are:")
        prose.command(f"prismctl routes explain --model {_word(as_text(call.get('model')))}")
    elif isinstance(status, int) and status in _BAD_REQUEST:
        prose.say("The request itself is at fault: mend it where it is made. What was sent, if it "
                  "is kept:")  # fmt: skip
        prose.command(f"prismctl requests get {_word(as_text(call.get('id')))} --bodies")
    else:
        prose.say("See whether the gateway is well:")
        prose.command("prismctl doctor")


def _say_key(call: Object, refused: Object, code: str, prose: "Prose") -> bool:
    """Say what to change at the key, its money or the price; False if it is something else."""
    key, model = _key(call), _word(as_text(call.get("model")))
    if code == "insufficient_credits":
        text, command = "Add credits, or ask for fewer tokens:", f"prismctl credits add {key} USD"
    elif code == "budget_exceeded":
        is_own = refused.get("subject") == call.get("key_id")
        subject = key if is_own else as_text(refused.get("subject"))
        whose = f"{as_text(refused.get('scope'))}:{subject}"
        text = "Wait until its window ends, or raise the budget:"
        command = f"prismctl budgets set {_word(whose)} USD/{as_text(refused.get('window'))}"
        if not refused.get("scope"):
            command = "prismctl budgets list"
    elif code == "model_not_priced":
        text = "Without a price no limit can hold. Give it one:"
        command = f"prismctl prices set {model} input=USD output=USD"
    elif (flags := _OF_KEY.get(as_text(refused.get("param")))) is not None:
        text, command = flags[0], f"prismctl keys update {key} {flags[1]}"
    else:
        return False
    prose.say(text)
    prose.command(command)
    prose.say("Whether it would be let in now:")
    prose.command(f"prismctl keys check {key} --model {model}")
    return True


def _key(call: Object) -> str:
    """Return how the key is named in a command: by its name where that is a plain word."""
    name = as_text(call.get("key_name"))
    return name if _PLAIN.fullmatch(name) else _word(as_text(call.get("key_id")))


def _word(text: str) -> str:
    return shlex.quote(text)
