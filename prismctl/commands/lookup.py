"""What a word on the command line means: a whole id, a name, or the beginning of one id alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from prismctl import nearest
from prismctl.errors import ApiError, NotThere, PrismctlError, UsageProblem
from prismctl.jsontext import Object, as_objects, as_text

SHOWN = 5


def the_one(
    given: str, rows: Sequence[Object], *, noun: str, see: str, name: str | None = None
) -> Object:
    """Return the object that is meant.

    Args:
        given: What was written.
        rows: What there is.
        noun: What they are, such as ``backup``.
        see: The command that lists them.
        name: The field of their name, if they have one.

    Raises:
        NotThere: none is.
        UsageProblem: several are.
    """
    found = _meant(given, rows, name)
    if len(found) == 1:
        return found[0]
    if not found:
        fields = ("id",) if name is None else ("id", name)
        known = [as_text(row.get(field)) for row in rows for field in fields]
        msg = f"there is no {noun} {given!r}"
        raise NotThere(msg, hint=nearest.hint(given, known, otherwise=f"see: {see}"))
    raise several(given, [as_text(row.get("id")) for row in found], noun=noun)


def several(given: str, ids: Sequence[str], *, noun: str) -> UsageProblem:
    """Return the error of a word that means more than one object."""
    shown = ", ".join(ids[:SHOWN]) + (" …" if len(ids) > SHOWN else "")
    return UsageProblem(f"{given!r} means {len(ids)} {noun}s: {shown}", hint="use the whole id")


@contextmanager
def saying_near_models(given: str, models: Callable[[], Object]) -> Iterator[None]:
    """Let the error of a model that is not there say which one may be meant."""
    try:
        yield
    except ApiError as error:
        if error.code == "model_not_found":
            # The error is what matters: no other one may take its place.
            with suppress(PrismctlError):
                names = [as_text(row.get("id")) for row in as_objects(models().get("data"))]
                error.hint = nearest.hint(given, names, otherwise=error.hint or "")
        raise


def _meant(given: str, rows: Sequence[Object], name: str | None) -> list[Object]:
    ways = (
        lambda row: row.get("id") == given,
        lambda row: name is not None and row.get(name) == given,
        lambda row: given != "" and as_text(row.get("id")).startswith(given),
    )
    for is_meant in ways:
        if found := [row for row in rows if is_meant(row)]:
            return found
    return []
