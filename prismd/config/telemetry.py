"""The sections ``logging`` and ``cost_tracking``: what is written down of a call."""

from collections.abc import Mapping
from typing import Annotated, Literal

from prismd.config.section import Section
from prismd.config.values import Name, Switch, UsdPerMillionTokens, only_true


class LoggingConfig(Section):
    """The daemon's own log, on standard error."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    """Least important lines that are written."""

    format: Literal["json", "text"] = "json"
    """One JSON object per line, or a line for people."""


class ModelPricing(Section):
    """What a model costs, in dollars per million tokens."""

    input_per_mtok: UsdPerMillionTokens
    """Price of input tokens."""

    output_per_mtok: UsdPerMillionTokens
    """Price of output tokens."""

    cached_input_per_mtok: UsdPerMillionTokens | None = None
    """Price of input tokens from the vendor's cache; without it, that of input tokens."""


class CostTrackingConfig(Section):
    """What calls cost."""

    enabled: Annotated[
        Switch,
        only_true("usage and cost are part of every call's record"),
    ] = True
    """Always true: what a call costs is always recorded."""

    custom_pricing: Mapping[Name, ModelPricing] = {}
    """Model → your own price, in place of the public one."""
