"""What is written down about a call when it is over."""

import msgspec

from prismd.wire.common import Usage


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one call: one row of ``usage``, one ``call`` event, the head of its trace."""

    request_id: str
    ts_s: float
    key_id: str
    owner: str | None
    org_id: str | None
    op: str
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
    cost_nano_usd: int | None
    """None when the model has no price."""
    price_source: str | None
    """As in ``Price.source``; None when there is no price."""
    latency_ms: float
    first_byte_ms: float | None
    attempts: int
