"""The root of the configuration: its sections, its JSON schema, and what needs a restart."""

from collections.abc import Mapping

from pydantic import JsonValue

from prismd.config.fetch import FetchConfig
from prismd.config.policy import AdminConfig, AuthConfig, CorsConfig, IpAclConfig
from prismd.config.providers import ProviderConfig, ProviderId
from prismd.config.routing import RoutingConfig
from prismd.config.section import Section
from prismd.config.server import ServerConfig
from prismd.config.storage import StorageConfig
from prismd.config.telemetry import CostTrackingConfig, LoggingConfig
from prismd.config.values import Name

_NEEDS_RESTART = (
    ("server", "host"),
    ("server", "port"),
    ("server", "data_dir"),
    ("server", "slow_reader_timeout"),
    ("server", "max_unauthenticated_connections"),
    ("server", "shutdown_timeout"),
    ("server", "drain_delay"),
    ("server", "tls"),
    ("storage", "durability"),
)
"""Section and field of what is used once, at the start."""


class Config(Section):
    """Everything that can be set in ``prism.yaml``. Every section may be left out."""

    server: ServerConfig = ServerConfig()
    """Where the daemon listens, and how long and how much it takes."""

    storage: StorageConfig = StorageConfig()
    """What a crash of the whole machine may cost."""

    providers: Mapping[ProviderId, ProviderConfig] = {}
    """Provider id → vendor account or server. The order is that in which they are tried."""

    model_map: Mapping[Name, Name] = {}
    """Model → provider id, or ``provider/model`` for another name there."""

    auth: AuthConfig = AuthConfig()
    """Virtual keys."""

    admin: AdminConfig = AdminConfig()
    """The operator's API below ``/-/``."""

    routing: RoutingConfig = RoutingConfig()
    """How long a model may take, and what follows a failure."""

    cors: CorsConfig = CorsConfig()
    """Which web pages may call the API from a browser."""

    logging: LoggingConfig = LoggingConfig()
    """The daemon's own log."""

    cost_tracking: CostTrackingConfig = CostTrackingConfig()
    """What calls cost."""

    fetch: FetchConfig = FetchConfig()
    """Images and files that callers name by URL."""

    ip_acl: IpAclConfig = IpAclConfig()
    """Whose word about a client's address is believed."""


def needs_restart(old: Config, new: Config) -> list[str]:
    """Return the dotted names that differ but take effect only when the daemon is started again."""
    return [
        f"{section}.{name}"
        for section, name in _NEEDS_RESTART
        if getattr(getattr(old, section), name) != getattr(getattr(new, section), name)
    ]


def schema() -> dict[str, JsonValue]:
    """Return the JSON schema of ``prism.yaml``, for editors and for the documentation."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "prism.yaml",
    }
