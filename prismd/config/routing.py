"""The ``routing`` section: how long a model may take, and what follows a failure."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from prismd.config.section import Section
from prismd.config.values import Duration, Name, Switch, Whole

Status = Annotated[Whole, Field(ge=400, le=599)]


class FailoverConfig(Section):
    """Try the next provider that has the model when one fails before its first byte."""

    enabled: Switch = False
    """Whether another provider is tried at all."""

    max_attempts: Annotated[Whole, Field(ge=1, le=10)] = 3
    """How many providers a call may try, the first included."""

    on_status_codes: tuple[Status, ...] = (429, 500, 502, 503, 504)
    """Answers of a provider after which the next one is tried."""

    on_timeout: Switch = True
    """Whether the next one is tried when a provider does not answer in time; the time-out is then
    shared among them."""


class RoutingConfig(Section):
    """How long a model may take, and what follows a failure."""

    model_timeouts: Mapping[Name, Duration] = {}
    """Model → time-out, in place of the provider's and the server's."""

    failover: FailoverConfig = FailoverConfig()
    """Try the next provider that has the model."""
