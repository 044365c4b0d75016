"""Lists of the gateway, and the words in them. Knows neither shells nor how they are kept."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from prismctl.jsontext import Object, as_object, as_objects, as_text

if TYPE_CHECKING:
    from prismctl.client.admin import Admin

Word: TypeAlias = tuple[str, str, str]
"""What kind of thing it is, the word for it, what it means."""

_FIELD_ROWS = 20
_FIELD_DEPTH = 2


class List(NamedTuple):
    """Where a list is, and what can be taken from a row of it."""

    path: str
    words: Callable[[Object], Iterator[Word]]
    rows: str = "data"


def fetch(admin: "Admin", name: str) -> list[Word]:
    """Ask for a list; return the words in it, each once."""
    wanted = LISTS[name]
    path, _, query = wanted.path.partition("?")
    params = dict(pair.split("=") for pair in query.split("&")) if query else {}
    answer = admin.http.request("GET", path, params=params).object()
    rows = as_objects(answer.get(wanted.rows))
    found = [word for row in rows for word in wanted.words(row)]
    if name == "capabilities":
        found += [
            ("path", as_text(one.get("path")), as_text(one.get("method")))
            for one in as_objects(answer.get("endpoints"))
        ]
    found += [("field", field, "") for row in rows[:_FIELD_ROWS] for field in _fields(row, 1)]
    unique = {(kind, value): (kind, value, about) for kind, value, about in found if value}
    return list(unique.values())


def _fields(row: Object, depth: int) -> Iterator[str]:
    for name, value in row.items():
        yield name
        if isinstance(value, dict) and depth < _FIELD_DEPTH:
            yield from (f"{name}.{inner}" for inner in _fields(value, depth + 1))


def _key(row: Object) -> Iterator[Word]:
    id_, name = as_text(row.get("id")), as_text(row.get("name"))
    owner, org = as_text(row.get("owner")), as_text(row.get("org_id"))
    status = as_text(row.get("status"))
    if status != "revoked":
        yield "key", name, f"{id_}, {status}"
        yield "key_id", id_, name
        yield "subject", f"key:{name}" if name else "", id_
    for kind, value in (("owner", owner), ("org", org)):
        yield kind, value, ""
        yield "subject", f"{kind}:{value}" if value else "", ""
    for tag, text in as_object(row.get("metadata")).items():
        if isinstance(text, str):
            yield "tag", f"{tag}={text}", ""
            yield "subject", f"tag:{tag}={text}", ""


def _model(row: Object) -> Iterator[Word]:
    id_ = as_text(row.get("id"))
    yield "model", id_, as_text(row.get("owned_by"))
    yield "subject", f"model:{id_}", ""


def _provider(row: Object) -> Iterator[Word]:
    yield "provider", as_text(row.get("id")), as_text(row.get("title"))


def _budget(row: Object) -> Iterator[Word]:
    subject = f"{as_text(row.get('scope'))}:{as_text(row.get('subject'))}"
    yield "budget", subject, as_text(row.get("window"))


def _price(row: Object) -> Iterator[Word]:
    yield "model", as_text(row.get("model")), as_text(row.get("provider"))


def _backup(row: Object) -> Iterator[Word]:
    yield "backup", as_text(row.get("id")), as_text(row.get("created_at"))


def _request(row: Object) -> Iterator[Word]:
    about = f"{row.get('status')} {as_text(row.get('model'))} {as_text(row.get('created_at'))}"
    yield "request", as_text(row.get("id")), about


def _account(row: Object) -> Iterator[Word]:
    yield "account", as_text(row.get("id")), as_text(row.get("kind"))


def _nothing(_: Object) -> Iterator[Word]:
    return iter(())


LISTS = {
    "keys": List("/-/keys?limit=500", _key),
    "models": List("/-/models", _model),
    "capabilities": List("/-/capabilities", _provider, rows="providers"),
    "budgets": List("/-/budgets?limit=500", _budget),
    "prices": List("/-/prices", _price),
    "backups": List("/-/backups", _backup),
    "requests": List("/-/requests?limit=50", _request),
    "accounts": List("/-/ledger/accounts?limit=500", _account),
    "postings": List("/-/ledger/postings?limit=20", _nothing),
    "audit": List("/-/audit?limit=20", _nothing),
    "usage": List("/-/usage?group_by=model", _nothing),
}

FIELDS = {
    "keys": "keys",
    "models": "models",
    "providers": "capabilities",
    "budgets": "budgets",
    "prices": "prices",
    "backup": "backups",
    "requests": "requests",
    "ledger accounts": "accounts",
    "ledger postings": "postings",
    "audit": "audit",
    "usage": "usage",
}
"""Command → the list whose fields ``--fields`` can name."""
