"""The ``server`` section: where the daemon listens, and how long and how much it takes."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import AfterValidator, Field

from prismd.config.section import Section
from prismd.config.values import AbsolutePath, Duration, Size, Whole

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]+)*")
DRAIN_DELAY_S = 5.0
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def _listen_host(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        if not _HOST_NAME.fullmatch(value.lower()):
            msg = "must be an IP address or a host name, without port or brackets"
            raise ValueError(msg) from None
    return value


def _served_host(value: str) -> str:
    """Write a name as it stands in a Host header: lower case, IPv6 in brackets."""
    name = value.lower()
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        if not _HOST_NAME.fullmatch(name):
            msg = "must be a host name or an IP address, without port or wildcard"
            raise ValueError(msg) from None
        return name
    return f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004  # IPv6


class TlsConfig(Section):
    """A certificate: with it, the daemon speaks https only."""

    cert_file: AbsolutePath
    """PEM file with the certificate, then its intermediates."""

    key_file: AbsolutePath
    """PEM file with the private key, readable by the daemon only."""


class ServerConfig(Section):
    """Where the daemon listens, and how long and how much it takes."""

    host: Annotated[str, AfterValidator(_listen_host)] = "127.0.0.1"
    """Address to listen on. Beyond loopback, ``/-/`` needs TLS or admin.allow_remote."""

    port: Annotated[Whole, Field(ge=0, le=65535)] = 8080
    """Port to listen on; 0 takes a free one."""

    data_dir: AbsolutePath | None = None
    """Directory of all state; without it, the user's data directory of this system."""

    allowed_hosts: (
        Annotated[
            tuple[Annotated[str, AfterValidator(_served_host)], ...],
            Field(min_length=1),
        ]
        | None
    ) = None
    """Names that a Host header may hold, without port. Without it, the loopback names when
    listening on loopback, and every well-formed name otherwise."""

    max_request_body_size: Size = 20 * 1024 * 1024
    """Largest body of a request: bytes, or text such as 20MiB."""

    default_request_timeout: Duration = 60.0
    """How long a caller waits for a whole answer, or for the first byte of a stream."""

    stream_idle_timeout: Duration = 120.0
    """How long a provider may be silent within a stream."""

    slow_reader_timeout: Duration = 60.0
    """How long a client may take (almost) nothing of an answer that waits for it; then it is cut,
    and pays for what the provider has produced."""

    max_running_calls: Annotated[Whole, Field(ge=1)] = 10_000
    """Inference calls that may run at once, of all keys; further ones get 503 at once."""

    overload_after: Duration = 1.0
    """How long more calls must come than can be handled before some of them get 503 at once."""

    max_unauthenticated_connections: Annotated[Whole, Field(ge=1)] = 1_000
    """Connections that may be open on which no request has shown a valid key yet; further ones get
    503. At most half of the open files that the system allows; 16 more are for loopback."""

    shutdown_timeout: Duration = 30.0
    """How long running calls may take to end when the daemon is stopped."""

    drain_delay: Duration | None = None
    """How long new connections are still taken when the daemon is told to stop, so that a load
    balancer can look elsewhere. Without it, 5s; none on loopback, or when a person interrupts."""

    tls: TlsConfig | None = None
    """Certificate and key; without it, the daemon speaks http."""

    def drain_delay_s(self) -> float:
        """Return how long to take new connections after the signal to stop."""
        if self.drain_delay is not None:
            return self.drain_delay
        return 0.0 if _is_loopback(self.host) else DRAIN_DELAY_S

    def data_path(self) -> Path:
        """Return the directory of all state: the configured one, else the user's."""
        return self.data_dir or user_data_path("prism")

    def served_hosts(self) -> frozenset[str] | None:
        """Return the names that a Host header may hold, lower case; None: every well-formed one."""
        if self.allowed_hosts is not None:
            return frozenset(self.allowed_hosts)
        if not _is_loopback(self.host):
            return None
        return _LOOPBACK_NAMES | {_served_host(self.host)}


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
