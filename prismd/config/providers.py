"""The ``providers`` section: which vendors are behind the gateway.

Which words ``type`` may be and whether ``base_url`` fits is known to ``providers/``, not here.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from prismd.config.secrets import READ_REFERENCE, SecretField, SecretRef, parse_if_reference
from prismd.config.section import Section
from prismd.config.values import AbsolutePath, Duration, Name, Switch, Whole
from prismd.wire.call import DialectName

_API_FORMATS = {
    "openai": DialectName.OPENAI,
    "anthropic": DialectName.ANTHROPIC,
    "gemini": DialectName.GOOGLE,
    "google": DialectName.GOOGLE,
    "bedrock": DialectName.BEDROCK,
    "cohere": DialectName.COHERE,
}
_API_VERSION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(?:-preview)?|preview|latest")
_PLACE = re.compile(r"[a-z0-9](?:[a-z0-9:.-]{0,62}[a-z0-9])?")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_CREDENTIAL_HEADER = re.compile(
    r"(?:^|[-_])(?:api-?key|key|token|secret|password|cookie|credentials?)$"
)
_OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that the gateway writes itself, or that would change how a message is read."""


def _provider_id(value: str) -> str:
    if not _ID.fullmatch(value):
        msg = "must be a provider id: small letters, digits, - and _, at most 64"
        raise ValueError(msg)
    return value


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        msg = "is not a header name"
        raise ValueError(msg)
    if value.lower() in _OUR_HEADERS:
        hint = ": give the credential as api_key" if value.lower() == "authorization" else ""
        msg = f"must not be set here, because the gateway writes that header itself{hint}"
        raise ValueError(msg)
    return value


def _passed_header(value: str) -> str:
    if _CREDENTIAL_HEADER.search(value.lower()):
        msg = "must not be passed on, because it may hold the caller's own key"
        raise ValueError(msg)
    return value


def _header_value(value: object) -> object:
    value = parse_if_reference(value)
    if isinstance(value, SecretRef):
        return value
    if not isinstance(value, str):
        msg = "must be text (put it in quotes), or a reference: env:NAME, or file:/path"
        raise ValueError(msg)  # noqa: TRY004  # pydantic reports a ValueError at its setting
    if not (value.isascii() and value.isprintable()):
        msg = "must be printable ASCII on one line"
        raise ValueError(msg)
    return value


def _api_format(value: object) -> object:
    if value == "azure":
        msg = "cannot be azure: write type: azure"
        raise ValueError(msg)
    if not isinstance(value, str) or value not in _API_FORMATS:
        msg = f"must be one of {', '.join(_API_FORMATS)}"
        raise ValueError(msg)
    return _API_FORMATS[value]


def _api_version(value: str) -> str:
    if not _API_VERSION.fullmatch(value):
        msg = "must be a version of Azure's API, such as 2024-10-21"
        raise ValueError(msg)
    return value


def _place(value: str) -> str:
    if not _PLACE.fullmatch(value):
        msg = "must be a name of small letters, digits and -, such as us-east-1"
        raise ValueError(msg)
    return value


def _once_each(models: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if models is not None and len(set(models)) < len(models):
        msg = "must name each model once"
        raise ValueError(msg)
    return models


def _check_headers(headers: Mapping[str, str | SecretRef]) -> Mapping[str, str | SecretRef]:
    """Refuse two spellings of one name, and a literal where the name says that it is a secret."""
    seen: set[str] = set()
    for name, value in headers.items():
        if name.lower() in seen:
            msg = f'holds "{name}" twice: the case of letters does not make another header'
            raise ValueError(msg)
        seen.add(name.lower())
        if isinstance(value, str) and _CREDENTIAL_HEADER.search(name.lower()):
            msg = (
                f'holds a literal value of "{name}", which looks like a credential: '
                "write env:NAME, or file:/path"
            )
            raise ValueError(msg)
    return headers


ProviderId = Annotated[str, AfterValidator(_provider_id)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str | SecretField, BeforeValidator(_header_value)]


ApiFormat = Annotated[
    DialectName,
    BeforeValidator(_api_format),
    WithJsonSchema({"type": "string", "enum": list(_API_FORMATS)}),
]


class ProviderConfig(Section):
    """One vendor account or self-hosted server."""

    type: Name = "openai"
    """Vendor, such as openai, groq, ollama or fake. It brings base URL, authentication and prices;
    openai with a base_url of your own is any server that speaks OpenAI's API."""

    api_format: ApiFormat | None = None
    """Wire format that its server speaks: openai, anthropic, gemini, bedrock or cohere; without it,
    the vendor's own."""

    api_version: Annotated[Name, AfterValidator(_api_version)] | None = None
    """Azure: use the API of this version, with deployments in its paths; without it, the v1 API."""

    base_url: Name | None = None
    """Where its API is; without it, the vendor's own. ``/v1`` is added if there is no path."""

    api_key: Annotated[SecretField | None, READ_REFERENCE] = None
    """Credential, as a reference: ``env:NAME`` or ``file:/path``."""

    auth_type: Literal["api-key", "bearer", "x-api-key", "x-goog-api-key"] | None = None
    """How the credential travels, where it is not the vendor's usual way: bearer for a token of
    Entra ID at Azure."""

    aws_region: Annotated[Name, AfterValidator(_place)] | None = None
    """Bedrock: the region, such as us-east-1."""

    aws_access_key_id: Annotated[SecretField | None, READ_REFERENCE] = None
    """Bedrock: id of the access key that signs calls, as a reference."""

    aws_secret_access_key: Annotated[SecretField | None, READ_REFERENCE] = None
    """Bedrock: the access key's secret, as a reference."""

    aws_session_token: Annotated[SecretField | None, READ_REFERENCE] = None
    """Bedrock: token of a temporary access key, as a reference."""

    credentials_file: AbsolutePath | None = None
    """Vertex: key file (JSON) of a service account, or of a user."""

    project: Annotated[Name, AfterValidator(_place)] | None = None
    """Vertex: the project; without it, that of the key file."""

    location: Annotated[Name, AfterValidator(_place)] | None = None
    """Vertex: the location, such as europe-west4; without it, global."""

    models: Annotated[tuple[Name, ...] | None, AfterValidator(_once_each)] = None
    """Model names there; without it, the vendor is asked."""

    auto_discover: Switch | None = None
    """Whether to ask the vendor for its models; without it, only if no models are listed."""

    headers: Annotated[Mapping[HeaderName, HeaderValue], AfterValidator(_check_headers)] = {}
    """Further headers of each call: text, or a reference to a secret."""

    pass_headers: tuple[Annotated[HeaderName, AfterValidator(_passed_header)], ...] = ()
    """Headers of clients that go on to it, beside those that its vendor's users need."""

    on_disconnect: Literal["cancel", "drain"] = "cancel"
    """When a client leaves: cancel cuts the answer and estimates what it cost; drain reads it to
    its end in the background (30 s at most, 32 at once) to learn what the vendor bills."""

    default_timeout: Duration | None = None
    """In place of server.default_request_timeout, for this provider."""

    max_concurrent: Annotated[Whole, Field(ge=1, le=10_000)] = 1_000
    """Calls to it at a time; the others wait for their turn, within their own time."""

    conn_pool_size: Annotated[Whole, Field(ge=0, le=10_000)] = 100
    """Idle connections that are kept for the next calls, 30 s at most."""

    ca_file: Name | None = None
    """PEM file of certificates that are trusted for it, in place of the system's."""

    skip_tls: Switch = False
    """Take any certificate. Whoever is on the way there can then read prompts and credential."""
