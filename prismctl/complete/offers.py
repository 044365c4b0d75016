"""Which words a flag or an argument could be: one table, by its name.

``--key`` is a key in every command, so a new command is completed by calling things what they are
called elsewhere. An entry with the noun in front of it is stronger than one without.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from prismctl.output.render import Format
from prismctl.session import Session

if TYPE_CHECKING:
    from typer.core import TyperArgument, TyperOption

Kind = Literal["words", "file", "dir"]


class Item(NamedTuple):
    """A word, what it means, and how far down it stands."""

    value: str
    about: str = ""
    rank: int = 0


Words: TypeAlias = Callable[[Session], Iterable[Item]]


def offer(
    param: "TyperArgument | TyperOption", path: list[str], session: Session, typed: str
) -> tuple[Kind, list[Item]]:
    """Return what a parameter of the command at ``path`` could be.

    Args:
        param: The flag or the argument.
        path: The words of the command: noun and verb.
        session: Where the gateway is.
        typed: What is there already; ids are offered only to who begins one.
    """
    name, noun = param.name or "", path[0] if path else ""
    annotation = param.type_descriptor.annotation
    if annotation is Path or param.metavar in ("FILE", "DIR"):
        return "dir" if param.metavar == "DIR" else "file", []
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "words", [Item(str(member.value)) for member in annotation]
    if name == "fields":
        return "words", _live(session, _field_lists(path), "field")
    for key in (f"{' '.join(path)}.{name}", f"{noun}.{name}", name):
        if key in WORDS:
            return "words", list(WORDS[key](session))
        if key in LIVE:
            lists, kind = LIVE[key]
            items = _live(session, lists, kind)
            if kind == "key" and typed:
                items += _live(session, lists, "key_id")
            return "words", items
    return "words", []


LIVE: dict[str, tuple[tuple[str, ...], str]] = {
    "key": (("keys",), "key"),
    "keys list.name": (("keys",), "key"),
    "owner": (("keys",), "owner"),
    "org": (("keys",), "org"),
    "tag": (("keys",), "tag"),
    "model": (("models",), "model"),
    "models": (("models",), "model"),
    "prices.price": (("prices",), "model"),
    "provider": (("capabilities",), "provider"),
    "providers": (("capabilities",), "provider"),
    "api.path": (("capabilities",), "path"),
    "budgets.subject": (("keys", "models"), "subject"),
    "backup": (("backups",), "backup"),
    "request": (("requests",), "request"),
    "ledger postings.account": (("accounts",), "account"),
}
"""Name → lists of the gateway (``lists.LISTS``), and what is looked for in them."""


def _live(session: Session, names: Iterable[str], kind: str) -> list[Item]:
    from prismctl.complete import cache

    return [
        Item(value, about)
        for name in names
        for its_kind, value, about in cache.read(session, name)
        if its_kind == kind
    ]


def _field_lists(path: list[str]) -> tuple[str, ...]:
    from prismctl.complete.lists import FIELDS

    name = FIELDS.get(" ".join(path)) or FIELDS.get(path[0] if path else "")
    return (name,) if name else ()


def _contexts(session: Session) -> Iterable[Item]:
    return [Item(one.name, one.url) for one in session.contexts.by_name.values()]


def _urls(session: Session) -> Iterable[Item]:
    return [Item(one.url, one.name) for one in session.contexts.by_name.values()]


def _budgets(session: Session) -> Iterable[Item]:
    """Return budgets as people write them: of a key by its name."""
    names = {one.value: one.about for one in _live(session, ("keys",), "key_id")}
    for item in _live(session, ("budgets",), "budget"):
        scope, _, subject = item.value.partition(":")
        yield item._replace(value=f"{scope}:{names.get(subject) or subject}")


def _explained(session: Session) -> Iterable[Item]:
    del session
    from prismctl.commands.help_topics import TOPICS
    from prismctl.main import COMMANDS

    topics = [Item(name, "topic", rank=1) for name in TOPICS]
    return [*(Item(name, entry.help) for name, entry in COMMANDS.items()), *topics]


def _of(module: str, name: str) -> Words:
    """Return the words that a command has as a constant; it is imported when they are asked for."""

    def words(session: Session) -> Iterable[Item]:
        del session
        constant: Iterable[str] = getattr(import_module(f"prismctl.commands.{module}"), name)
        return [Item(one) for one in constant]

    return words


def _screens(session: Session) -> Iterable[Item]:
    del session
    from prismctl.tui.registry import SCREENS

    return [Item(one.name, one.help) for one in SCREENS]


def _fixed(*values: str) -> Words:
    items = [Item(value) for value in values]
    return lambda _: items


WORDS: dict[str, Words] = {
    "context": _contexts,
    "contexts.name": _contexts,
    "url": _urls,
    "output": lambda _: [Item(one.value) for one in Format],
    "color": _fixed("auto", "always", "never"),
    "status": _fixed("2xx", "4xx", "5xx", "429"),
    "requests.error": _fixed(
        *("rate_limit_exceeded", "budget_exceeded", "insufficient_credits", "permission_denied"),
        *("model_not_found", "model_not_priced", "overloaded", "gateway_timeout", "client_closed"),
        *("provider_unreachable", "all_providers_unavailable"),
    ),
    "topics": _fixed(
        *("call", "guard", "provider", "key", "budget", "config", "job", "node", "log"),
        *("ledger", "tick", "all"),
    ),
    "tail.output": _fixed("line", "json"),
    "keys.status": _fixed("active", "blocked", "revoked"),
    "keys.clear": _of("key_flags", "CLEARABLE"),
    "usage.by": _of("usage", "GROUPS"),
    "top.by": _of("top", "GROUPS"),
    "top.sort": _of("top", "SORTS"),
    "dashboard.theme": _of("dashboard", "THEMES"),
    "dashboard.screen": _screens,
    "budgets.budget": _budgets,
    "budgets.window": _fixed("day", "week", "month", "total"),
    "since": _fixed("1h", "24h", "7d", "30d"),
    "until": _fixed("1h", "24h", "7d", "30d"),
    "api.method": _fixed("GET", "POST", "PUT", "DELETE"),
    "completion.shell": _of("completion", "SHELLS"),
    "help.words": _explained,
}
"""Name → words that this program knows, or puts together."""
