"""In which dialect a request is answered: what its path says, else the SDK that asks.

It is asked only where something went wrong or where several SDKs share a path, and also for heads
that could not be read: it takes whatever there is.
"""

from collections.abc import Mapping

from prismd.wire.call import DialectName

ANTHROPIC_PATH = "/v1/messages"
GOOGLE_PATH = "/v1beta/"
MODELS_PATH = "/v1/models"
_MODEL_PATH = MODELS_PATH + "/"


def dialect_of(method: str, path: str, head: Mapping[bytes, bytes]) -> DialectName:
    """Return the dialect in which a request is answered, also when nothing is at its path.

    Args:
        method: HTTP method.
        path: The decoded path, without query.
        head: Headers by lower-case name; those that are there.
    """
    if path.startswith(ANTHROPIC_PATH) and path[len(ANTHROPIC_PATH) :][:1] in ("", "/"):
        return DialectName.ANTHROPIC
    if path.startswith(GOOGLE_PATH):
        return DialectName.GOOGLE
    if path.startswith(_MODEL_PATH) and method == "POST" and action_in(path) is not None:
        return DialectName.GOOGLE
    if path == MODELS_PATH or path.startswith(_MODEL_PATH):
        return _asking(head)
    return DialectName.OPENAI


def action_in(path: str) -> str | None:
    """Return what stands behind the last colon of Google's paths (``…/{model}:{action}``)."""
    _, colon, action = path.rpartition(":")
    return action if colon and "/" not in action else None


def _asking(head: Mapping[bytes, bytes]) -> DialectName:
    """Return the dialect of the SDK that asks, by headers that each of them always sends."""
    if b"anthropic-version" in head:
        return DialectName.ANTHROPIC
    if b"x-goog-api-key" in head or b"x-goog-api-client" in head:
        return DialectName.GOOGLE
    return DialectName.OPENAI
