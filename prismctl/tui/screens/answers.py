"""Answers of admin paths, as screens need them."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from prismctl.jsontext import Object, as_object, as_text
from prismctl.tui import values
from prismctl.tui.board import Board

MAX_ROWS = 5_000


def rows(board: Board, path: str) -> Sequence[Object] | None:
    """Return the rows of a list, old ones if the newest answer is an error; None if none came."""
    body = board.known(path) or board.body(path)
    return None if body is None else list(values.objects(body.get("data"), MAX_ROWS))


def problem(board: Board, path: str) -> str:
    """Return why the newest answer of a path is none; empty if it is one, or has not come."""
    return refusal(board.body(path) or {})


def refusal(answer: Object) -> str:
    """Return why an answer is none; empty if it is one."""
    if "error" not in answer:
        return ""
    return as_text(as_object(answer.get("error")).get("message")) or "the gateway refused"


def segment(name: str) -> str:
    """Return a name as a part of a path."""
    return quote(name, safe="")


def usage(**params: str) -> str:
    """Return the path of a usage report."""
    return f"/-/usage?{urlencode(params)}"
