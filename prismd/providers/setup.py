"""From a section of the configuration to a vendor that can be called.

Here is decided which table is in force (the vendor's, or that of ``api_format``), where the vendor
is, and how the credential travels; all that does not fit together is a ``ConfigProblem``.
"""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from prismd.config.problem import ConfigPath, ConfigProblem, dotted
from prismd.config.providers import ProviderConfig
from prismd.config.secrets import SecretRef, read_file, resolve
from prismd.kernel.outbound import Outbound
from prismd.kernel.secret import Secret
from prismd.providers import azure, fake, vertex
from prismd.providers.address import resolve_base_url
from prismd.providers.base import AuthKind, ProviderSpec, Signer, Upstream
from prismd.providers.formats import speaking
from prismd.providers.google_account import GoogleAccount
from prismd.providers.registry import by_type, nearest_type, type_names
from prismd.providers.sender import HttpUpstream
from prismd.providers.sigv4 import SigV4

_AWS = ("aws_region", "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_GOOGLE = ("project", "location", "credentials_file")


@dataclass(frozen=True, slots=True)
class Connection:
    """A configured vendor: the table that is in force, where it is, and the way to it."""

    spec: ProviderSpec
    base_url: str | None
    """None: in-process."""
    upstream: Upstream


@dataclass(frozen=True, slots=True)
class _Credential:
    kind: AuthKind
    value: Secret | None = None
    signer: Signer | None = None


def connect(
    provider_id: str, section: ProviderConfig, *, timeout_s: float, outbound: Outbound
) -> Connection:
    """Prepare the calls to a vendor. Nothing is opened.

    Raises:
        ConfigProblem: what the section says does not fit together, or a secret is not there.
    """
    path: ConfigPath = ("providers", provider_id)
    spec = _table(path, section)
    account = _account(path, section, outbound)
    spec = _placed(path, spec, section, account)
    if spec.type == fake.SPEC.type and section.base_url is None:
        return Connection(spec, None, fake.FakeUpstream(provider_id=provider_id))
    try:
        base_url = resolve_base_url(spec, _given_url(section))
    except ValueError as error:
        raise ConfigProblem(path, f"{dotted(path)}: {error}") from None
    is_asked = section.auto_discover is not False and section.models is None
    if is_asked and spec.listing is None:
        msg = f"{dotted(path)} must list its models: {spec.title} cannot be asked for them here"
        raise ConfigProblem(path, msg)
    if section.auto_discover and spec.listing is None:
        msg = f"{dotted(path)}.auto_discover: {spec.title} cannot be asked for its models here"
        raise ConfigProblem((*path, "auto_discover"), msg)
    credential = _credential(path, spec, section, account)
    headers = _headers(path, section)
    try:
        upstream = HttpUpstream(
            replace(spec, auth=credential.kind),
            provider_id=provider_id,
            base_url=base_url,
            credential=credential.value,
            signer=credential.signer,
            headers=headers,
            timeout_s=timeout_s,
            ca_file=section.ca_file,
            skip_tls=section.skip_tls,
            max_concurrent=section.max_concurrent,
            conn_pool_size=section.conn_pool_size,
            outbound=outbound,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        msg = f"{dotted(path)}.ca_file cannot be used: {reason}"
        raise ConfigProblem((*path, "ca_file"), msg) from None
    except ValueError as error:  # the URL has been looked at: it is the credential
        msg = f"{dotted(path)}.api_key refers to {section.api_key}: {error}"
        raise ConfigProblem((*path, "api_key"), msg) from None
    return Connection(spec, base_url, upstream)


def _given_url(section: ProviderConfig) -> str | None:
    """Return the base URL that is given, without what its vendor's table puts behind it."""
    if section.base_url is not None and section.type == vertex.SPEC.type:
        return section.base_url.rstrip("/").removesuffix(vertex.GOOGLE_PATH)
    if section.base_url is None or section.api_version is None:
        return section.base_url
    return section.base_url.rstrip("/").removesuffix("/v1").removesuffix("/openai")


def _table(path: ConfigPath, section: ProviderConfig) -> ProviderSpec:
    """Return the table that is in force."""
    spec = by_type(section.type)
    if spec is None:
        near = nearest_type(section.type)
        hint = f'did you mean "{near}"?' if near else f"known: {', '.join(type_names())}"
        msg = f"{dotted(path)}.type is no vendor that is known here; {hint}"
        raise ConfigProblem((*path, "type"), msg)
    if section.api_version is not None:
        if spec is not azure.SPEC:
            raise _useless(path, spec, "api_version")
        spec = azure.of_version(section.api_version)
    dialect = section.api_format
    if dialect is not None and dialect is not spec.dialect:
        is_elsewhere = section.base_url is not None or spec.type == fake.SPEC.type
        if not is_elsewhere and dialect not in spec.also:
            msg = (
                f"{dotted(path)}.api_format: {spec.title} does not speak {dialect} at its own URL; "
                "give the base_url of a server that does"
            )
            raise ConfigProblem((*path, "api_format"), msg)
        spec = speaking(spec, dialect)
    elif spec.is_generic and section.base_url is not None and not _is_own(spec, section.base_url):
        spec = speaking(spec, spec.dialect)
    for names, kind in ((_AWS, AuthKind.AWS), (_GOOGLE, AuthKind.GOOGLE_ACCOUNT)):
        for name in names:
            if spec.auth is not kind and getattr(section, name) is not None:
                raise _useless(path, spec, name)
    return spec


def _is_own(spec: ProviderSpec, base_url: str) -> bool:
    """Say whether a base URL is at the vendor's own host, or at one of its regions."""
    own, given = urlsplit(spec.base_url or "").hostname, urlsplit(base_url).hostname or ""
    return own is not None and (given == own or given.endswith(f".{own}"))


def _useless(path: ConfigPath, spec: ProviderSpec, name: str) -> ConfigProblem:
    msg = f"{dotted(path)}.{name} is of no use to {spec.title}"
    return ConfigProblem((*path, name), msg)


def _account(path: ConfigPath, section: ProviderConfig, outbound: Outbound) -> GoogleAccount | None:
    if section.credentials_file is None:
        return None
    setting = (*path, "credentials_file")
    key_file = read_file(SecretRef("file", str(section.credentials_file)), setting)
    try:
        return GoogleAccount(key_file, provider_id=str(path[1]), outbound=outbound)
    except ValueError as error:
        raise ConfigProblem(setting, f"{dotted(setting)} {error}") from None


def _placed(
    path: ConfigPath, spec: ProviderSpec, section: ProviderConfig, account: GoogleAccount | None
) -> ProviderSpec:
    """Put the base URL together, where it has settings in it."""
    url = spec.base_url
    if section.base_url is not None or url is None or "{" not in url:
        return spec
    if spec.auth is AuthKind.GOOGLE_ACCOUNT:
        project = section.project or (account.project if account is not None else None)
        if project is None and section.api_key is not None:
            return replace(spec, base_url=vertex.EXPRESS_URL)
        if project is None:
            raise ConfigProblem(path, f"{dotted(path)} needs a project, or an api_key in its place")
        return replace(spec, base_url=vertex.base_url(project, section.location or "global"))
    if section.aws_region is None:
        raise ConfigProblem(path, f"{dotted(path)} needs an aws_region, for example us-east-1")
    return replace(spec, base_url=url.format(aws_region=section.aws_region))


def _credential(
    path: ConfigPath, spec: ProviderSpec, section: ProviderConfig, account: GoogleAccount | None
) -> _Credential:
    """Return what travels with each call, and how."""
    given = None if section.api_key is None else resolve(section.api_key, (*path, "api_key"))
    is_free = spec.auth is AuthKind.NONE or section.base_url is not None
    match spec.auth:
        case AuthKind.AWS:
            signer = _aws_signer(path, section)
            if signer is None and given is None and not is_free:
                msg = (
                    f"{dotted(path)} needs aws_access_key_id and aws_secret_access_key, or an "
                    "api_key (of Bedrock), for example env:AWS_BEARER_TOKEN_BEDROCK"
                )
                raise ConfigProblem(path, msg)
            kind = AuthKind.BEARER
        case AuthKind.GOOGLE_ACCOUNT:
            signer = account
            if signer is None and given is None and not is_free:
                msg = f"{dotted(path)} needs a credentials_file (of an account), or an api_key"
                raise ConfigProblem(path, msg)
            kind = AuthKind.GOOGLE_KEY
        case _:
            signer, kind = None, spec.auth
            if given is None and not is_free and spec.api_key_env:
                msg = f"{dotted(path)} needs an api_key, for example env:{spec.api_key_env[0]}"
                raise ConfigProblem(path, msg)
    if signer is not None and given is not None:
        msg = f"{dotted(path)} has an api_key and another credential: leave one of them out"
        raise ConfigProblem(path, msg)
    if section.auth_type is not None:
        kind = AuthKind(section.auth_type)
    return _Credential(kind if given is not None else AuthKind.NONE, given, signer)


def _aws_signer(path: ConfigPath, section: ProviderConfig) -> Signer | None:
    key_id, secret = section.aws_access_key_id, section.aws_secret_access_key
    if key_id is None and secret is None:
        return None
    if key_id is None or secret is None or section.aws_region is None:
        names = "aws_access_key_id, aws_secret_access_key and aws_region"
        raise ConfigProblem(path, f"{dotted(path)} needs {names} together")
    token = section.aws_session_token
    return SigV4(
        key_id=resolve(key_id, (*path, "aws_access_key_id")),
        secret=resolve(secret, (*path, "aws_secret_access_key")),
        session_token=None if token is None else resolve(token, (*path, "aws_session_token")),
        region=section.aws_region,
    )


def _headers(path: ConfigPath, section: ProviderConfig) -> dict[str, str]:
    return {
        name: resolve(value, (*path, "headers", name)).reveal()
        if isinstance(value, SecretRef)
        else value
        for name, value in section.headers.items()
    }
