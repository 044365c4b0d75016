"""What the price rooms read and write. Amounts have the names that the configuration gives them."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from prismd.endpoints.replies import Usd, time_text
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.jsonio import Raw
from prismd.kernel.money import parse_dollars
from prismd.wire.common import Usage
from prismd.wire.price import Price, PriceOverride, Rates, Unit
from prismd.wire.rates import FIELDS, read_rates, write_rates

MAX_NAME_CHARS = 256
MAX_COUNT = 10**9
"""The largest count in a usage; what a vendor reports beyond it is not believed either."""

Source = Literal["org", "override", "config", "fake", "local", "genai-prices", "gap-table"]


def _rate(decimals: int) -> tuple[BeforeValidator, WithJsonSchema]:
    """Make a reader of dollars with so many decimals; finer amounts would not be exact."""

    def read(value: object) -> Decimal | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            msg = "give dollars as a number, for example 2.5"
            raise ValueError(msg)  # noqa: TRY004  # pydantic turns it into an answer
        amount = parse_dollars(str(value), decimals=decimals)
        if amount < 0:
            msg = "the amount must not be negative"
            raise ValueError(msg)
        return amount

    kinds = [{"type": "number", "minimum": 0}, {"type": "string"}, {"type": "null"}]
    return BeforeValidator(read), WithJsonSchema({"anyOf": kinds})


PerMillion = Annotated[Decimal | None, *_rate(FIELDS[Unit.INPUT].decimals)]
"""Dollars per million, or none."""
PerOne = Annotated[Decimal | None, *_rate(FIELDS[Unit.IMAGE].decimals)]
"""Dollars per unit, or none."""

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]


class PriceSet(BaseModel):
    """A price in place of the public one; whatever was set for the same subject is replaced.

    Parts of input and output without a rate of their own cost what the whole does. What has no
    rate otherwise is not billed; ``POST /-/prices/test`` names it.
    """

    model_config = ConfigDict(extra="forbid")

    model: Name
    """As clients name it, or as the vendor does."""
    provider: Name | None = None
    """Only at this provider; null: whoever serves the model."""
    org_id: Name | None = None
    """Only for this org; null: for everybody."""
    input_per_mtok: PerMillion = None
    cached_input_per_mtok: PerMillion = None
    cache_write_per_mtok: PerMillion = None
    audio_input_per_mtok: PerMillion = None
    output_per_mtok: PerMillion = None
    reasoning_per_mtok: PerMillion = None
    audio_output_per_mtok: PerMillion = None
    per_mchar: PerMillion = None
    per_image: PerOne = None
    per_page: PerOne = None
    per_audio_second: PerOne = None
    per_video_second: PerOne = None
    per_search: PerOne = None
    per_request: PerOne = None

    def rates(self) -> Rates:
        """Return the rates.

        Raises:
            InvalidRequest: there is none, or a part's without its whole's.
        """
        try:
            return read_rates(self.model_dump())
        except ValueError as error:
            raise InvalidRequest(f"The price {error}.", code="invalid_price") from None


class PriceTier(BaseModel):
    """All rates of calls with more input tokens than ``above_input_tokens``."""

    above_input_tokens: int
    pricing: dict[str, Usd]


class PriceObject(BaseModel):
    """What a model costs at a provider, and who says so."""

    object: Literal["price"]
    id: str | None
    """Of the override, where it is one."""
    model: str
    provider: str | None
    org_id: str | None
    is_priced: bool
    """False: what it costs is not known, and calls of it are in no cost."""
    source: Source | None
    pricing: dict[str, Usd] | None
    """Dollars by the names of ``PUT /-/prices``."""
    tiers: list[PriceTier]
    updated_at: AwareDatetime | None


class PriceList(BaseModel):
    """Prices in force for everybody, model by model; then the other overrides."""

    object: Literal["list"]
    data: list[PriceObject]


class UsageInput(BaseModel):
    """What a call used; parts of input and output are contained in them."""

    model_config = ConfigDict(extra="forbid")

    input_tokens: Count = 0
    output_tokens: Count = 0
    cached_input_tokens: Count = 0
    reasoning_tokens: Count = 0
    cache_write_tokens: Count = 0
    audio_input_tokens: Count = 0
    audio_output_tokens: Count = 0
    images: Count = 0
    pages: Count = 0
    characters: Count = 0
    audio_ms: Count = 0
    video_ms: Count = 0
    searches: Count = 0
    requests: Count = 1

    def to_wire(self) -> Usage:
        """Return the counts in the gateway's own terms."""
        return msgspec.convert(self.model_dump(), Usage)


class PriceTest(BaseModel):
    """A call that nobody makes, to see what it would cost."""

    model_config = ConfigDict(extra="forbid")

    model: Name
    provider: Name | None = None
    """Null: the first that serves the model."""
    org_id: Name | None = None
    usage: UsageInput


class BillLine(BaseModel):
    """One line. Parts have lines of their own, and are not in the line of their whole."""

    unit: Unit
    quantity: int
    price_pico_usd: int
    """Per unit; per second for ``audio_ms`` and ``video_ms``."""
    amount_pico_usd: int


class BillObject(BaseModel):
    """What the call would cost; null without a price."""

    object: Literal["bill"]
    model: str
    provider: str
    is_priced: bool
    source: Source | None
    lines: list[BillLine]
    unpriced: list[Unit]
    """What was used and has no rate, although the model has a price."""
    cost: Usd | None
    cost_nano_usd: int | None
    cost_pico_usd: int | None


def price_view(
    model: str, provider: str | None, price: Price | None, override: PriceOverride | None
) -> dict[str, object]:
    """Show a price, and the override that it is from."""
    return {
        "object": "price",
        "id": override.id if override else None,
        "model": model,
        "provider": provider,
        "org_id": override.org_id if override else None,
        "is_priced": price is not None,
        "source": price.source if price else None,
        "pricing": _amounts(price.rates) if price else None,
        "tiers": [
            {"above_input_tokens": tier.above, "pricing": _amounts(tier.rates)}
            for tier in (price.tiers if price else ())
        ],
        "updated_at": time_text(override.updated_at_s) if override else None,
    }


def _amounts(rates: Rates) -> dict[str, object]:
    return {name: Raw(dollars.encode()) for name, dollars in write_rates(rates).items()}
