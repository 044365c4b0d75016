"""``prismctl providers``: where calls go, and how those places are doing."""

import typer

from prismctl.errors import CheckFailed
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import as_objects, as_text
from prismctl.output import human
from prismctl.output.table import Column, View

app = noun("Providers: who serves the models, and how they are doing.")

_PROVIDERS = View(
    columns=(
        Column("ID", "id"),
        Column("TYPE", "type"),
        Column("TITLE", "title", is_flexible=True),
        Column("MODELS", "models", human.number, is_right=True),
        Column("LOCAL", "is_local"),
        Column("URL", "base_url", is_wide=True),
        Column("DIALECT", "dialect", is_wide=True),
        Column("CAN", "ops", is_wide=True),
    ),
    empty="no providers; name some in prism.yaml",
)
_TYPES = View(
    columns=(
        Column("TYPE", "type"),
        Column("TITLE", "title", is_flexible=True),
        Column("SPEAKS", "api_formats"),
        Column("CAN", "ops"),
        Column("LISTS MODELS", "lists_models"),
        Column("URL", "base_url", is_wide=True),
        Column("DOCUMENTATION", "docs_url", is_wide=True),
    ),
    name="type",
    empty="no types of providers",
)
_HEALTH = View(
    columns=(
        Column("ID", "id"),
        Column("STATE", "state", human.state, human.tone),
        Column("REQUESTS", "request_count", human.number, is_right=True),
        Column("ERRORS", "error_count", human.number, is_right=True),
        Column("SUCCESS", "success_rate", human.share, is_right=True),
        Column("LATENCY", "latency_ewma_ms", human.millis, is_right=True),
        Column("LAST ERROR", "last_error", is_flexible=True),
        Column("TYPE", "type", is_wide=True),
        Column("CIRCUIT", "circuit_state", is_wide=True),
        Column("ERROR AT", "last_error_time", human.when, is_wide=True),
        Column("SUCCESS AT", "last_success_time", human.when, is_wide=True),
    ),
    rows="providers",
    empty="no providers; name some in prism.yaml",
)


@verb(app, "list", "prismctl providers list", "prismctl providers ls -o wide")
def list_providers(ctx: typer.Context) -> None:
    """List providers."""
    session = session_of(ctx)
    rows = session.admin.capabilities().get("providers")
    session.out.list({"object": "list", "data": rows}, _PROVIDERS)


@verb(app, "types", "prismctl providers types", "prismctl providers types -o wide")
def list_types(ctx: typer.Context) -> None:
    """List what a provider can be (type: in prism.yaml), and what each can do."""
    session = session_of(ctx)
    rows = session.admin.capabilities().get("vendors")
    session.out.list({"object": "list", "data": rows}, _TYPES)


@verb(app, "health", "prismctl providers health", "prismctl providers health -o json")
def provider_health(ctx: typer.Context) -> None:
    """Show how each provider did in the last minutes. Exit code 8 if one is failing."""
    session = session_of(ctx)
    answer = session.admin.provider_health()
    session.out.list(answer, _HEALTH)
    failing = [row for row in as_objects(answer.get("providers")) if not row.get("healthy")]
    if failing:
        names = ", ".join(as_text(row.get("id")) for row in failing)
        msg = f"{names}: failing"
        raise CheckFailed(msg, hint="prismctl providers health -o wide shows when and why")
