"""What is typed after ``/`` on a screen whose gateway filters: ``name=value``, and other words."""

from collections.abc import Iterable, Mapping

from prismctl.output import safe


def parted(
    words: str, names: Iterable[str], known: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Return what the gateway filters by, and the other words.

    Args:
        words: As typed.
        names: Filters that the gateway has.
        known: Those in force. A value that is typed as it was shown stays what it is, whatever
            characters it holds.
    """
    found: dict[str, str] = {}
    rest = words
    for name, value in known.items():
        written = shown({name: value})
        if f" {written} " in f" {rest} ":
            found[name] = value
            rest = " ".join(f" {rest} ".replace(f" {written} ", " ", 1).split())
    others: list[str] = []
    for word in rest.split():
        name, mark, value = word.partition("=")
        if mark and name in names:
            found |= {name: value} if value else {}
        else:
            others.append(word)
    return found, " ".join(others)


def shown(filters: Mapping[str, str]) -> str:
    """Return filters as they are typed."""
    return " ".join(
        f"{name}={' '.join(safe.line(value).split())}" for name, value in filters.items()
    )
