"""What a dialect is: the one interface that the corridor, the rooms and the fake know.

Two faces. To a *client* it reads requests and writes answers (``parse`` … ``encoder``); to a
*vendor* it writes requests and reads answers (``write`` … ``decoder``). In between stand the types
of ``wire/conversation``. Where client and vendor speak the same dialect nothing is translated: the
request's top level is spliced (``relay``) and the vendor's bytes are passed on (``follower``).
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from prismd.kernel.errors import PrismError
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, Conversation, Event


class HttpCall(msgspec.Struct, frozen=True):
    """A request to a vendor, relative to its base URL; credentials are added by the sender."""

    method: str
    path: str
    """Below the base URL, with a leading slash: ``/chat/completions``. May have a query."""
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """Allow-listed headers only, lower case."""


class Outgoing(msgspec.Struct):
    """A request as a vendor's dialect says it, before the vendor's rules and its path."""

    fields: dict[str, object]
    """The top level of the JSON body; values are builtins, structs or ``Raw``."""
    drops: list[str]
    """What could not be said (``wire/conversation``), each once."""
    json_tool: str | None = None
    """Name of a tool that stands for a JSON format the vendor lacks: its call is the answer."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says of itself, whoever made it."""

    id: str
    """The gateway's request id, for dialects whose vendor gave no id."""
    model: str
    """The model as the caller named it, where the vendor does not name one."""
    created_s: int
    wants_usage: bool = True
    """OpenAI: whether the usage chunk is for the caller."""
    is_array: bool = False
    """Google: a JSON array in place of server-sent events."""
    request: ChatRequest | None = None
    """The request that is answered: completions repeat its prompt (``echo``)."""


class Follower(Protocol):
    """Follow one stream: vendor's bytes in, bytes for the client out, and what must be known."""

    annotate: Callable[[Usage], bytes] | None
    """Returns a JSON object to put as member ``prism`` into the event with the final usage."""

    @property
    def usage(self) -> Usage | None:
        """What the vendor says that the call used, as soon as it has."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete; nothing comes after it."""
        ...

    @property
    def output_chars(self) -> int:
        """Characters generated so far, for an estimate when the vendor gives no usage."""
        ...

    @property
    def output_deltas(self) -> int:
        """Pieces that they came in: a vendor sends a token or more at a time."""
        ...

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        ...

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield events for the client, without the last bytes.

        Raises:
            UpstreamError: an event cannot be read, is an error, or is too large.
        """
        ...

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; raises UpstreamError if it came too early."""
        ...

    def last(self) -> bytes:
        """Return the bytes that tell the client that the answer is whole.

        They leave only when the call is settled: ``data: [DONE]``, ``message_stop``, the event with
        Google's ``finishReason``, the ``]`` of an array.
        """
        ...

    def failed(self, error: PrismError) -> bytes:
        """Return the bytes that end a stream which has begun with an error instead."""
        ...

    def answer(self) -> bytes:
        """Return what has come so far as a whole answer in the client's dialect.

        Only of use when ``keep`` was called before the first byte.
        """
        ...

    def keep(self, *, max_chars: int) -> None:
        """Remember what comes, for ``answer``."""
        ...

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        ...


class Decoder(Protocol):
    """A vendor's stream, read: bytes in, events out (``wire/conversation``)."""

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete."""
        ...

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next bytes, cut anywhere.

        Raises:
            UpstreamError: what came cannot be read, is an error, or is too large.
        """
        ...

    def end(self) -> Iterator[Event]:
        """Take the end of the bytes.

        Raises:
            UpstreamError: ``upstream_closed_early``: the answer is not complete.
        """
        ...


class Encoder(Protocol):
    """A stream for a client, written: events in, bytes out."""

    annotate: Callable[[Usage], bytes] | None
    """As in ``Follower``."""

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        ...

    def encode(self, event: Event) -> bytes:
        """Write an event; empty where it is nothing by itself, or is held back for ``last``."""
        ...

    def last(self) -> bytes:
        """Write what ends a complete answer; as ``Follower.last``."""
        ...

    def failed(self, error: PrismError) -> bytes:
        """Write an error in place of what would come."""
        ...


class Dialect(Protocol):
    """One API shape, both faces. Stateless; one object per dialect (``registry``)."""

    @property
    def name(self) -> DialectName:
        """Its name."""
        ...

    # ── to a client ──────────────────────────────────────────────────────────────────────────────

    def parse(
        self,
        body: bytes,
        *,
        model: str | None = None,
        is_stream: bool | None = None,
        is_array: bool = False,
    ) -> ChatRequest:
        """Look at a request once: its top level only, lenient towards what is not known here.

        Args:
            body: The request's bytes.
            model: Where it stands in the URL (Google, Bedrock); else None.
            is_stream: Where the URL says it; else None.
            is_array: Google's stream as a JSON array.

        Raises:
            InvalidRequest: not JSON, a field missing or of the wrong type; ``param`` names it.
        """
        ...

    def read(self, request: ChatRequest) -> Conversation:
        """Read all of a request, to translate it or to count its tokens.

        Raises:
            InvalidRequest: an unknown role or type of block, base64 that cannot be decoded, …;
                ``param`` is its JSON path in the caller's shape.
        """
        ...

    def tool_names(self, request: ChatRequest) -> list[str]:
        """Return the names of the offered tools; a vendor's built-in tool is known by its type.

        Raises:
            InvalidRequest: a tool has no readable name, or two readers could read different ones.
        """
        ...

    def write_answer(self, answer: Answer, about: About) -> bytes:
        """Write a whole answer."""
        ...

    def encoder(self, about: About) -> Encoder:
        """Return a writer of one stream."""
        ...

    # ── to a vendor ──────────────────────────────────────────────────────────────────────────────

    def write(self, conversation: Conversation, *, model: str, is_stream: bool) -> Outgoing:
        """Say a conversation; what cannot be said is dropped, and named.

        URLs in media parts that the vendor does not fetch itself have been replaced before (see
        ``fetches``). Raises InvalidRequest for what can neither be said nor dropped.
        """
        ...

    def fetches(self, mime: str | None) -> bool:
        """Say whether the vendor's API takes URLs of such media and fetches them itself."""
        ...

    def read_answer(self, body: bytes, *, provider: str) -> Answer:
        """Read a whole answer.

        Raises:
            UpstreamError: it is not what was asked for, or an error under a success status.
        """
        ...

    def decoder(self, *, provider: str) -> Decoder:
        """Return a reader of one stream."""
        ...

    # ── the same dialect at both ends ────────────────────────────────────────────────────────────

    def relay(self, request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
        """Splice the client's own top level; messages are not looked into.

        What changes: the vendor's model name, a limit where none was given, a report of usage.
        """
        ...

    def read_usage(self, body: bytes, *, provider: str) -> Usage | None:
        """Check that a whole answer is one, and return its usage; raises as ``read_answer``."""
        ...

    def follower(self, about: About, *, provider: str) -> Follower:
        """Return what relays one stream."""
        ...
