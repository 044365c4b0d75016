"""Cohere's Chat, version 2."""

from prismd.dialects.cohere import answer as answers
from prismd.dialects.cohere import request as requests
from prismd.dialects.cohere.decoder import CohereDecoder
from prismd.dialects.cohere.encoder import CohereEncoder
from prismd.dialects.cohere.follower import CohereFollower
from prismd.dialects.cohere.write import write
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest


class Cohere:
    """The dialect (the port ``Dialect``)."""

    name = DialectName.COHERE
    read = staticmethod(requests.read)
    tool_names = staticmethod(requests.tool_names)
    write_answer = staticmethod(answers.write_answer)
    encoder = CohereEncoder
    write = staticmethod(write)
    read_answer = staticmethod(answers.read_answer)
    decoder = CohereDecoder
    relay = staticmethod(requests.relay)
    read_usage = staticmethod(answers.read_usage)
    follower = CohereFollower

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
        """Say yes to images: there is nothing else."""
        return mime is None or mime.startswith("image/")
