"""Cohere's Chat, version 2."""

from prismd.dialects.base import About, Outgoing
from prismd.dialects.cohere import answer as answers
from prismd.dialects.cohere import request as requests
from prismd.dialects.cohere.decoder import CohereDecoder
from prismd.dialects.cohere.encoder import CohereEncoder
from prismd.dialects.cohere.follower import CohereFollower
from prismd.dialects.cohere.write import write
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, Conversation


class Cohere:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.COHERE

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
        return requests.read(request)

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return the names of the offered tools; raises InvalidRequest."""
        return requests.tool_names(request)

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        return answers.write_answer(answer, about)

    def encoder(self, about: About) -> CohereEncoder:
        """Return a writer of one stream."""
        return CohereEncoder(about)

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation."""
        return write(conversation, model=model, is_stream=is_stream)

    def fetches(self, mime: str | None) -> bool:
        """Say yes to images: there is nothing else."""
        return mime is None or mime.startswith("image/")

    def read_answer(self, body: bytes, *, provider: str) -> Answer:
        """Read a whole answer; raises UpstreamError."""
        return answers.read_answer(body, provider=provider)

    def decoder(self, *, provider: str) -> CohereDecoder:
        """Return a reader of one stream."""
        return CohereDecoder(provider=provider)

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level."""
        return requests.relay(request, model=model, output_limit=output_limit)

    def read_usage(self, body: bytes, *, provider: str) -> Usage | None:
        """Check a whole answer, and return its usage; raises UpstreamError."""
        return answers.read_usage(body, provider=provider)

    def follower(self, about: About, *, provider: str) -> CohereFollower:
        """Return what relays one stream."""
        return CohereFollower(about, provider=provider)
