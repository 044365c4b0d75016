"""Count the tokens of a request: by a published table where there is one, else by an estimate.

The tables are the extra ``tokens``: they are in its package, nothing is fetched. They take 0.3 to
1 s and some 100 MB when they are needed first, so that is done in a thread, and never for a call.
"""

import asyncio
from collections.abc import Sequence

from prismd.dialects.registry import DIALECTS
from prismd.kernel.errors import InvalidRequest
from prismd.metering.tokens import REPLY_PRIMER_TOKENS, size_of
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.conversation import Conversation, Text

_TABLES = (
    ("gpt-oss", "o200k_harmony"),
    ("gpt-5", "o200k_base"),
    ("gpt-4o", "o200k_base"),
    ("gpt-4.1", "o200k_base"),
    ("gpt-4.5", "o200k_base"),
    ("chatgpt-4o", "o200k_base"),
    ("o1", "o200k_base"),
    ("o3", "o200k_base"),
    ("o4", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("gpt-3.5", "cl100k_base"),
)
"""Beginning of a model's name → its vocabulary, the first that fits."""
_FRAME_TOKENS = 4
"""What a message costs beside its words, its role included, as OpenAI has published it."""


async def count_here(dialect: DialectName, request: ChatRequest, model: str) -> tuple[int, str]:
    """Return the tokens of a request, and how they were counted: ``exact`` or ``estimate``.

    Exact are words of models with a published vocabulary. How tools, images and files are framed
    nobody publishes: with them it is an estimate.
    """
    table = table_of(model)
    if table is not None and (texts := _only_words(dialect, request)) is not None:
        words = await asyncio.to_thread(_count, texts, table)
        if words is not None:
            return REPLY_PRIMER_TOKENS + _FRAME_TOKENS * len(texts) + words, "exact"
    return size_of(dialect, request).likely(), "estimate"


def table_of(model: str) -> str | None:
    """Return the vocabulary of a model, by its name without a vendor's prefix."""
    name = model.rpartition("/")[2].lower()
    return next((table for beginning, table in _TABLES if name.startswith(beginning)), None)


def _only_words(dialect: DialectName, request: ChatRequest) -> list[str] | None:
    """Return the text of each message; None where there is more than text."""
    try:
        said = DIALECTS[dialect].read(request)
    except InvalidRequest:
        return None
    if said.tools or said.json_format is not None or not _is_text(said):
        return None
    turns = ("".join(_words(part) for part in turn.parts) for turn in said.turns)
    return [*(text.text for text in said.system), *turns]


def _is_text(said: Conversation) -> bool:
    parts = (part for turn in said.turns for part in turn.parts)
    return all(isinstance(part, Text) for part in parts) and not any(t.name for t in said.turns)


def _words(part: object) -> str:
    return part.text if isinstance(part, Text) else ""


def _count(texts: Sequence[str], table: str) -> int | None:
    """Count words by a table; None where the extra is not installed."""
    try:
        from toktok import batch_count  # noqa: PLC0415  # loads when it is needed first
    except ImportError:
        return None
    counts: list[int] = batch_count(list(texts), table)
    return sum(counts)
