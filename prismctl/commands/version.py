"""``prismctl version``: this program's version, and the gateway's if it answers."""

import typer

from prismctl import __version__
from prismctl.errors import PrismctlError
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import Object
from prismctl.output.table import Column, View

app = top_verb()

_VERSIONS = View(
    columns=(Column("PRISMCTL", "prismctl"), Column("PRISMD", "prismd"), Column("URL", "url")),
    name="prismctl",
)


@verb(app, "version", "prismctl version", "prismctl version -o json")
def version(ctx: typer.Context) -> None:
    """Show the versions of this program and of the gateway."""
    session = session_of(ctx)
    answer: Object = {"prismctl": __version__, "prismd": None, "url": None}
    try:
        answer["url"] = session.gateway.url
        answer["prismd"] = session.admin.capabilities().get("version")
    except PrismctlError as error:
        session.out.note(f"gateway: {error.message}")
    session.out.item(answer, _VERSIONS)
