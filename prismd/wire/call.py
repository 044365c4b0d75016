"""Who asks for what, in which dialect, until when."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from prismd.wire.chat import ChatRequest
from prismd.wire.idempotency import IdempotencyKey
from prismd.wire.key import KeyRecord


class Op(StrEnum):
    """What an inference call asks for; a vendor's table says which of them it can do."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    """Text, not messages: a vendor without it is asked for a chat instead."""
    COUNT_TOKENS = "count_tokens"
    """How many tokens a chat would have; without a vendor's counter it is done here."""

    __hash__ = str.__hash__  # that of an enum is Python code, and this is looked up by


class DialectName(StrEnum):
    """The API shape that a client or a vendor speaks."""

    OPENAI = "openai"
    COMPLETIONS = "openai-completions"
    """OpenAI's older text completions."""
    ANTHROPIC = "anthropic"
    GOOGLE = "google"
    BEDROCK = "bedrock"
    """Converse."""
    COHERE = "cohere"
    """Chat, version 2."""

    __hash__ = str.__hash__  # as above


_USAGE_ON_REQUEST = (DialectName.OPENAI, DialectName.COMPLETIONS)
"""Where the usage of a stream is an event of its own."""


class Caller(msgspec.Struct, frozen=True):
    """The holder of a virtual key, at one address."""

    key: KeyRecord
    ip: str
    """The client's address: the socket's, or the one a trusted proxy vouches for."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One inference call as it came in; it never changes on its way through the corridor."""

    id: str
    op: Op
    dialect: DialectName
    caller: Caller
    request: ChatRequest
    tags: Mapping[str, str]
    """Labels that usage is summed and budgets are set by: the key's, and the caller's own."""
    headers: Mapping[str, str]
    """The request headers that stages may look at: ``x-prism-*`` only, lower case."""
    passed: Mapping[str, str] = {}
    """Headers that a vendor's SDK sends and that may go on to such a vendor, lower case."""
    started_s: float
    """Monotonic time at which the whole request was here."""
    timeout_s: float | None
    """The caller's own limit (``x-prism-request-timeout``), or None for the configured one."""
    idempotency_key: IdempotencyKey | None = None
    """The ``Idempotency-Key`` that the call carries: asked again, it is answered as before."""
    body: bytes | None = None
    """The request as the client sent it, where it is kept; None where it is not."""

    @property
    def wants_usage(self) -> bool:
        """Whether the usage chunk of a stream is for the caller, too."""
        return self._asks_for_metadata or self.request.wants_usage

    @property
    def wants_metadata(self) -> bool:
        """Whether the usage of a stream may also say its cost.

        Where usage is an event of its own, that was asked for; in the other dialects it is part of
        the vendor's events, which are left as they are unless the caller says otherwise.
        """
        return self._asks_for_metadata or self.dialect in _USAGE_ON_REQUEST

    @property
    def _asks_for_metadata(self) -> bool:
        return self.headers.get("x-prism-include-metadata", "").lower() == "true"
