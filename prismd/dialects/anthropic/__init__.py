"""Anthropic's Messages."""

from prismd.dialects.anthropic import answer as answers
from prismd.dialects.anthropic import request as requests
from prismd.dialects.anthropic.decoder import AnthropicDecoder
from prismd.dialects.anthropic.encoder import AnthropicEncoder
from prismd.dialects.anthropic.follower import AnthropicFollower
from prismd.dialects.anthropic.read import read
from prismd.dialects.anthropic.write import write
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest


class Anthropic:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.ANTHROPIC
    read = staticmethod(read)
    tool_names = staticmethod(requests.tool_names)
    write_answer = staticmethod(answers.write_answer)
    encoder = AnthropicEncoder
    write = staticmethod(write)
    read_answer = staticmethod(answers.read_answer)
    decoder = AnthropicDecoder
    relay = staticmethod(requests.relay)
    read_usage = staticmethod(answers.read_usage)
    follower = AnthropicFollower

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

    def fetches(self, mime: str | None) -> bool:
        """Say yes: images and documents are fetched by the vendor."""
        return True
