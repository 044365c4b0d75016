"""``prismctl status``: is the gateway well, at a glance."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import typer

from prismctl.errors import ApiError, CheckFailed
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import Json, Object, as_objects, pick
from prismctl.output import human
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.session import Session

app = top_verb()


def _providers(value: Json, look: human.Look) -> str:
    states = [human.plain(row.get("state"), look) for row in as_objects(value)]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    return ", ".join(f"{count} {human.state(state, look)}" for state, count in counts.items())


_STATUS = View(
    columns=(
        Column("STATE", "state", human.state, human.tone),
        Column("CONTEXT", "context"),
        Column("URL", "url"),
        Column("VERSION", "version"),
        Column("STARTED", "started_at", human.moment),
        Column("CONFIG", "config.hash", human.short_hash),
        Column("CONFIG ERROR", "config.last_error.problems"),
        Column("PROVIDERS", "providers", _providers),
        Column("REQUESTS 24H", "usage.requests", human.number),
        Column("ERRORS 24H", "usage.errors", human.number),
        Column("COST 24H", "usage.cost", human.dollars),
    ),
    name="state",
)


@verb(app, "status", "prismctl status", "prismctl status -o json --fields state,usage.cost")
def status(ctx: typer.Context) -> None:
    """Show how the gateway is. Exit code 8 if it is not ready or a provider is failing."""
    session = session_of(ctx)
    answer = _gather(session)
    session.out.item(answer, _STATUS)
    if answer.get("state") == "not_ready":
        reasons = human.plain(answer.get("reasons"), session.out.look)
        msg = f"the gateway is not ready: {reasons}"
        raise CheckFailed(msg)
    if answer.get("state") == "degraded":
        msg = "the gateway works, but not all of it is well"
        raise CheckFailed(msg, hint="see: prismctl providers health, prismctl config show")


def _gather(session: "Session") -> Object:
    admin, gateway = session.admin, session.gateway
    reasons = _reasons(session)
    capabilities, config = admin.capabilities(), admin.config()
    providers = as_objects(admin.provider_health().get("providers"))
    is_well = all(row.get("healthy") for row in providers) and not config.get("last_error")
    return {
        "object": "status",
        "state": "not_ready" if reasons else ("ready" if is_well else "degraded"),
        "reasons": reasons,
        "context": gateway.name,
        "url": gateway.url,
        "version": capabilities.get("version"),
        "started_at": capabilities.get("started_at"),
        "config": {name: value for name, value in config.items() if name != "config"},
        "providers": list(providers),
        "usage": admin.usage(since="24h").get("totals"),
    }


def _reasons(session: "Session") -> Json:
    """Return why the gateway is not ready; empty when it is."""
    try:
        session.admin.http.request("GET", "/readyz")
    except ApiError as error:
        if error.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return pick(error.body, "reasons") or ["no reason given"]
    return []
