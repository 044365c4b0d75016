"""Amazon Bedrock's Converse."""

from prismd.dialects.base import About, Outgoing
from prismd.dialects.bedrock import answer as answers
from prismd.dialects.bedrock import request as requests
from prismd.dialects.bedrock.decoder import BedrockDecoder
from prismd.dialects.bedrock.encoder import BedrockEncoder
from prismd.dialects.bedrock.follower import BedrockFollower
from prismd.dialects.bedrock.write import write
from prismd.dialects.parts import invalid
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, Conversation


class Bedrock:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.BEDROCK

    def parse(
        self,
        body: bytes,
        *,
        model: str | None = None,
        is_stream: bool | None = None,
        is_array: bool = False,
    ) -> ChatRequest:
        """Look at a request once; model and streaming are the URL's. Raises InvalidRequest."""
        if model is None:
            raise invalid("the path names the model: /model/{model}/converse", "modelId")
        return requests.parse(body, model=model, is_stream=bool(is_stream))

    def read(self, request: ChatRequest) -> Conversation:
        """Read all of a request; raises InvalidRequest."""
        return requests.read(request)

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return the names of the offered tools; raises InvalidRequest."""
        return requests.tool_names(request)

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        return answers.write_answer(answer)

    def encoder(self, about: About) -> BedrockEncoder:
        """Return a writer of one stream."""
        return BedrockEncoder(about)

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation."""
        return write(conversation, model=model)

    def fetches(self, mime: str | None) -> bool:
        """Say no: the API takes data, and what lies in S3."""
        return False

    def read_answer(self, body: bytes, *, provider: str) -> Answer:
        """Read a whole answer; raises UpstreamError."""
        return answers.read_answer(body, provider=provider)

    def decoder(self, *, provider: str) -> BedrockDecoder:
        """Return a reader of one stream."""
        return BedrockDecoder(provider=provider)

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level."""
        return requests.relay(request, output_limit=output_limit)

    def read_usage(self, body: bytes, *, provider: str) -> Usage | None:
        """Check a whole answer, and return its usage; raises UpstreamError."""
        return answers.read_usage(body, provider=provider)

    def follower(self, about: About, *, provider: str) -> BedrockFollower:
        """Return what relays one stream."""
        return BedrockFollower(about, provider=provider)
