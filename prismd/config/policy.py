"""The sections that say who may come in: ``auth``, ``admin``, ``cors``, ``ip_acl``."""

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from prismd.config.secrets import READ_REFERENCE, SecretField
from prismd.config.section import Section
from prismd.config.values import Switch, Whole, only_true

_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s*?#@]+")
_TOKEN = re.compile(r"\*|[A-Za-z0-9!#$%&'+.^_`|~-]+")
_METHOD = re.compile(r"\*|[A-Z]+")


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        msg = 'must be an origin such as https://app.example.com (no path, no final slash), or "*"'
        raise ValueError(msg)
    return value


def _header(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        msg = 'must be the name of a header, or "*"'
        raise ValueError(msg)
    return value


def _method(value: str) -> str:
    if not _METHOD.fullmatch(value):
        msg = 'must be an HTTP method in capitals, or "*"'
        raise ValueError(msg)
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        msg = "must be an address or a network such as 10.0.0.0/8, with no bits after its prefix"
        raise ValueError(msg) from None


Cidr = Annotated[str, AfterValidator(_network)]
Header = Annotated[str, AfterValidator(_header)]


class AuthConfig(Section):
    """Virtual keys. They live in the database: ``prismctl keys create``."""

    enabled: Annotated[
        Switch,
        only_true("the API is never served without a key; prismctl keys create makes one"),
    ] = True
    """Always true: every call needs a virtual key."""


class AdminConfig(Section):
    """The operator's API below ``/-/``."""

    token: Annotated[SecretField | None, READ_REFERENCE] = None
    """Admin token, as a reference; without it, the file that ``prismd init`` wrote."""

    allow_remote: Switch = False
    """Whether ``/-/`` is served in the clear on addresses other than loopback."""


class CorsConfig(Section):
    """Which web pages may call the API from a browser; ``/-/`` is never open to them."""

    # First, because the checks below look back at it.
    allowed_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    """Origins of pages, such as https://app.example.com; "*" is any."""

    enabled: Switch = False
    """Whether pages of other origins may call at all."""

    allowed_methods: tuple[Annotated[str, AfterValidator(_method)], ...] = ("GET", "POST")
    """Methods that they may use."""

    allowed_headers: tuple[Header, ...] = ("*",)
    """Request headers that they may send; "*" is any."""

    exposed_headers: tuple[Header, ...] = (
        "x-request-id",
        "x-prism-provider",
        "x-prism-model-used",
        "x-prism-cost",
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
        "retry-after",
    )
    """Response headers that they may read."""

    max_age: Annotated[Whole, Field(ge=0, le=86400)] = 86400
    """Seconds for which a browser may remember these rules."""

    allow_credentials: Switch = False
    """Whether cookies and client certificates may be sent along; not with the origin "*"."""

    @field_validator("enabled")
    @classmethod
    def _needs_origins(cls, value: bool, info: ValidationInfo[None]) -> bool:
        if value and info.data.get("allowed_origins") == ():
            msg = 'needs cors.allowed_origins: the origins of the pages, or ["*"]'
            raise ValueError(msg)
        return value

    @field_validator("allow_credentials")
    @classmethod
    def _not_for_all(cls, value: bool, info: ValidationInfo[None]) -> bool:
        if value and "*" in info.data.get("allowed_origins", ()):
            msg = 'cannot be true with the origin "*": every page could act for the user'
            raise ValueError(msg)
        return value


class IpAclConfig(Section):
    """Whose word about a client's address is believed."""

    trusted_proxies: tuple[Cidr, ...] = ()
    """Networks of the proxies in front; ``X-Forwarded-For`` is believed from them only."""
