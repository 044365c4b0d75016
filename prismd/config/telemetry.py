"""The sections ``logging`` and ``cost_tracking``: what is written down of a call."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from prismd.config.section import Section
from prismd.config.values import (
    Name,
    Retention,
    Switch,
    UsdPerMillion,
    UsdPerUnit,
    Whole,
    only_true,
)
from prismd.wire.price import Rates
from prismd.wire.rates import read_rates


class RequestLogConfig(Section):
    """What is written down of a call beside its trace."""

    include_bodies: Switch = False
    """Whether what was asked and answered is kept, sealed, up to 256 KiB of each: for
    `prismctl requests get --bodies` and `replay`. Off, no text of a prompt or an answer is kept."""

    bodies_of_orgs: tuple[Name, ...] | None = None
    """Only of the keys of these orgs; null: of all keys."""

    bodies_kept: Retention = 7 * 86_400.0
    """How long; then it is deleted and overwritten."""


class LoggingConfig(Section):
    """The daemon's own log, on standard error."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    """Least important lines that are written."""

    format: Literal["json", "text"] = "json"
    """One JSON object per line, or a line for people."""

    request_logging: RequestLogConfig = RequestLogConfig()
    """What is written down of a call beside its trace."""


class ModelPricing(Section):
    """What a model costs; at least one rate. What has none is not billed, but told."""

    input_per_mtok: UsdPerMillion | None = None
    """Dollars per million input tokens."""

    cached_input_per_mtok: UsdPerMillion | None = None
    """Dollars per million input tokens from the vendor's cache; else as other input."""

    cache_write_per_mtok: UsdPerMillion | None = None
    """Dollars per million input tokens written to the vendor's cache; else as other input."""

    audio_input_per_mtok: UsdPerMillion | None = None
    """Dollars per million input tokens of audio; else as other input."""

    output_per_mtok: UsdPerMillion | None = None
    """Dollars per million output tokens."""

    reasoning_per_mtok: UsdPerMillion | None = None
    """Dollars per million output tokens of reasoning; else as other output."""

    audio_output_per_mtok: UsdPerMillion | None = None
    """Dollars per million output tokens of audio; else as other output."""

    per_mchar: UsdPerMillion | None = None
    """Dollars per million characters of text spoken."""

    per_image: UsdPerUnit | None = None
    """Dollars per image made."""

    per_page: UsdPerUnit | None = None
    """Dollars per page of a document read."""

    per_audio_second: UsdPerUnit | None = None
    """Dollars per second of audio."""

    per_video_second: UsdPerUnit | None = None
    """Dollars per second of video."""

    per_search: UsdPerUnit | None = None
    """Dollars per search or rerank."""

    per_request: UsdPerUnit | None = None
    """Dollars per answer, beside everything else."""

    @model_validator(mode="after")
    def _is_a_price(self) -> Self:
        self.rates()
        return self

    def rates(self) -> Rates:
        """Return the rates per unit.

        Raises:
            ValueError: there is none, or a part's without its whole's.
        """
        return read_rates(self.model_dump())


class CostTrackingConfig(Section):
    """What calls cost."""

    enabled: Annotated[
        Switch,
        only_true("usage and cost are part of every call's record"),
    ] = True
    """Always true: what a call costs is always recorded."""

    custom_pricing: Mapping[Name, ModelPricing] = {}
    """Model → your own price, in place of the public one. A model is named as callers name it, as
    ``provider/model``, or as its vendor names it; the first of these that is here counts."""

    unknown_models: Literal["deny_managed", "deny", "allow"] = "deny_managed"
    """Calls of models without a price: ``deny_managed`` refuses those of managed keys and of hard
    budgets (neither can be enforced without a price), ``deny`` refuses all, ``allow`` serves all;
    what is served is not billed, and counted as unpriced."""

    default_max_tokens: Annotated[Whole, Field(ge=1, le=1_000_000)] = 16_384
    """What is sent as max_tokens when a caller gave none and the call is paid ahead (a managed key,
    or a hard budget): as much is held for it."""
