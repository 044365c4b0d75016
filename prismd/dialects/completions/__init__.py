"""OpenAI's text completions: what came before messages, and what base models still speak.

A client of it can talk to every vendor: the prompt is then the one turn of a conversation. To
vendors it is only relayed; nobody else's conversation is squeezed into a prompt.
"""

from prismd.dialects.base import Outgoing
from prismd.dialects.completions import answer as answers
from prismd.dialects.completions import request as requests
from prismd.dialects.completions.decoder import CompletionDecoder
from prismd.dialects.completions.encoder import CompletionEncoder
from prismd.dialects.completions.follower import CompletionFollower
from prismd.kernel.errors import InvalidRequest
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.conversation import Conversation


class Completions:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.COMPLETIONS
    read = staticmethod(requests.read)
    write_answer = staticmethod(answers.write_answer)
    encoder = CompletionEncoder
    read_answer = staticmethod(answers.read_answer)
    decoder = CompletionDecoder
    relay = staticmethod(requests.relay)
    read_usage = staticmethod(answers.read_usage)
    follower = CompletionFollower

    def parse(
        self,
        body: bytes,
        *,
        model: str | None = None,
        is_stream: bool | None = None,
        is_array: bool = False,
    ) -> ChatRequest:
        """Look at a request once; raises InvalidRequest."""
        return requests.parse(body)

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return nothing: there are no tools."""
        return []

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Refuse: messages are no prompt. A vendor's table gives no chat this dialect."""
        raise _no_chat()

    def fetches(self, mime: str | None) -> bool:
        """Return False: a prompt has no media."""
        return False


def _no_chat() -> InvalidRequest:
    return InvalidRequest("A conversation cannot be sent as a text completion.")
