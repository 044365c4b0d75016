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
from prismd.wire.conversation import Answer, Conversation


class Bedrock:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.BEDROCK
    read = staticmethod(requests.read)
    tool_names = staticmethod(requests.tool_names)
    encoder = BedrockEncoder
    read_answer = staticmethod(answers.read_answer)
    decoder = BedrockDecoder
    read_usage = staticmethod(answers.read_usage)
    follower = BedrockFollower

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

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        return answers.write_answer(answer)

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation."""
        return write(conversation, model=model)

    def fetches(self, mime: str | None) -> bool:
        """Say no: the API takes data, and what lies in S3."""
        return False

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level."""
        return requests.relay(request, output_limit=output_limit)
