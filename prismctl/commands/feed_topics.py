"""What events say in a few words, those of calls left out: ``feed_lines`` writes these."""

from collections.abc import Callable

from prismctl.jsontext import Object, as_text, pick
from prismctl.output import human
from prismctl.output.human import Look


def gap(event: Object) -> str:
    """Say how many events are missing, and why."""
    missed = event.get("missed")
    count = f"{missed:,}" if isinstance(missed, int) else "some"
    noun = "event" if missed == 1 else "events"
    if event.get("reason") == "resumed":
        return f"{count} {noun} missed: too long ago for the gateway to keep"
    return f"{count} {noun} missed: they came faster than they were read"


def told(topic: str, event: Object, look: Look) -> tuple[str, str]:
    """Return the colour of an event that is no call, and what it says."""
    teller = _TELLERS.get(topic)
    if teller is not None:
        return teller(event, look)
    rest: Object = {
        name: value
        for name, value in event.items()
        if name not in ("type", "id", "ts_s", "node") and value is not None
    }
    return "", human.labels(rest, look)


def _provider(event: Object, look: Look) -> tuple[str, str]:
    name = as_text(event.get("provider"))
    if event.get("action") == "models":
        return "", f"{name}: now has {human.plain(event.get('count'), look)} models"
    state = event.get("state")
    arrow = "→" if look.is_unicode else "->"
    was = f"{as_text(event.get('was'))} {arrow} " if event.get("was") else ""
    return human.tone(state), f"{name}: {was}{human.state(state, look)}{_because(event)}"


def _key_event(event: Object, look: Look) -> tuple[str, str]:
    del look
    name = as_text(event.get("name")) or as_text(event.get("key_id"))
    return "", f"{name} ({as_text(event.get('key_id'))}): {as_text(event.get('action'))}"


def _budget(event: Object, look: Look) -> tuple[str, str]:
    action = as_text(event.get("action"))
    of = f"{as_text(event.get('window'))} of {as_text(event.get('scope'))}"
    text = f"{of} {as_text(event.get('subject'))}: {action}"
    if (percent := event.get("percent")) is not None:
        text += f", {human.plain(percent, look)} % of its limit is spent"
    return {"exceeded": "red", "warning": "yellow"}.get(action, ""), text


def _guard(event: Object, look: Look) -> tuple[str, str]:
    who = as_text(event.get("key_name")) or as_text(event.get("key_id"))
    rule, status = as_text(event.get("rule")), human.plain(event.get("status"), look)
    param = f" ({as_text(event.get('param'))})" if event.get("param") else ""
    glyph = "▲" if look.is_unicode else "!"
    wanted = f" asked for {as_text(event.get('model'))}" if event.get("model") else ""
    return "yellow", f"{glyph} refused {status} {rule}{param}: {who or 'nobody'}{wanted}"


def _config(event: Object, look: Look) -> tuple[str, str]:
    action = as_text(event.get("action"))
    if action == "refused":
        problems = event.get("problems")
        lines = problems if isinstance(problems, list) else [problems]
        return "red", "refused: " + "; ".join(human.plain(line, look) for line in lines)
    changes = human.plain(event.get("changes"), look).replace(",", ", ")
    return "", f"{action} {as_text(event.get('hash'))[:12]}" + (f": {changes}" if changes else "")


def _job(event: Object, look: Look) -> tuple[str, str]:
    action = as_text(event.get("action"))
    tone = "red" if action == "failed" else ""
    name = human.plain(event.get("job_id"), look)
    return tone, f"{as_text(event.get('kind'))} {action} {name}".rstrip() + _because(event)


def _log(event: Object, look: Look) -> tuple[str, str]:
    level = as_text(event.get("level")).lower()
    tone = "yellow" if level == "warning" else "red"
    del look
    return tone, f"{level}: {as_text(event.get('message'))} ({as_text(event.get('logger'))})"


def _tick(event: Object, look: Look) -> tuple[str, str]:
    calls = human.number(_sum(event, "calls"), look)
    errors = human.number(_sum(event, "errors"), look)
    return "", (
        f"{human.plain(event.get('running'), look)} running, {calls} calls and {errors} errors "
        f"since the start, loop lag {human.millis(event.get('loop_lag_ms'), look) or '?'}"
    )


def _sum(event: Object, name: str) -> int:
    series = event.get("series")
    values = [pick(row, name) for row in series] if isinstance(series, list) else []
    return sum(value for value in values if isinstance(value, int))


def _node(event: Object, look: Look) -> tuple[str, str]:
    del look
    version = as_text(event.get("version"))
    text = f"{as_text(event.get('node'))}: {as_text(event.get('action'))}"
    return "cyan", text + (f", version {version}" if version else "")


def _because(event: Object) -> str:
    reason = as_text(event.get("reason")) or as_text(event.get("error"))
    return f": {reason}" if reason else ""


_TELLERS: dict[str, Callable[[Object, Look], tuple[str, str]]] = {
    "provider": _provider,
    "key": _key_event,
    "budget": _budget,
    "guard": _guard,
    "config": _config,
    "job": _job,
    "log": _log,
    "tick": _tick,
    "node": _node,
}
