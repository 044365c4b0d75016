"""What an operator should see without looking for it: refusals, warnings, changes; alike is one.

Pure. Texts are made of what came from elsewhere: whoever draws them makes them harmless.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from prismctl.jsontext import Object
from prismctl.tui import values

MAX_NOTICES = 200
_ALIKE = 20
"""Among how many of the newest a like one is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line."""

    ts_s: float
    """When it happened last."""
    level: str
    """A word that has a colour: ``error``, ``warning``, ``ok``, ``note``."""
    topic: str
    text: str
    count: int = 1
    """How often in a row."""
    request_id: str = ""
    """The newest call it is about."""


def of(event: Object) -> Notice | None:
    """Return what an event says to an operator; None for most."""
    tell = _TELLERS.get(values.text(event.get("type")))
    return tell(event) if tell else None


def added(notices: tuple[Notice, ...], notice: Notice) -> tuple[Notice, ...]:
    """Return the notices, newest first, with one more; one that is like it counts up instead."""
    for at, known in enumerate(notices[:_ALIKE]):
        is_alike = (known.topic, known.text) == (notice.topic, notice.text)
        if is_alike and notice.request_id and known.request_id == notice.request_id:
            return notices
        if is_alike:
            merged = replace(notice, count=known.count + 1)
            return (merged, *notices[:at], *notices[at + 1 :])
    return (notice, *notices)[:MAX_NOTICES]


def _notice(event: Object, level: str, *words: str) -> Notice:
    return Notice(
        ts_s=values.real(event.get("ts_s")),
        level=level,
        topic=values.text(event.get("type")),
        text=" ".join(word for word in words if word),
        request_id=values.text(event.get("request_id")),
    )


def _word(event: Object, name: str, before: str = "") -> str:
    value = event.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{before}{values.whole(value)}"
    return f"{before}{text}" if (text := values.text(value)) else ""


def _call(event: Object) -> Notice | None:
    status = values.whole(event.get("status"))
    if status < HTTPStatus.BAD_REQUEST or not event.get("provider"):
        # What reached no provider was refused by a rule: ``guard`` tells that.
        return None
    level = "error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "warning"
    what = _word(event, "error_code") or "failed"
    return _notice(
        event,
        level,
        f"{status} {what}",
        _word(event, "model", "on "),
        _word(event, "provider", "@ "),
    )


def _guard(event: Object) -> Notice:
    return _notice(
        event,
        "warning",
        _word(event, "status"),
        _word(event, "rule") or "refused",
        _word(event, "model", "on "),
        _word(event, "key_name", "for ") or _word(event, "key_id", "for "),
    )


def _provider(event: Object) -> Notice | None:
    state = values.text(event.get("state"))
    if not state:
        count = _word(event, "count")
        return _notice(
            event, "note", _word(event, "provider"), f"lists {count} models" if count else ""
        )
    levels = {"failing": "error", "degraded": "warning", "healthy": "ok"}
    was, reason = _word(event, "was"), _word(event, "reason")
    level = levels.get(state, "note")
    said = f"is {state}{f' (was {was})' if was else ''}{':' if reason else ''}"
    return _notice(event, level, _word(event, "provider"), said, reason)


def _budget(event: Object) -> Notice:
    action = _word(event, "action") or "changed"
    levels = {"exceeded": "error", "warning": "warning"}
    subject = ":".join(filter(None, (_word(event, "scope"), _word(event, "subject"))))
    percent = _word(event, "percent")
    return _notice(
        event,
        levels.get(action, "note"),
        "budget",
        subject or _word(event, "budget_id"),
        action,
        f"at {percent}%" if percent else "",
        _word(event, "window", "of the "),
    )


def _key(event: Object) -> Notice:
    action = _word(event, "action") or "changed"
    level = "warning" if action in ("blocked", "revoked") else "note"
    return _notice(event, level, _word(event, "name") or _word(event, "key_id"), action)


def _config(event: Object) -> Notice:
    action = _word(event, "action") or "changed"
    level = "error" if action in ("refused", "failed") else "ok"
    told = event.get("problems") or event.get("changes")
    names = [values.text(name) for name in told[:5]] if isinstance(told, list) else []
    return _notice(event, level, f"configuration {action}", ", ".join(filter(None, names)))


def _job(event: Object) -> Notice:
    action = _word(event, "action") or "changed"
    levels = {"failed": "error", "finished": "ok"}
    return _notice(event, levels.get(action, "note"), _word(event, "kind"), action)


def _node(event: Object) -> Notice:
    action = _word(event, "action") or "changed"
    level = "warning" if action == "draining" else "ok"
    return _notice(event, level, "gateway", _word(event, "node"), action, _word(event, "version"))


def _log(event: Object) -> Notice:
    level = values.text(event.get("level")).lower()
    is_bad = level in ("error", "critical")
    return _notice(event, "error" if is_bad else "warning", _word(event, "message"))


def _gap(event: Object) -> Notice:
    missed = values.count(event.get("missed"))
    return _notice(event, "warning", f"{missed:,} events missed", _word(event, "reason", "- "))


def _ledger(event: Object) -> Notice | None:
    action = values.text(event.get("action"))
    is_bad = event.get("state") == "failed" or "mismatch" in action
    return _notice(event, "error" if is_bad else "note", "ledger", action) if action else None


_TELLERS: dict[str, Callable[[Object], Notice | None]] = {
    "call": _call,
    "guard": _guard,
    "provider": _provider,
    "budget": _budget,
    "key": _key,
    "config": _config,
    "job": _job,
    "node": _node,
    "log": _log,
    "gap": _gap,
    "ledger": _ledger,
}
