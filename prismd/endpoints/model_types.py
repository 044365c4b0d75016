"""A model in the shape of each SDK that lists models: OpenAI's, Anthropic's, Google's."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel

from prismd.endpoints.replies import Usd
from prismd.kernel import clock
from prismd.kernel.jsonio import Raw
from prismd.routing.catalog import Target
from prismd.wire.price import ModelFacts, Price
from prismd.wire.rates import FIELDS, write_rates

GOOGLE_NAME = "models/"
"""What stands before a model's name in Google's API."""
_GOOGLE_ACTIONS = ["generateContent", "streamGenerateContent", "countTokens"]
_UNKNOWN_TIME = clock.iso(0)
"""When a model was made is not known: Anthropic's API says the epoch then."""

_LONG_NAMES = {
    field.name: field.name.replace("mtok", "m_tokens").replace("mchar", "m_chars")
    for field in FIELDS.values()
}


class Pricing(BaseModel):
    """Dollars per million tokens or characters, per image, per second …; below any tier.

    A rate that the model does not have is not there; parts of input and output without a rate of
    their own cost what the whole does.
    """

    input_per_m_tokens: Usd | None = None
    cached_input_per_m_tokens: Usd | None = None
    cache_write_per_m_tokens: Usd | None = None
    audio_input_per_m_tokens: Usd | None = None
    output_per_m_tokens: Usd | None = None
    reasoning_per_m_tokens: Usd | None = None
    audio_output_per_m_tokens: Usd | None = None
    per_m_chars: Usd | None = None
    per_image: Usd | None = None
    per_page: Usd | None = None
    per_audio_second: Usd | None = None
    per_video_second: Usd | None = None
    per_search: Usd | None = None
    per_request: Usd | None = None


class ModelObject(BaseModel):
    """A model; window and price where they are known. Prices are those of the caller's org."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_input_tokens: int | None = None
    pricing: Pricing | None = None
    is_priced: bool
    """False: what it costs is not known, and calls of it are in no cost."""
    price_source: str | None = None


class ModelList(BaseModel):
    """Models, sorted by id."""

    object: Literal["list"]
    data: list[ModelObject]


class AnthropicModel(BaseModel):
    """A model as Anthropic's API shows it."""

    type: Literal["model"]
    id: str
    display_name: str
    created_at: AwareDatetime
    lifecycle: Literal["active"]
    max_input_tokens: int | None = None


class AnthropicModels(BaseModel):
    """A page of models as Anthropic's API lists them."""

    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


class GoogleModel(BaseModel):
    """A model as Google's API shows it."""

    name: str
    """``models/`` and the model's name."""
    baseModelId: str  # noqa: N815  # Google's own name of it
    displayName: str  # noqa: N815
    inputTokenLimit: int | None = None  # noqa: N815
    supportedGenerationMethods: list[str]  # noqa: N815


class GoogleModels(BaseModel):
    """A page of models as Google's API lists them."""

    models: list[GoogleModel]
    nextPageToken: str | None = None  # noqa: N815
    """The ``pageToken`` of the next page; absent on the last."""


def openai_view(name: str, target: Target, facts: ModelFacts) -> dict[str, object]:
    """Write a model for OpenAI's SDK, with its price for whom it concerns."""
    model: dict[str, object] = {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": target.provider.id,
        "is_priced": facts.price is not None,
    }
    if facts.context_tokens is not None:
        model["max_input_tokens"] = facts.context_tokens
    if facts.price is not None:
        model |= {"pricing": _pricing(facts.price), "price_source": facts.price.source}
    return model


def anthropic_view(name: str, _: Target, facts: ModelFacts) -> dict[str, object]:
    """Write a model for Anthropic's SDK."""
    model: dict[str, object] = {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": _UNKNOWN_TIME,
        "lifecycle": "active",
    }
    if facts.context_tokens is not None:
        model["max_input_tokens"] = facts.context_tokens
    return model


def google_view(name: str, _: Target, facts: ModelFacts) -> dict[str, object]:
    """Write a model for Google's SDK."""
    model: dict[str, object] = {
        "name": GOOGLE_NAME + name,
        "baseModelId": name,
        "displayName": name,
        "supportedGenerationMethods": _GOOGLE_ACTIONS,
    }
    if facts.context_tokens is not None:
        model["inputTokenLimit"] = facts.context_tokens
    return model


def _pricing(price: Price) -> dict[str, object]:
    """Write the rates, by the names that this route has had from the beginning."""
    pricing: dict[str, object] = {
        _LONG_NAMES[name]: Raw(dollars.encode())
        for name, dollars in write_rates(price.rates).items()
    }
    if (whole := pricing.get("input_per_m_tokens")) is not None:
        pricing.setdefault("cached_input_per_m_tokens", whole)
    return pricing
