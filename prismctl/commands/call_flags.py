"""The flags of ``requests list`` and ``tail`` that choose calls, and the filters they become."""

from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import spans
from prismctl.commands import amounts
from prismctl.commands.keys import find_key
from prismctl.jsontext import as_text

if TYPE_CHECKING:
    from prismctl.session import Session

Key = Annotated[
    str | None, typer.Option(help="Only of this key: name, id or its beginning", metavar="KEY")
]
Org = Annotated[str | None, typer.Option(help="Only of this org", metavar="ID")]
Owner = Annotated[str | None, typer.Option(help="Only of this owner", metavar="NAME")]
Model = Annotated[
    str | None,
    typer.Option(help="Only that asked for this model; gpt-* matches", metavar="MODEL"),
]
Provider = Annotated[
    str | None, typer.Option(help="Only that this provider answered", metavar="ID")
]
Status = Annotated[
    str | None, typer.Option(help="Only with these statuses: 429 or 4xx,5xx", metavar="LIST")
]
MinCost = Annotated[
    str | None, typer.Option(help="Only that cost at least so many dollars", metavar="USD")
]
MinLatency = Annotated[
    str | None, typer.Option(help="Only that took at least: 800ms, 2s", metavar="TIME")
]


def filters(
    session: "Session",
    *,
    key: str | None,
    min_cost: str | None,
    min_latency: str | None,
    **others: str | None,
) -> dict[str, str]:
    """Return the API's filters of the flags that were given; the others are sent as they are.

    Raises:
        UsageProblem: a value cannot be read, or the key's word means several.
        NotThere: there is no such key.
    """
    every = {
        "key": None if key is None else as_text(find_key(session, key).get("id")),
        **others,
        "min_cost": None if min_cost is None else format(amounts.dollars(min_cost), "f"),
        "min_latency": None if min_latency is None else _milliseconds(min_latency),
    }
    return {name: value for name, value in every.items() if value is not None}


def _milliseconds(given: str) -> str:
    return f"{spans.seconds('--min-latency', given, unit='ms') * 1000:g}"
