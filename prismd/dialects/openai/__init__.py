"""OpenAI's chat completions, which most vendors speak, too."""

from prismd.dialects.openai import answer as answers
from prismd.dialects.openai import request as requests
from prismd.dialects.openai.decoder import OpenAIDecoder
from prismd.dialects.openai.encoder import OpenAIEncoder
from prismd.dialects.openai.follower import OpenAIStream
from prismd.dialects.openai.read import read
from prismd.dialects.openai.write import write
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest


class OpenAI:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.OPENAI
    read = staticmethod(read)
    tool_names = staticmethod(requests.tool_names)
    write_answer = staticmethod(answers.write_answer)
    encoder = OpenAIEncoder
    write = staticmethod(write)
    read_answer = staticmethod(answers.read_answer)
    decoder = OpenAIDecoder
    relay = staticmethod(requests.relay)
    read_usage = staticmethod(requests.read_usage)
    follower = OpenAIStream

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

    def fetches(self, mime: str | None) -> bool:
        """Say yes to images: OpenAI takes files as data only."""
        return mime is None or mime.startswith("image/")
