"""Lists of models as vendors write them: OpenAI's, Anthropic's, Google's and Cohere's shape.

Sans I/O. All shapes are read alike, whoever sends them: local servers mix them.
"""

from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from prismd.kernel import jsonio

MAX_PAGES = 20
MAX_MODELS = 10_000

_GOOGLE_CHAT = "generateContent"


class Page(msgspec.Struct, frozen=True):
    """One page of a list."""

    ids: tuple[str, ...]
    """In the vendor's order."""
    next: tuple[str, str] | None
    """The parameter that asks for the page behind it; None: there is none."""


def read_page(body: bytes) -> Page | None:
    """Read a page; None if the body is no list of models."""
    try:
        listed = jsonio.decode(body)
    except ValueError:
        return None
    following, key = None, "id"
    if isinstance(listed, dict):
        following = _next(listed)
        # Ollama without models writes ``"data": null``.
        is_empty = listed.get("object") == "list" or listed.get("models") == []
        key = "id" if listed.get("data") else "name"
        listed = listed.get("data") or listed.get("models") or ([] if is_empty else None)
    if not isinstance(listed, list):
        return None
    return Page(tuple(_ids(listed, key)), following)


def with_query(path: str, parameter: tuple[str, str]) -> str:
    """Return a path with one more parameter in its query."""
    name, value = parameter
    return f"{path}{'&' if '?' in path else '?'}{name}={quote(value, safe='')}"


def _next(listed: jsonio.JsonObject) -> tuple[str, str] | None:
    """Return how the next page is asked for: Anthropic, Google, Cohere."""
    if listed.get("has_more") is True and (last := _text(listed.get("last_id"))):
        return "after_id", last
    if token := _text(listed.get("nextPageToken")):
        return "pageToken", token
    if token := _text(listed.get("next_page_token")):
        return "page_token", token
    return None


def _ids(listed: list[object], key: str) -> Iterator[str]:
    for model in listed:
        if not isinstance(model, dict):
            continue
        methods = model.get("supportedGenerationMethods")
        if isinstance(methods, list) and _GOOGLE_CHAT not in methods:
            continue  # embeds, or makes pictures
        if name := _text(model.get(key)):
            yield name.removeprefix("models/")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
