"""Google's generateContent: the Gemini API's and Vertex AI's."""

from prismd.dialects.base import About, Outgoing
from prismd.dialects.google import answer as answers
from prismd.dialects.google import request as requests
from prismd.dialects.google.decoder import GoogleDecoder
from prismd.dialects.google.encoder import GoogleEncoder
from prismd.dialects.google.follower import GoogleFollower
from prismd.dialects.google.read import read
from prismd.dialects.google.write import write
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, Conversation


class Google:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.GOOGLE

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
            raise requests.no_model()
        return requests.parse(body, model=model, is_stream=bool(is_stream), is_array=is_array)

    def read(self, request: ChatRequest) -> Conversation:
        """Read all of a request; raises InvalidRequest."""
        return read(request)

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return the names of the offered tools; raises InvalidRequest."""
        return requests.tool_names(request)

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        return answers.write_answer(answer, about)

    def encoder(self, about: About) -> GoogleEncoder:
        """Return a writer of one stream."""
        return GoogleEncoder(about)

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation."""
        return write(conversation, model=model)

    def fetches(self, mime: str | None) -> bool:
        """Say no: what is behind a URL of a caller is sent as data."""
        return False

    def read_answer(self, body: bytes, *, provider: str) -> Answer:
        """Read a whole answer; raises UpstreamError."""
        return answers.read_answer(body, provider=provider)

    def decoder(self, *, provider: str) -> GoogleDecoder:
        """Return a reader of one stream."""
        return GoogleDecoder(provider=provider)

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level."""
        return requests.relay(request, output_limit=output_limit)

    def read_usage(self, body: bytes, *, provider: str) -> Usage | None:
        """Check a whole answer, and return its usage; raises UpstreamError."""
        return answers.read_usage(body, provider=provider)

    def follower(self, about: About, *, provider: str) -> GoogleFollower:
        """Return what relays one stream."""
        return GoogleFollower(about, provider=provider)
