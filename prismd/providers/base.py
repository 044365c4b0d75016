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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an operation lives below the vendor's base URL, and what is spoken there.

    ``{model}`` in a path stands for the vendor's name of the model.
    """

    path: str
    dialect: DialectName = DialectName.OPENAI
    stream_path: str | None = None
    """Where a stream is asked for, if that is another path."""

    def path_for(self, model: str, *, is_stream: bool) -> str:
        """Return the path of a call."""
        path = self.stream_path if is_stream and self.stream_path is not None else self.path
        return path.replace("{model}", quote(model, safe="")) if "{" in path else path


OPENAI_ENDPOINTS: Mapping[Op, Endpoint] = {Op.CHAT: Endpoint("/chat/completions")}
"""What every OpenAI-compatible vendor has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """One vendor. An operation that is absent from ``ops`` is answered with an honest 501."""

    type: str
    """The word in the config: ``providers.<id>.type``."""
    title: str
    docs_url: str
    base_url: str | None
    """The public base URL with its version segment; None: the operator must give one."""
    auth: AuthKind = AuthKind.BEARER
    ops: Mapping[Op, Endpoint] = field(default_factory=lambda: OPENAI_ENDPOINTS)
    api_key_env: tuple[str, ...] = ()
    """Environment variables that usually hold the key; the first that is set wins."""
    local_port: int | None = None
    """The usual loopback port of a self-hosted server."""
    rules: Rules = NO_RULES
    """What is special about its parameters."""
    is_generic: bool = False
    """With a base URL of the operator's own it is any server of this dialect: no rules then."""
    passed_headers: frozenset[str] = frozenset()
    """Headers of clients that may go on to the vendor, lower case."""
    settings_mark: str | None = None
    """What follows this mark in a model name are settings, not the name."""
    lists_prefixed: bool = False
    """Whether its models are listed as ``provider/model`` instead of by their bare names."""
    facts: ModelFacts | None = None
    """Price and context of every model, for a vendor that is in no public price data."""
    prices_id: str | None = None
    """The vendor's id in the price data; None: no public prices."""


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
