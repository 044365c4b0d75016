"""Google's generateContent: the Gemini API's and Vertex AI's."""

from prismd.dialects.base import Outgoing
from prismd.dialects.google import answer as answers
from prismd.dialects.google import request as requests
from prismd.dialects.google.decoder import GoogleDecoder
from prismd.dialects.google.encoder import GoogleEncoder
from prismd.dialects.google.follower import GoogleFollower
from prismd.dialects.google.read import read
from prismd.dialects.google.write import write
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.conversation import Conversation


class Google:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.GOOGLE
    read = staticmethod(read)
    tool_names = staticmethod(requests.tool_names)
    write_answer = staticmethod(answers.write_answer)
    encoder = GoogleEncoder
    read_answer = staticmethod(answers.read_answer)
    decoder = GoogleDecoder
    read_usage = staticmethod(answers.read_usage)
    follower = GoogleFollower

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

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation."""
        return write(conversation, model=model)

    def fetches(self, mime: str | None) -> bool:
        """Say no: what is behind a URL of a caller is sent as data."""
        return False

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level."""
        return requests.relay(request, output_limit=output_limit)
