"""What a replay is asked for, and how it is shown."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from prismd.dialects.reading import MAX_MODEL_CHARS
from prismd.endpoints.admin.request_types import RequestTrace
from prismd.endpoints.replies import Usd, usd
from prismd.kernel.errors import PrismError
from prismd.wire.usage import CallRecord


class ReplayChanges(BaseModel):
    """What is to be different; nothing of it: the same call once more."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, Field(min_length=1, max_length=MAX_MODEL_CHARS)] | None = None
    provider: str | None = None
    """Only this provider is asked."""
    key: str | None = None
    """Id of the key that pays; null: that of the call."""
    set: dict[str, JsonValue] = {}
    """Members of the request and their new values, such as ``{"temperature": 0}``."""


class ReplayError(BaseModel):
    """What the call was told instead of an answer."""

    status: int
    type: str
    code: str
    param: str | None
    message: str


class ReplayedCall(RequestTrace):
    """One of the two calls."""

    text: str | None
    """What it was answered; null where there was no answer, or none is kept."""


class NewCall(ReplayedCall):
    """The call that was made now."""

    error: ReplayError | None


class Difference(BaseModel):
    """The new call less the first; null where one of the two has no such figure."""

    latency_ms: float
    first_byte_ms: float | None
    cost: Usd | None
    cost_nano_usd: int | None
    input_tokens: int
    output_tokens: int
    is_same_text: bool | None
    text_similarity: float | None
    """From 0 to 1: how much of the texts is in both; of long ones, whatever the order."""


class ReplayObject(BaseModel):
    """Both calls, and what is different."""

    object: Literal["replay"]
    id: str
    """The new call: it has a trace of its own."""
    original: ReplayedCall
    replay: NewCall
    difference: Difference


def error_view(error: PrismError) -> dict[str, object]:
    """Show what a call was told."""
    return {
        "status": error.status,
        "type": error.type,
        "code": error.code,
        "param": error.param,
        "message": error.message,
    }


def difference_view(
    before: CallRecord, after: CallRecord, *, similarity: float | None, is_same: bool | None
) -> dict[str, object]:
    """Show what is different."""
    cost = None
    if before.cost_nano_usd is not None and after.cost_nano_usd is not None:
        cost = after.cost_nano_usd - before.cost_nano_usd
    first_byte_ms = None
    if before.first_byte_ms is not None and after.first_byte_ms is not None:
        first_byte_ms = round(after.first_byte_ms - before.first_byte_ms, 3)
    return {
        "latency_ms": round(after.latency_ms - before.latency_ms, 3),
        "first_byte_ms": first_byte_ms,
        **usd("cost", cost),
        "input_tokens": after.usage.input_tokens - before.usage.input_tokens,
        "output_tokens": after.usage.output_tokens - before.usage.output_tokens,
        "is_same_text": is_same,
        "text_similarity": similarity,
    }
