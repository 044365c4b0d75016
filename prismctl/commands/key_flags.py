"""The flags of ``keys create`` and ``keys update``, and the API's fields they become."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from prismctl import clock
from prismctl.commands import amounts
from prismctl.errors import UsageProblem
from prismctl.jsontext import Json, Object

_SPAN = re.compile(r"(\d{1,6})([mhdw])")
_SPAN_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NAMES_HELP = "comma list, '' for none at all"

Owner = Annotated[str | None, typer.Option("--owner", help="Who it belongs to", metavar="NAME")]
Org = Annotated[str | None, typer.Option("--org", help="Organisation", metavar="ID")]
Models = Annotated[
    list[str] | None,
    typer.Option(help=f"Models it may use: {_NAMES_HELP}; gpt-* matches", metavar="LIST"),
]
Providers = Annotated[
    list[str] | None, typer.Option(help=f"Providers it may use: {_NAMES_HELP}", metavar="LIST")
]
Ips = Annotated[
    list[str] | None,
    typer.Option("--ip", help="Addresses or networks it may come from", metavar="LIST"),
]
Tools = Annotated[
    list[str] | None, typer.Option(help=f"Tools it may offer: {_NAMES_HELP}", metavar="LIST")
]
DenyTools = Annotated[list[str] | None, typer.Option(help="Tools it may not offer", metavar="LIST")]
Rpm = Annotated[int | None, typer.Option("--rpm", help="Requests per minute", min=0, metavar="N")]
Tpm = Annotated[int | None, typer.Option("--tpm", help="Tokens per minute", min=0, metavar="N")]
Concurrency = Annotated[
    int | None, typer.Option(help="Requests at the same time", min=0, metavar="N")
]
Budget = Annotated[
    list[str] | None,
    typer.Option(
        help="Spending limit, dollars per day, week, month or total; ,soft only warns; "
        "repeat for several",
        metavar="50/month[,soft]",
    ),
]
Managed = Annotated[
    bool | None, typer.Option("--managed/--byok", help="Prepaid with credits, or billed elsewhere")
]
Expires = Annotated[
    str | None, typer.Option(help="End: 12h, 30d, 4w, a date or a time", metavar="WHEN")
]
Tag = Annotated[
    list[str] | None, typer.Option(help="Metadata; repeat for several", metavar="NAME=VALUE")
]

CLEARABLE = {
    "owner": "owner",
    "org": "org_id",
    "models": "models",
    "providers": "providers",
    "ip": "allowed_ips",
    "tools": "allowed_tools",
    "deny-tools": "denied_tools",
    "rpm": "rate_limit_rpm",
    "tpm": "rate_limit_tpm",
    "concurrency": "max_concurrency",
    "budget": "budgets",
    "expires": "expires_at",
    "tag": "metadata",
}
"""What ``--clear`` takes: the flag's name, and the field it clears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFlags:
    """The flags as Typer hands them over; None is "not given"."""

    owner: str | None
    org: str | None
    models: list[str] | None
    providers: list[str] | None
    ips: list[str] | None
    tools: list[str] | None
    deny_tools: list[str] | None
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    budget: list[str] | None
    managed: bool | None
    expires: str | None
    tag: list[str] | None

    def fields(self) -> Object:
        """Return the API's fields of the flags that were given.

        Raises:
            UsageProblem: a value cannot be read.
        """
        key_type = None if self.managed is None else ("managed" if self.managed else "byok")
        every: Object = {
            "owner": self.owner,
            "org_id": self.org,
            "models": names(self.models),
            "providers": names(self.providers),
            "key_type": key_type,
            "rate_limit_rpm": self.rpm,
            "rate_limit_tpm": self.tpm,
            "max_concurrency": self.concurrency,
            "allowed_ips": names(self.ips),
            "allowed_tools": names(self.tools),
            "denied_tools": names(self.deny_tools),
            "expires_at": None if self.expires is None else end(self.expires),
            "budgets": None if self.budget is None else [*map(amounts.budget, self.budget)],
            "metadata": None if self.tag is None else tags(self.tag),
        }
        return {name: value for name, value in every.items() if value is not None}


def names(given: list[str] | None) -> Json:
    """Read comma lists; ``''`` alone is the empty list, which permits nothing."""
    if given is None:
        return None
    return [name.strip() for text in given for name in text.split(",") if name.strip()]


def end(text: str) -> str:
    """Read when a key ends; return RFC 3339 in UTC. A date means its first moment in UTC.

    Raises:
        UsageProblem: it is no time, or not in the future.
    """
    span = _SPAN.fullmatch(text)
    now = clock.now()
    try:
        if span:
            moment = now + timedelta(**{_SPAN_UNITS[span[2]]: int(span[1])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"{text!r} is not a time"
        raise UsageProblem(msg, hint="for example 30d, 2027-01-31 or 2027-01-31T12:00Z") from None
    if moment <= now:
        msg = f"{text!r} is in the past"
        raise UsageProblem(msg, hint="to stop a key now: prismctl keys block KEY")
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def tags(given: list[str]) -> Json:
    """Read ``name=value`` pairs.

    Raises:
        UsageProblem: one has no name or no ``=``.
    """
    pairs: Object = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            msg = f"{text!r} is not NAME=VALUE"
            raise UsageProblem(msg)
        pairs[name] = value
    return pairs
