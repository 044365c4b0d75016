"""``POST /v1/chat/completions``."""

from collections.abc import Awaitable

from starlette.types import Receive, Scope, Send

from prismd.dialects.openai.request import parse_chat
from prismd.endpoints.calls import answer_call
from prismd.gateway import Gateway
from prismd.wire.call import DialectName, Op


def chat_completions(
    gateway: Gateway, scope: Scope, receive: Receive, send: Send
) -> Awaitable[None]:
    """Create a chat completion, streamed or not."""
    return answer_call(
        gateway, scope, receive, send, op=Op.CHAT, dialect=DialectName.OPENAI, parse=parse_chat
    )
