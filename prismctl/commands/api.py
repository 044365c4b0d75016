"""``prismctl api``: any request, any answer, with the right credential."""

import sys
from typing import Annotated

import typer

from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import Json, Object, loads
from prismctl.output import safe

app = top_verb()


@verb(
    app,
    "api",
    "prismctl api GET /-/capabilities",
    "prismctl api POST /-/keys -f name=ci -f rate_limit_rpm:=60",
)
def api(
    ctx: typer.Context,
    *,
    method: Annotated[
        str, typer.Argument(help="GET (may be left out), POST, PUT, DELETE …", metavar="METHOD")
    ],
    path: Annotated[
        str, typer.Argument(help="From the root of the gateway: /-/keys", metavar="PATH")
    ] = "",
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--field", "-f", help="name=text or name:=JSON; for GET a query", metavar="NAME=VALUE"
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--input", help="Body from a file, or - for stdin", metavar="FILE")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header", "-H", help="A request header: 'If-Match: \"3\"'", metavar="NAME:VALUE"
        ),
    ] = None,
) -> None:
    """Send a request and print the answer.

    Paths under /v1/ go with the virtual key, all others with the admin token.
    """
    session = session_of(ctx)
    if not path and method.startswith("/"):
        method, path = "GET", method
    if not path.startswith("/"):
        msg = f"{path!r} does not begin with /"
        raise UsageProblem(msg, hint=f"prismctl api {method} /{path}")
    verb_, fields, headers = method.upper(), _fields(field or []), _headers(header or [])
    if source is not None and fields:
        raise UsageProblem("--input and --field are two ways to say the body: use one")
    is_query = verb_ in ("GET", "HEAD", "DELETE")
    http = session.openai.http if path.startswith("/v1/") else session.admin.http
    answer = http.request(
        verb_,
        _with_query(path, fields) if is_query else path,
        body=fields if fields and not is_query else None,
        content=None if source is None else _read(source),
        headers=headers,
    )
    _show(ctx, answer.content)


def _show(ctx: typer.Context, content: bytes) -> None:
    out = session_of(ctx).out
    try:
        value = loads(content)
    except ValueError:
        text = content.decode("utf-8", "replace")
        out.stream(safe.block(text) if out.terminal.is_out_tty else text)
        return
    out.value(value)


def _fields(given: list[str]) -> Object:
    fields: Object = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip(":"):
            msg = f"{text!r} is neither name=text nor name:=JSON"
            raise UsageProblem(msg)
        fields[name.removesuffix(":")] = _json(text, value) if name.endswith(":") else value
    return fields


def _headers(given: list[str]) -> dict[str, str]:
    headers = {}
    for text in given:
        name, colon, value = text.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not name or not f"{name}{value}".isprintable() or not text.isascii():
            msg = f"{text!r} is no header (Name: value)"
            raise UsageProblem(msg)
        headers[name] = value
    return headers


def _json(text: str, value: str) -> Json:
    try:
        return loads(value)
    except ValueError:
        msg = f"{text!r}: what follows := is not JSON"
        raise UsageProblem(msg, hint="use = for plain text") from None


def _with_query(path: str, fields: Object) -> str:
    """Join fields to the query that a path may have of its own."""
    if not fields:
        return path
    from urllib.parse import urlencode

    words = urlencode({name: _word(value) for name, value in fields.items()})
    return f"{path}{'&' if '?' in path else '?'}{words}"


def _word(value: Json) -> str:
    from prismctl.jsontext import dumps

    return value if isinstance(value, str) else dumps(value)


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    from pathlib import Path

    try:
        return Path(source).read_bytes()
    except OSError as error:
        msg = f"{source}: {error.strerror}"
        raise UsageProblem(msg) from None
