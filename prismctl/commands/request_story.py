"""Why a call went as it did, as sentences: what ``requests explain`` says.

Everything is read from the trace that the gateway wrote when the call was made. An older or newer
gateway may say less or more: what is not there is left out.
"""

from decimal import Decimal
from http import HTTPStatus

from prismctl.commands.price_views import BILL
from prismctl.commands.prose import Prose
from prismctl.commands.request_advice import CRASHED, advise
from prismctl.commands.request_views import FIRST_FAILURE, key_name, status, status_tone
from prismctl.jsontext import Json, Object, as_object, as_objects, as_text
from prismctl.output import bars, human, safe
from prismctl.output.table import Column

CLIENT_CLOSED = 499
_LIMIT, _LEFT = "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"
_TOKENS, _TOKENS_LEFT = "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens"
_RULES = {
    "ip": "address",
    "model": "model",
    "tool": "tools",
    "provider": "provider",
    "rate_limit_rpm": "calls per minute",
    "rate_limit_tpm": "tokens per minute",
    "max_concurrency": "calls at once",
    "budgets": "budget",
    "insufficient_credits": "credits",
    "ledger_mismatch": "books",
    "model_not_found": "model",
    "model_not_priced": "price",
    "unsupported_operation": "provider",
}
"""What refuses, by the ``param`` or else the ``code`` of the error."""
_STAGES = {
    "replay": "its Idempotency-Key",
    "permit": "address, model, tools, rate",
    "plan": "which providers, in which order",
    "reserve": "credits, budgets, tokens",
    "attempt": "the provider, to its first byte",
    "refused": "up to the failure",
    "stream": "the rest of the answer",
}
_ATTEMPTS = (
    Column("", "number", is_right=True),
    Column("PROVIDER", "provider"),
    Column("MODEL", "model", is_flexible=True, is_name=True),
    Column("STATUS", "status", status, status_tone),
    Column("OUTCOME", "outcome", human.state, human.tone),
)
_NAME_WIDTH = 17
"""Of the longest rule."""


def tell(call: Object, prose: Prose) -> None:
    """Say why a call went as it did."""
    stages = {as_text(row.get("stage")): as_object(row.get("detail")) for row in _stages(call)}
    _say_end(call, stages, prose)
    _say_who(call, stages, prose)
    _say_rules(call, stages, prose)
    _say_way(call, stages, prose)
    _say_time(call, prose)
    _say_cost(call, stages, prose)
    prose.title("What now?")
    advise(call, stages.get("refused", {}), prose)


def _say_end(call: Object, stages: dict[str, Object], prose: Prose) -> None:
    code, look = call.get("status"), prose.look
    took, error = human.millis(call.get("latency_ms"), look), as_text(call.get("error_code"))
    cost = call.get("cost")
    if code == CLIENT_CLOSED:
        end = f"the caller hung up after {took}"
    elif error == CRASHED:
        end = (
            "the gateway ended while a provider was answering; at its next start the call was"
            " charged for its prompt and for what was known of its answer"
        )
    elif isinstance(code, int) and code >= FIRST_FAILURE and not call.get("attempts"):
        end = f"the gateway refused it after {took}; no provider was asked"
    elif isinstance(code, int) and code >= FIRST_FAILURE and call.get("first_byte_ms") is None:
        end = f"no provider that was asked answered it; it took {took}"
    elif not call.get("is_complete"):
        end = f"the answer began, and broke off after {took}"
    elif "replay" in stages:
        first = as_text(stages["replay"].get("original_request_id"))
        end = f"answered in {took} with the answer of {first}, kept for its Idempotency-Key"
    else:
        end = f"answered in {took}" + (f" for {human.dollars(cost, look)}" if cost else "")
    prose.title(f"Call {as_text(call.get('id'))}")
    shown = prose.terminal.paint_out(safe.line(status(code, look)), status_tone(code))
    prose.line(shown + (f" {safe.line(error)}" if error else ""))
    prose.say(f"{end[:1].upper()}{end[1:]}.")
    if message := as_text(stages.get("refused", {}).get("message")):
        prose.say(message)


def _say_who(call: Object, stages: dict[str, Object], prose: Prose) -> None:
    name, key_id = key_name(call), as_text(call.get("key_id"))
    parts = [f"Key {name}" + (f" ({key_id})" if key_id != name else "")]
    parts += [f"owner {owner}" for owner in (as_text(call.get("owner")),) if owner]
    parts += [f"org {org}" for org in (as_text(call.get("org_id")),) if org]
    known = {**stages.get("refused", {}), **stages.get("permit", {})}
    parts += [f"from {ip}" for ip in (as_text(known.get("ip")),) if ip]
    prose.title("Who asked for what?")
    prose.say(f"{', '.join(parts)}; {human.moment(call.get('created_at'), prose.look)}.")
    how = "streamed" if call.get("is_stream") else "in one piece"
    tags = human.labels(call.get("tags"), prose.look) if call.get("tags") else ""
    what = f"A {as_text(call.get('op')) or 'call'} with {as_text(call.get('model'))}, {how}"
    prose.say(f"{what}{f', tagged {tags}' if tags else ''}.")


def _say_rules(call: Object, stages: dict[str, Object], prose: Prose) -> None:
    prose.title("Was it let in?")
    if call.get("error_code") == CRASHED:
        _rule(prose, "ok", "all rules", "what they said was lost with the process")
    if "replay" in stages:
        _rule(prose, "ok", "key", "active; the other rules let in the call whose answer it got")
    if (permit := stages.get("permit")) is not None:
        _rule(prose, "ok", "key", "active, and its address, model and tools are allowed")
        seen = _used(permit, _LIMIT, _LEFT)
        told = f"{seen} calls in the last minute, this one included" if seen else "not limited"
        _rule(prose, "ok", "calls per minute", told)
    if (targets := _targets(stages)) is not None:
        count = "1 provider" if len(targets) == 1 else f"{len(targets)} providers"
        _rule(prose, "ok", "model", f"{count} can answer it")
    if (reserve := stages.get("reserve")) is not None:
        _rule(prose, "ok", "money", _held(reserve, prose))
    refused = stages.get("refused")
    if refused is not None and not call.get("attempts"):
        code, param = as_text(refused.get("code")), as_text(refused.get("param"))
        numbers = _numbers(refused, call, prose)
        told = numbers or as_text(refused.get("message")) or code
        is_bad = call.get("status") == HTTPStatus.BAD_REQUEST
        name = "request" if is_bad else _RULES.get(param) or _RULES.get(code) or code
        _rule(prose, "refused", name, told)


def _rule(prose: Prose, state: str, name: str, text: str) -> None:
    prose.state(state, name, text, width=_NAME_WIDTH)


def _used(detail: Object, limit_name: str, left_name: str) -> str:
    """Write how much of a window was used, from the headers that the caller got."""
    limit, left = as_text(detail.get(limit_name)), as_text(detail.get(left_name))
    if not limit.isdecimal() or not left.isdecimal():
        return ""
    return f"{int(limit) - int(left):,} of {int(limit):,}"


def _numbers(refused: Object, call: Object, prose: Prose) -> str:
    """Write the number that decided against the call, where it is known."""
    param, look = refused.get("param"), prose.look
    if param == "rate_limit_rpm" and (used := _used(refused, _LIMIT, _LEFT)):
        return f"{used} calls in the last minute"
    if param == "rate_limit_tpm" and (used := _used(refused, _TOKENS, _TOKENS_LEFT)):
        return f"{used} tokens used or reserved in the last minute; it may need more than are left"
    if param == "budgets" and refused.get("limit") is not None:
        amounts = ("spent", "limit", "held", "needed")
        spent, limit, held, needed = (human.dollars(refused.get(name), look) for name in amounts)
        is_own = refused.get("subject") == call.get("key_id")
        whose = "this key" if is_own else f"{refused.get('scope')} {refused.get('subject')}"
        ends = as_text(refused.get("resets_at"))
        return (
            f"{spent} of {limit} {as_text(refused.get('window'))} are spent by {whose}"
            + (f", {held} are held" if held else "")
            + (f", and {needed} may be needed" if needed else "")
            + (f"; it starts anew at {ends}" if ends else "")
        )
    if refused.get("balance") is not None and refused.get("needed") is not None:
        names = ("needed", "balance", "held")
        needed, balance, held = (human.dollars(refused.get(name), look) for name in names)
        return f"{needed} may be needed; {balance} are there, of which {held} are held"
    return ""


def _held(reserve: Object, prose: Prose) -> str:
    amount, budgets = reserve.get("hold_nano_usd"), reserve.get("budgets")
    count = len(budgets) if isinstance(budgets, list) else 0
    told = "nothing had to be held"
    if isinstance(amount, int) and amount:
        held = human.dollars(human.from_nano(amount), prose.look)
        told = f"{held} were held until the cost was known"
    if count:
        told += "; its budget had room" if count == 1 else f"; its {count} budgets had room"
    return told


def _targets(stages: dict[str, Object]) -> list[str] | None:
    targets = stages.get("plan", {}).get("targets")
    return [as_text(target) for target in targets] if isinstance(targets, list) else None


def _say_way(call: Object, stages: dict[str, Object], prose: Prose) -> None:
    attempts = as_objects(call.get("attempts"))
    if not attempts:
        return
    prose.title("Where did it go?")
    model, targets = as_text(call.get("model")), _targets(stages) or []
    if len(targets) == 1:
        prose.say(f"To {targets[0]}, the only one that answers {model}.")
    elif targets:
        prose.say(f"{model} is answered by, in this order: {', '.join(targets)}.")
    if len(attempts) > 1:
        failed = len({as_text(row.get("provider")) for row in attempts[:-1]})
        prose.say(f"It was tried {len(attempts)} times, because what came before had failed"
                  f"{' at ' + str(failed) + ' providers' if failed > 1 else ''}.")  # fmt: skip
    rows = [{"number": number, **row} for number, row in enumerate(attempts, 1)]
    prose.rows(rows, _ATTEMPTS)


def _say_time(call: Object, prose: Prose) -> None:
    steps = _steps(call)
    if not steps:
        return
    whole = sum(took for _, took in steps)
    first = human.millis(call.get("first_byte_ms"), prose.look)
    prose.title("Where did the time go?")
    prose.say(f"{human.millis(call.get('latency_ms'), prose.look)} in all"
              + (f"; the first byte of the answer after {first}." if first else "."))  # fmt: skip
    rows: list[Object] = [
        {
            "stage": name,
            "ms": Decimal(took) / 1000,
            "bar": bars.bar(took, 0, whole, prose.look),
            "share": f"{bars.percent(took, whole)}%",
            "what": _STAGES.get(name, ""),
        }
        for name, took in steps
    ]
    if len(rows) > 1:
        prose.rows(rows, _TIMES)


_TIMES = (
    Column("STAGE", "stage"),
    Column("TOOK", "ms", human.millis, is_right=True),
    Column("", "bar"),
    Column("", "share", is_right=True),
    Column("", "what", is_flexible=True),
)


def _steps(call: Object) -> list[tuple[str, int]]:
    """Return the stages that the caller waited for, with their microseconds."""
    steps = [
        (as_text(row.get("stage")), micros)
        for row in _stages(call)
        if row.get("stage") != "settle" and (micros := _micros(row.get("ms"))) is not None
    ]
    total, first = _micros(call.get("latency_ms")), _micros(call.get("first_byte_ms"))
    if call.get("is_stream") and total is not None and first is not None:
        # The stages end with the first byte; what follows is the provider's own speed.
        steps.append(("stream", max(0, total - sum(took for _, took in steps))))
    return steps


def _micros(ms: Json) -> int | None:
    return round(ms * 1000) if isinstance(ms, int | Decimal) else None


def _say_cost(call: Object, stages: dict[str, Object], prose: Prose) -> None:
    lines, look = as_objects(call.get("price_lines")), prose.look
    prose.title("What did it cost?")
    if first := as_text(stages.get("replay", {}).get("original_request_id")):
        prose.say(f"Nothing: {first} has paid for it.")
        return
    if call.get("cost") is None:
        is_asked = bool(call.get("attempts"))
        free = "Nothing: no provider was asked."
        prose.say("It has no price: it is in no cost." if is_asked else free)
        return
    if not lines:
        prose.say(f"{human.dollars(call.get('cost'), look)}.")
        return
    source = as_text(call.get("price_source"))
    whole: Object = {"unit": "total", "amount_pico_usd": _nano(call) * 1000}
    prose.rows([*lines, whole], [column for column in BILL.columns if not column.is_wide])
    prose.say(f"The price is from {source}." if source else "")
    if call.get("usage_source") == "estimated":
        prose.say("The tokens are estimated: the provider did not report them.")


def _nano(call: Object) -> int:
    amount = call.get("cost_nano_usd")
    return amount if isinstance(amount, int) else 0


def _stages(call: Object) -> list[Object]:
    return as_objects(call.get("stages"))
