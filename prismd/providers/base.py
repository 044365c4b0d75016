"""What a vendor is (``ProviderSpec``) and the port through which it is reached (``Upstream``)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

from prismd.dialects.base import HttpCall
from prismd.providers.params import NO_RULES, Rules
from prismd.wire.call import DialectName, Op
from prismd.wire.price import ModelFacts


class AuthKind(StrEnum):
    """How a vendor wants its credential."""

    NONE = "none"
    BEARER = "bearer"
    API_KEY_HEADER = "api-key"
    X_API_KEY = "x-api-key"
    GOOGLE_KEY = "x-goog-api-key"
    AWS = "aws"
    """Signed with AWS keys; an API key instead is a bearer token."""
    GOOGLE_ACCOUNT = "google-account"
    """A token that an account's key file is exchanged for; an API key instead is ``GOOGLE_KEY``."""


class Signer(Protocol):
    """Makes the credential of each call where it is not the same for all of them."""

    async def headers(
        self, *, method: str, url_path: str, host: str, body: bytes
    ) -> tuple[tuple[str, str], ...]:
        """Return the headers that carry the credential of one call.

        Args:
            method: As it is sent.
            url_path: Path and query as they are sent, percent-encoded.
            host: What the Host header says.
            body: As it is sent.

        Raises:
            UpstreamError: the credential cannot be had; UpstreamTimeout: not in time.
        """
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an operation lives below the vendor's base URL, and what is spoken there.

    ``{model}`` in a path stands for the vendor's name of the model.
    """

    path: str
    dialect: DialectName = DialectName.OPENAI
    stream_path: str | None = None
    """Where a stream is asked for, if that is another path."""
    models: tuple[str, ...] = ()
    """The beginnings of the names of the only models that have it; empty: all have."""
    instead: "tuple[Endpoint, ...]" = ()
    """Where it is for the models that these name, in their own dialects."""

    @property
    def names_model(self) -> bool:
        """Whether the path says which model is asked; the body may not, at Vertex's Claude."""
        return "{model}" in self.path

    def path_for(self, model: str, *, is_stream: bool) -> str:
        """Return the path of a call; a name in it is percent-encoded, once and for all."""
        path = self.stream_path if is_stream and self.stream_path is not None else self.path
        return path.replace("{model}", quote(model, safe="")) if "{" in path else path


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a vendor lists its models. Whatever shape the list has, it can be read."""

    path: str
    """Below the base URL; may have a query."""
    instead_of: str = ""
    """The end of the base URL's path that is cut off first."""


_CHAT = Endpoint("/chat/completions")
OPENAI_ENDPOINTS: Mapping[Op, Endpoint] = {Op.CHAT: _CHAT}
"""What every OpenAI-compatible vendor has."""

OPENAI_ENDPOINTS_AND_TEXT: Mapping[Op, Endpoint] = {
    Op.CHAT: _CHAT,
    Op.COMPLETIONS: Endpoint("/completions", DialectName.COMPLETIONS),
}
"""What many of them have: completions of plain text, too."""

ANTHROPIC_ENDPOINTS: Mapping[Op, Endpoint] = {
    Op.CHAT: Endpoint("/messages", DialectName.ANTHROPIC),
    Op.COUNT_TOKENS: Endpoint("/messages/count_tokens", DialectName.ANTHROPIC),
}

GOOGLE_ENDPOINTS: Mapping[Op, Endpoint] = {
    Op.CHAT: Endpoint(
        "/models/{model}:generateContent",
        DialectName.GOOGLE,
        stream_path="/models/{model}:streamGenerateContent?alt=sse",
    ),
    Op.COUNT_TOKENS: Endpoint("/models/{model}:countTokens", DialectName.GOOGLE),
}

BEDROCK_ENDPOINTS: Mapping[Op, Endpoint] = {
    Op.CHAT: Endpoint(
        "/model/{model}/converse",
        DialectName.BEDROCK,
        stream_path="/model/{model}/converse-stream",
    ),
    Op.COUNT_TOKENS: Endpoint("/model/{model}/count-tokens", DialectName.BEDROCK),
}

COHERE_ENDPOINTS: Mapping[Op, Endpoint] = {Op.CHAT: Endpoint("/chat", DialectName.COHERE)}

ANTHROPIC_HEADERS = (("anthropic-version", "2023-06-01"),)
ANTHROPIC_PASSED = frozenset({"anthropic-beta", "anthropic-version"})
OPENAI_PASSED = frozenset({"openai-beta"})
"""Not organization and project: they choose who pays, and that is the operator's."""

MODELS = Listing("/models")
GOOGLE_MODELS = Listing("/models?pageSize=1000")
ANTHROPIC_MODELS = Listing("/models?limit=1000")
COHERE_MODELS = Listing("/v1/models?endpoint=chat&page_size=1000", instead_of="/v2")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """One vendor. An operation that is absent from ``ops`` is answered with an honest 501."""

    type: str
    """The word in the config: ``providers.<id>.type``."""
    title: str
    docs_url: str
    base_url: str | None
    """The public base URL with its version segment; None: the operator must give one. A name in
    braces is a setting of the provider that it is put together with."""
    base_path: str = "/v1"
    """What a given base URL gets if it has no path."""
    auth: AuthKind = AuthKind.BEARER
    ops: Mapping[Op, Endpoint] = field(default_factory=lambda: OPENAI_ENDPOINTS)
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with each call; what the client or the operator says replaces them."""
    passed_headers: frozenset[str] = frozenset()
    """Headers of a client that go to the vendor, lower case; all others stay here."""
    rules: Rules = NO_RULES
    """What is special about its parameters."""
    is_generic: bool = False
    """With a base URL of the operator's own it is any server of its dialect."""
    also: Mapping[DialectName, str] = field(default_factory=dict)
    """Further dialects that the vendor speaks itself, and their base URLs."""
    listing: Listing | None = MODELS
    """Where it lists its models; None: the operator must list them."""
    api_key_env: tuple[str, ...] = ()
    """Environment variables that usually hold the key; the first that is set wins."""
    local_port: int | None = None
    """The usual loopback port of a self-hosted server."""
    settings_mark: str | None = None
    """What follows this mark in a model name are settings, not the name."""
    lists_prefixed: bool = False
    """Whether its models are listed as ``provider/model`` instead of by their bare names."""
    facts: ModelFacts | None = None
    """Price and context of every model, for a vendor that is in no public price data."""
    prices_id: str | None = None
    """The vendor's id in the price data; None: no public prices."""

    def endpoint(self, op: Op, model: str) -> Endpoint | None:
        """Return where an operation is asked for of a model; None: it cannot be."""
        found = self.ops.get(op)
        for other in found.instead if found is not None else ():
            if model.startswith(other.models):
                return other
        if found is None or not found.models or model.startswith(found.models):
            return found
        return None

    @property
    def dialect(self) -> DialectName:
        """What is spoken in chats."""
        return self.ops[Op.CHAT].dialect


class UpstreamResponse(Protocol):
    """A vendor's answer whose head has arrived. ``aclose`` must be called, if not all was taken."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""

    def take_body(self) -> bytes | None:
        """Return the whole body if all of it is here: no need to wait; else None.

        Raises:
            UpstreamError: it is over the limit.
        """
        ...

    async def read(self) -> bytes:
        """Read the whole body.

        Raises:
            UpstreamError: the connection broke, the body is over the limit, or time ran out.
        """
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; raises like ``read``."""
        ...

    async def aclose(self) -> None:
        """Give the connection back, or cut it if the body was not read to its end."""
        ...


class Upstream(Protocol):
    """One configured provider, ready to be called. Long-lived, safe for concurrent use."""

    async def send(self, call: HttpCall) -> UpstreamResponse:
        """Send and wait for the head of the answer.

        Raises:
            UpstreamError: no answer (refused, reset, TLS, DNS); UpstreamTimeout: not in time.
        """
        ...

    async def list_models(self) -> list[str]:
        """Ask the vendor for its model ids; raises like ``send``."""
        ...
