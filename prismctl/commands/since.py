"""``--since`` and ``--until``: every command that has them reads the same words in the same way."""

from typing import Annotated

import typer

from prismctl import spans

Since = Annotated[
    str | None,
    typer.Option(
        "--since", help="From: 10m, 24h, 7d, or a time such as 2027-01-31T12:00Z", metavar="WHEN"
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", help="To, itself excluded; as --since", metavar="WHEN")
]


def sent(flag: str, text: str | None) -> str | None:
    """Return a moment that was typed as the API reads it.

    Raises:
        UsageProblem: it is none.
    """
    return None if text is None else spans.written(spans.moment(flag, text))
