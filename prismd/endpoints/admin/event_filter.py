"""Which events a viewer of the feed wants: read from the query, decided on the call's record.

It is asked for every call and viewer: it looks at what the event is about, before anything is made
of it.
"""

from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel, Field

from prismd.endpoints.admin.amounts import Dollars
from prismd.endpoints.queries import statuses
from prismd.gateway import Gateway
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.viewer import OFTEN, Wants
from prismd.policy.access import matches
from prismd.wire.usage import CallRecord

TOPICS = (
    *("tick", "call", "key", "config", "budget", "ledger"),
    *("provider", "guard", "job", "node", "log"),
)
SAMPLE_PER_S = 50
_MAX_DIGITS = 6


class EventQuery(BaseModel):
    """The parameters of ``GET /-/events``."""

    topics: str = Field("", description="comma-separated; all when left out")
    key: str | None = Field(None, description="id of a key; narrows the topic 'key' as well")
    org: str | None = None
    owner: str | None = None
    model: str | None = Field(None, description="a trailing * matches any ending")
    provider: str | None = None
    status: str | None = Field(None, description="comma list such as 429 or 4xx,5xx")
    min_cost: Dollars | None = Field(None, description="dollars")
    min_latency: float | None = Field(None, description="milliseconds", ge=0, allow_inf_nan=False)
    sample: str = Field(
        str(SAMPLE_PER_S), description="calls of a second at most, refused ones apart; or 'all'"
    )

    bodies: bool = Field(default=False, description="what was asked and answered, where it is kept")

    def wanted_topics(self) -> frozenset[str]:
        """Return the topics; raises InvalidRequest for one that does not exist."""
        names = frozenset(name.strip() for name in self.topics.split(",") if name.strip())
        if unknown := sorted(names.difference(TOPICS)):
            known = ", ".join(TOPICS)
            msg = f"Unknown topic '{unknown[0]}'. Known topics: {known}."
            raise InvalidRequest(msg, code="unknown_topic", param="topics")
        return names or frozenset(TOPICS)

    def per_s(self) -> int | None:
        """Return how many calls of a second are wanted, None for all; raises InvalidRequest."""
        text = self.sample
        if text == "all":
            return None
        if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and int(text):
            return int(text)
        msg = "'sample' is how many calls of a second are wanted, from 1 to 999999, or 'all'."
        raise InvalidRequest(msg, code="invalid_value", param="sample")

    def wants(self, gateway: Gateway) -> Wants | None:
        """Return what decides on an event, None if all are wanted.

        Raises:
            InvalidRequest: a key or provider that does not exist, or no status.
        """
        if self.key is not None and gateway.keys.get(self.key) is None:
            msg = f"There is no key '{self.key}'. GET /-/keys lists them."
            raise InvalidRequest(msg, code="unknown_key", param="key")
        providers = gateway.snapshot.catalog.providers
        if self.provider is not None and self.provider not in providers:
            known = ", ".join(providers) or "none"
            msg = f"There is no provider '{self.provider}'. Known providers: {known}."
            raise InvalidRequest(msg, code="unknown_provider", param="provider")
        found = _Filter(self)
        return found if found.narrows else None


class _Filter:
    """The part of a query that narrows events."""

    def __init__(self, query: EventQuery) -> None:
        # What must be equal, by the field of a call's record.
        equal = {
            "key_id": query.key,
            "org_id": query.org,
            "owner": query.owner,
            "provider": query.provider,
        }
        self._equal = [(name, value) for name, value in equal.items() if value is not None]
        self._key = query.key
        self._models = None if query.model is None else (query.model,)
        self._statuses = None if query.status is None else statuses("status", query.status)
        self._min_cost_nano_usd = query.min_cost
        self._min_latency_ms = query.min_latency

    @property
    def narrows(self) -> bool:
        """Say whether there is anything that it does not want."""
        others = (self._models, self._statuses, self._min_cost_nano_usd, self._min_latency_ms)
        return bool(self._equal) or any(other is not None for other in others)

    def __call__(self, topic: str, about: object) -> bool:
        """Say whether an event is wanted."""
        if topic in OFTEN:
            return self._wants_call(cast("tuple[CallRecord]", about)[0])
        if topic == "key" and self._key is not None:
            return cast("Mapping[str, object]", about)["key_id"] == self._key
        return True

    def _wants_call(self, call: CallRecord) -> bool:
        for name, value in self._equal:
            if getattr(call, name) != value:
                return False
        least_nano_usd, least_ms = self._min_cost_nano_usd, self._min_latency_ms
        return (
            (self._statuses is None or call.status in self._statuses)
            and (self._models is None or matches(call.model, self._models))
            and (least_ms is None or call.latency_ms >= least_ms)
            and (least_nano_usd is None or (call.cost_nano_usd or 0) >= least_nano_usd)
        )
