"""What is written down about a call: while it runs, so that a crash loses none, and at its end."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from prismd.wire.budget import WindowRef
from prismd.wire.common import Usage
from prismd.wire.price import Price, PriceLine


class UsageSource(StrEnum):
    """Who says how much a call used."""

    REPORTED = "reported"
    """The provider."""
    ESTIMATED = "estimated"
    """We counted: the answer did not come to its end, or the provider did not say."""
    RECOVERED = "recovered"
    """We counted, after a restart, from the last checkpoint before a crash."""


class OpenCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What must be known of a running call to charge it without the process that ran it."""

    owner: str | None
    org_id: str | None
    op: str
    model: str
    provider: str
    upstream_model: str
    is_stream: bool
    input_tokens: int
    """Estimated."""
    price: Price | None
    tags: Mapping[str, str] = {}


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The outcome of one call: one row of ``usage``, one ``call`` event, the head of its trace."""

    request_id: str
    ts_s: float
    key_id: str
    owner: str | None
    org_id: str | None
    op: str
    dialect: str = "openai"
    """What the client spoke, as in ``DialectName``."""
    model: str
    """The model as the client named it."""
    provider: str | None
    """Provider id; None when no provider was reached."""
    upstream_model: str | None
    status: int
    error_code: str | None
    is_stream: bool
    is_complete: bool
    """False when the client left or the stream broke before its end."""
    usage: Usage
    usage_source: UsageSource = UsageSource.REPORTED
    cost_nano_usd: int | None
    """None when the model has no price."""
    cost_pico_usd: int | None = None
    """The same before it was rounded up."""
    price_source: str | None
    """As in ``Price.source``; None when there is no price."""
    price_lines: tuple[PriceLine, ...] = ()
    """What the cost is made of, at the prices of that moment."""
    account: str | None = None
    """The account that was charged."""
    windows: tuple[WindowRef, ...] = ()
    """The windows of budgets that it counted in."""
    tags: Mapping[str, str] = {}
    latency_ms: float
    first_byte_ms: float | None
    attempts: int
