"""Anthropic's Messages."""

from prismd.dialects.anthropic import answer as answers
from prismd.dialects.anthropic import request as requests
from prismd.dialects.anthropic.decoder import AnthropicDecoder
from prismd.dialects.anthropic.encoder import AnthropicEncoder
from prismd.dialects.anthropic.follower import AnthropicFollower
from prismd.dialects.anthropic.read import read
from prismd.dialects.anthropic.write import write
from prismd.dialects.base import About, Outgoing
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, Conversation


class Anthropic:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.ANTHROPIC

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
        """Read all of a request; raises InvalidRequest."""
        return read(request)

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return the names of the offered tools; raises InvalidRequest."""
        return requests.tool_names(request)

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        return answers.write_answer(answer, about)

    def encoder(self, about: About) -> AnthropicEncoder:
        """Return a writer of one stream."""
        return AnthropicEncoder(about)

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation."""
        return write(conversation, model=model, is_stream=is_stream)

    def fetches(self, mime: str | None) -> bool:
        """Say yes: images and documents are fetched by the vendor."""
        return True

    def read_answer(self, body: bytes, *, provider: str) -> Answer:
        """Read a whole answer; raises UpstreamError."""
        return answers.read_answer(body, provider=provider)

    def decoder(self, *, provider: str) -> AnthropicDecoder:
        """Return a reader of one stream."""
        return AnthropicDecoder(provider=provider)

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level."""
        return requests.relay(request, model=model, output_limit=output_limit)

    def read_usage(self, body: bytes, *, provider: str) -> Usage | None:
        """Check a whole answer, and return its usage; raises UpstreamError."""
        return answers.read_usage(body, provider=provider)

    def follower(self, about: About, *, provider: str) -> AnthropicFollower:
        """Return what relays one stream."""
        return AnthropicFollower(about, provider=provider)
