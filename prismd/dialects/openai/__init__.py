"""OpenAI's chat completions, which most vendors speak, too."""

from prismd.dialects.base import About, Outgoing
from prismd.dialects.openai import answer as answers
from prismd.dialects.openai import request as requests
from prismd.dialects.openai.decoder import OpenAIDecoder
from prismd.dialects.openai.encoder import OpenAIEncoder
from prismd.dialects.openai.follower import OpenAIStream
from prismd.dialects.openai.read import read
from prismd.dialects.openai.write import write
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, Conversation


class OpenAI:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.OPENAI

    def parse(
        self,
        body: bytes,
        *,
        model: str | None = None,
        is_stream: bool | None = None,
        is_array: bool = False,
    ) -> ChatRequest:
        """Look at a request once; raises InvalidRequest."""
        return requests.parse_chat(body)

    def read(self, request: ChatRequest) -> Conversation:
        """Read all of a request; raises InvalidRequest."""
        return read(request)

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return the names of the offered tools; raises InvalidRequest."""
        return requests.tool_names(request)

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        return answers.write_answer(answer, about)

    def encoder(self, about: About) -> OpenAIEncoder:
        """Return a writer of one stream."""
        return OpenAIEncoder(about)

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation."""
        return write(conversation, model=model, is_stream=is_stream)

    def fetches(self, mime: str | None) -> bool:
        """Say yes to images: OpenAI takes files as data only."""
        return mime is None or mime.startswith("image/")

    def read_answer(self, body: bytes, *, provider: str) -> Answer:
        """Read a whole answer; raises UpstreamError."""
        return answers.read_answer(body, provider=provider)

    def decoder(self, *, provider: str) -> OpenAIDecoder:
        """Return a reader of one stream."""
        return OpenAIDecoder(provider=provider)

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level; raises InvalidRequest."""
        return requests.relay(request, model=model, output_limit=output_limit)

    def read_usage(self, body: bytes, *, provider: str) -> Usage | None:
        """Check a whole answer, and return its usage; raises UpstreamError."""
        return requests.read_usage(body, provider=provider)

    def follower(self, about: About, *, provider: str) -> OpenAIStream:
        """Return what relays one stream."""
        return OpenAIStream(about, provider=provider)
