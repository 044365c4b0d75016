"""OpenAI's text completions: what came before messages, and what base models still speak.

A client of it can talk to every vendor: the prompt is then the one turn of a conversation. To
vendors it is only relayed; nobody else's conversation is squeezed into a prompt.
"""

from prismd.dialects.base import About, Outgoing
from prismd.dialects.completions import answer as answers
from prismd.dialects.completions import request as requests
from prismd.dialects.completions.decoder import CompletionDecoder
from prismd.dialects.completions.encoder import CompletionEncoder
from prismd.dialects.completions.follower import CompletionFollower
from prismd.kernel.errors import InvalidRequest
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, Conversation


class Completions:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.COMPLETIONS

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

    def read(self, request: ChatRequest) -> Conversation:
        """Read a request of one prompt; raises InvalidRequest."""
        return requests.read(request)

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return nothing: there are no tools."""
        return []

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        return answers.write_answer(answer, about)

    def encoder(self, about: About) -> CompletionEncoder:
        """Return a writer of one stream."""
        return CompletionEncoder(about)

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Refuse: messages are no prompt. A vendor's table gives no chat this dialect."""
        raise _no_chat()

    def fetches(self, mime: str | None) -> bool:
        """Return False: a prompt has no media."""
        return False

    def read_answer(self, body: bytes, *, provider: str) -> Answer:
        """Read a whole answer; raises UpstreamError."""
        return answers.read_answer(body, provider=provider)

    def decoder(self, *, provider: str) -> CompletionDecoder:
        """Return a reader of one stream."""
        return CompletionDecoder(provider=provider)

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level."""
        return requests.relay(request, model=model, output_limit=output_limit)

    def read_usage(self, body: bytes, *, provider: str) -> Usage | None:
        """Check a whole answer, and return its usage; raises UpstreamError."""
        return answers.read_usage(body, provider=provider)

    def follower(self, about: About, *, provider: str) -> CompletionFollower:
        """Return what relays one stream."""
        return CompletionFollower(about, provider=provider)


def _no_chat() -> InvalidRequest:
    return InvalidRequest("A conversation cannot be sent as a text completion.")
