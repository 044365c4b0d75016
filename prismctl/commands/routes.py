"""``prismctl routes``: where calls go."""

from typing import Annotated

import typer

from prismctl.commands import what_if
from prismctl.commands.keys import find_key
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import as_text

app = noun("Routes: where a call would go, and at what price.")


@verb(
    app,
    "explain",
    "prismctl routes explain --model smart",
    "prismctl routes explain --model smart --key ci --tokens 5000 -o json",
)
def explain_route(
    ctx: typer.Context,
    *,
    model: what_if.Model,
    key: Annotated[
        str | None, typer.Option(help="With this key: name, id or its beginning", metavar="KEY")
    ] = None,
    ip: what_if.Ip = None,
    tokens: what_if.Tokens = None,
    max_tokens: what_if.MaxTokens = None,
    tool: what_if.Tool = None,
    stream: what_if.Stream = False,
    tag: what_if.Tag = None,
) -> None:
    """Say where a call would go, why there, and what it would cost.

    Nothing is sent. Without --key the rules of keys are left out. A call that would be refused ends
    with the exit code of that refusal; the answer is printed all the same.
    """
    session = session_of(ctx)
    found = None if key is None else find_key(session, key)
    who = "" if found is None else f"key {as_text(found.get('name'))}"
    body = what_if.described(
        model, None if found is None else as_text(found.get("id")), ip=ip, tokens=tokens,
        max_tokens=max_tokens, tools=tool, stream=stream, tags=tag,
    )  # fmt: skip
    what_if.explain(session, body, who=who)
