"""What changing keys means: what will be different, the equal commands, the calls."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from prismctl.commands import amounts, key_flags
from prismctl.commands.key_flags import KeyFlags
from prismctl.errors import UsageProblem
from prismctl.jsontext import Json, Object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.tui import look as looks
from prismctl.tui import values
from prismctl.tui.pane import Change
from prismctl.tui.screens import key_rows
from prismctl.tui.screens.changing import each, number
from prismctl.tui.widgets.form import Field, Values

if TYPE_CHECKING:
    from prismctl.client.admin import Admin

Word = Callable[[Object], str]
"""How the command line is told which key."""


def _budgets(text: str) -> list[Object]:
    return [amounts.budget(part) for part in re.split(r"[;\s]+", text) if part]


CREATE = (
    Field(name="name", label="name", example="what to call it", is_needed=True),
    Field(name="owner", label="owner", example="who it belongs to"),
    Field(name="models", label="models", example="all; or gpt-*,claude-sonnet-5"),
    Field(name="rpm", label="requests/min", example="no limit", read=number("requests/min")),
    Field(name="tpm", label="tokens/min", example="no limit", read=number("tokens/min")),
    Field(name="budget", label="budget", example="none; or 20/month 2/day,soft", read=_budgets),
    Field(name="credits", label="credits", example="billed elsewhere; or 5", read=amounts.dollars),
    Field(name="expires", label="expires", example="never; or 30d, 2027-01-31", read=key_flags.end),
)
CREDIT = (
    Field(name="amount", label="dollars", example="20", read=amounts.dollars, is_needed=True),
    Field(name="note", label="note", example="why; it stands in the history"),
)


def create(given: Values) -> Change:
    """Return the making of a key.

    Raises:
        UsageProblem: a value cannot be read.
    """
    budgets = re.split(r"[;\s]+", given["budget"]) if "budget" in given else None
    fields: Object = {"name": given["name"]}
    fields |= KeyFlags(
        owner=given.get("owner"),
        org=None,
        models=[given["models"]] if "models" in given else None,
        providers=None,
        ips=None,
        tools=None,
        deny_tools=None,
        rpm=number("requests/min")(given["rpm"]) if "rpm" in given else None,
        tpm=number("tokens/min")(given["tpm"]) if "tpm" in given else None,
        concurrency=None,
        budget=budgets,
        managed=None,
        expires=given.get("expires"),
        tag=None,
    ).fields()
    if "credits" in given:
        fields |= {"credits": amounts.dollars(given["credits"]), "key_type": "managed"}
    name = given["name"]
    is_flag_like = name.startswith("-")
    words = ["keys", "create", *([] if is_flag_like else [name])]
    for flag in ("owner", "models", "rpm", "tpm"):
        words += [f"--{flag}", given[flag]] if flag in given else []
    for budget in budgets or ():
        words += ["--budget", budget]
    for flag in ("credits", "expires"):
        words += [f"--{flag}", given[flag]] if flag in given else []
    words += ["--", name] if is_flag_like else []
    limits = [f"{field.label}: {given[field.name]}" for field in CREATE[1:] if field.name in given]
    return Change(
        title="Make a key",
        lines=[
            f"name: {name}",
            *limits,
            *([] if limits else ["no limits: every model, as much as it likes"]),
        ],
        command=tuple(words),
        make=lambda admin: admin.create_key(fields),
    )


def status(rows: Sequence[Object], wanted: str, word: Word, look: Look) -> Change:
    """Return the blocking or unblocking of keys that are in the other status."""
    before, verb = ("active", "block") if wanted == "blocked" else ("blocked", "unblock")
    found = [row for row in rows if row.get("status") == before]
    if not found:
        raise UsageProblem(_none(rows, f"is {before}", verb))
    arrow = looks.glyphs(look).arrow

    def make(admin: "Admin", row: Object) -> Object:
        return admin.update_key(as_text(row.get("id")), {"status": wanted}, etag=etag(row))

    return _of_all(
        Change(
            title=_title(verb.capitalize(), found),
            lines=[f"{key_rows.name_of(row)}: {before} {arrow} {wanted}" for row in found],
            command=(),
            make=each(found, make),
        ),
        [("keys", verb, word(row)) for row in found],
    )


def revoke(rows: Sequence[Object], word: Word, look: Look) -> Change:
    """Return the end of keys, for ever."""
    found = [row for row in rows if row.get("status") != "revoked"]
    if not found:
        raise UsageProblem(_none(rows, "is there to be revoked", "revoke"))

    def make(admin: "Admin", row: Object) -> Object:
        return admin.revoke_key(as_text(row.get("id")), etag=etag(row))

    is_one = len(found) == 1
    return _of_all(
        Change(
            title=_title("Revoke", found, "for ever"),
            lines=[_ending(row, look, is_alone=is_one) for row in found],
            command=(),
            make=each(found, make),
            is_final=True,
            typed=key_rows.name_of(found[0]) if is_one else f"{len(found)} keys",
        ),
        [("keys", "revoke", word(row)) for row in found],
    )


def credit(rows: Sequence[Object], given: Values, word: Word, look: Look) -> Change:
    """Return the adding of credits to keys that are prepaid.

    Raises:
        UsageProblem: none is, or nothing would be added.
    """
    found = prepaid(rows)
    amount, note = amounts.dollars(given["amount"]), given.get("note")
    if not amount:
        raise UsageProblem("give more than 0 dollars")
    arrow = looks.glyphs(look).arrow

    def line(row: Object) -> str:
        before = row.get("credit_balance")
        now = before if isinstance(before, int | Decimal) else 0
        texts = [human.dollars(value, look) for value in (now, now + amount)]
        return f"{key_rows.name_of(row)}: {texts[0]} {arrow} {texts[1]}"

    def make(admin: "Admin", row: Object) -> Object:
        return admin.add_credits(as_text(row.get("id")), amount, note=note)

    extra = ["--note", note] if note else []
    return _of_all(
        Change(
            title=_title(f"Add {human.dollars(amount, look)} to", found),
            lines=[*map(line, found), *([f"note: {note}"] if note else [])],
            command=(),
            make=each(found, make),
        ),
        [("credits", "add", word(row), given["amount"], *extra) for row in found],
    )


def prepaid(rows: Sequence[Object]) -> list[Object]:
    """Return the keys that have credits.

    Raises:
        UsageProblem: none has.
    """
    found = [
        row for row in rows if row.get("key_type") == "managed" and row.get("status") != "revoked"
    ]
    if not found:
        msg = _none(rows, "is prepaid", "give credits to", "billed elsewhere")
        hint = "make it prepaid first: prismctl keys update KEY --managed"
        raise UsageProblem(msg, hint=hint if rows else None)
    return found


def etag(key: Object) -> str:
    """Return what says that the key is still as it was shown."""
    return f'"{values.whole(key.get("version"))}"'


def _of_all(change: Change, commands: Sequence[tuple[str, ...]]) -> Change:
    return replace(change, command=commands[0], further=commands[1:])


def _title(verb: str, rows: Sequence[Object], end: str = "") -> str:
    whose = key_rows.name_of(rows[0]) if len(rows) == 1 else f"{len(rows):,} keys"
    return f"{verb} {whose} {end}".strip()


def _none(rows: Sequence[Object], what: str, verb: str, kind: str = "") -> str:
    if len(rows) == 1:
        row = rows[0]
        is_so = kind if kind and row.get("status") != "revoked" else key_rows.status(row)
        return f"{key_rows.name_of(row)} is {is_so}: there is nothing to {verb}"
    return f"none of these {len(rows)} keys {what}" if rows else f"there is no key to {verb}"


def _ending(row: Object, look: Look, *, is_alone: bool) -> str:
    """Say who would be cut off, and what stays."""
    used: Json = row.get("last_used_at")
    parts = [f"last used {human.when(used, look)}" if used else "never used"]
    if owner := as_text(row.get("owner")):
        parts.append(f"owner {owner}")
    if values.whole(row.get("credit_balance_nano_usd")) > 0:
        parts.append(f"{human.dollars(row.get('credit_balance'), look)} stay unspent")
    arrow = looks.glyphs(look).arrow
    change = f"{key_rows.status(row)} {arrow} revoked"
    whose = "" if is_alone else f"{key_rows.name_of(row)}: "
    return f"{whose}{change}, {', '.join(parts)}"
