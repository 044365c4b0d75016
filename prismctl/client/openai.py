"""The inference API as ``chat`` uses it: a virtual key, chat completions, streamed or whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from prismctl.client.http import Answer, Http
from prismctl.client.sse import events
from prismctl.errors import ApiError
from prismctl.jsontext import Object, as_text, loads, pick

_PATH = "/v1/chat/completions"
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class ChatStream:
    """An answer while it is written; ``chunks`` are the API's chunk objects."""

    request_id: str | None
    chunks: Iterator[Object]


class OpenAI:
    """``/v1/`` of one gateway."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def models(self) -> Object:
        """List the models this key may use."""
        return self.http.request("GET", "/v1/models").object()

    def chat(self, body: Object, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a chat request, and wait for the whole answer."""
        return self.http.request("POST", _PATH, body=body, headers=headers)

    @contextmanager
    def stream_chat(
        self, body: Object, headers: Mapping[str, str] | None = None
    ) -> Iterator[ChatStream]:
        """Send a chat request, and read the answer while it is written; leaving early cancels it.

        Raises:
            ApiError: the gateway refused, or the stream ended in an error event.
        """
        asked: Object = {**body, "stream": True, "stream_options": {"include_usage": True}}
        with self.http.stream("POST", _PATH, body=asked, headers=headers) as stream:
            request_id = stream.headers.get("x-request-id")
            yield ChatStream(request_id, _chunks(stream.chunks, request_id))


def _chunks(raw: Iterator[bytes], request_id: str | None) -> Iterator[Object]:
    for event in events(raw):
        if event.data == _DONE:
            return
        try:
            chunk = loads(event.data)
        except ValueError:
            raise _broken("the stream holds an event that is not JSON", request_id) from None
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error"):
            raise _broken(as_text(pick(chunk, "error.message")) or "no reason given", request_id)
        yield chunk
    raise _broken("the connection closed before the answer was complete", request_id)


def _broken(why: str, request_id: str | None) -> ApiError:
    return ApiError(
        f"the answer broke off: {why}",
        status=502,
        type_="upstream_error",
        code="stream_broken",
        param=None,
        request_id=request_id,
    )
