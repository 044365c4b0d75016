"""What somebody may have meant who wrote something that is not there."""

from collections.abc import Iterable


def name(given: str, known: Iterable[str]) -> str | None:
    """Return what is nearest to a word, None if nothing is near."""
    # difflib is needed by no command that goes well.
    from difflib import get_close_matches

    names = list(dict.fromkeys(known))
    if near := get_close_matches(given, names, n=1):
        return near[0]
    # GPT-5 is near to gpt-5, though few of its letters are the same.
    by_folded = {one.casefold(): one for one in names}
    return next(
        (by_folded[one] for one in get_close_matches(given.casefold(), by_folded, n=1)), None
    )


def hint(given: str, known: Iterable[str], *, otherwise: str) -> str:
    """Return ``did you mean …?``, or ``otherwise`` if nothing is near."""
    near = name(given, known)
    return otherwise if near is None else f"did you mean {near}?"


def one_of(known: Iterable[str]) -> str:
    """Return the hint that names all there are."""
    return f"one of: {', '.join(known)}"
