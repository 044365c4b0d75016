"""The configuration: is the newest in force, and what does it leave open?"""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from prismd.endpoints.admin.checks.check import Check, counted, failed, naming, ok, warning
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import ConfigError

SOON_DAYS = 14


def in_force(gateway: Gateway) -> Iterator[Check]:
    """Look at whether the newest configuration is in force."""
    if gateway.last_config_error is not None:
        told = f"the newest is not in force: {gateway.last_config_error.problems[0]}"
        yield failed("config", told, "mend the file; prismctl config check --remote shows all")
    elif gateway.needs_restart:
        told = f"changed, but not in force: {naming(gateway.needs_restart)}"
        yield warning("config", told, "restart prismd")
    else:
        yield ok("config", "the newest is in force")


def drift(gateway: Gateway) -> Iterator[Check]:
    """Compare the file with what is in force (blocks)."""
    source = gateway.snapshot.source
    if source is None:
        yield ok("config_drift", "there is no file: everything is default, variable or flag")
        return
    try:
        found = gateway.read_config().hash
    except ConfigError as error:
        told = f"the file cannot be put in force: {error.problems[0]}"
        yield failed("config_drift", told, "prismctl config check --remote")
        return
    if found != gateway.snapshot.hash:
        told = f"{source} is not what is in force"
        yield warning("config_drift", told, "prismctl config diff; prismctl config reload")
    else:
        yield ok("config_drift", f"{source} is what is in force")


def admin_port(gateway: Gateway) -> Iterator[Check]:
    """Look at who could read the admin token, and the keys of callers, on the way."""
    config = gateway.snapshot.config
    host = gateway.started_with.server.host
    if gateway.started_with.server.tls is not None:
        yield ok("listener", f"it listens on {host} with TLS")
    elif _is_loopback(host):
        yield ok("listener", f"it listens on {host}, for this machine only")
    elif config.admin.allow_remote:
        told = f"the admin API is served in the clear on {host} (admin.allow_remote)"
        fix = "set server.tls; or have a proxy do TLS, and let nobody past it"
        yield warning("listener", told, fix)
    else:
        told = f"keys of callers come in the clear to {host}; the admin API is refused there"
        yield warning("listener", told, "set server.tls, or listen on 127.0.0.1 behind a proxy")


def certificate(gateway: Gateway) -> Iterator[Check]:
    """Look at how long the certificate holds (blocks)."""
    tls = gateway.started_with.server.tls
    if tls is None:
        return
    try:
        loaded = x509.load_pem_x509_certificate(Path(tls.cert_file).read_bytes())
    except (OSError, ValueError) as error:
        told = f"{tls.cert_file} cannot be read: {type(error).__name__}"
        yield failed("tls", told, "put the certificate back before prismd is started again")
        return
    days = (loaded.not_valid_after_utc - datetime.fromtimestamp(clock.wall_s(), UTC)).days
    fix = f"renew {tls.cert_file}, then restart prismd"
    if days < 0:
        yield failed("tls", f"the certificate has ended {-days} days ago", fix)
    elif days < SOON_DAYS:
        yield warning("tls", f"the certificate holds for {days} more days", fix)
    else:
        yield ok("tls", f"the certificate holds for {days} more days")


def secrets(gateway: Gateway) -> Iterator[Check]:
    """Look at who may read the files that the configuration refers to (blocks)."""
    config = gateway.snapshot.config
    references = [section.api_key for section in config.providers.values()]
    references += [
        value
        for section in config.providers.values()
        for value in section.headers.values()
        if not isinstance(value, str)
    ]
    references.append(config.admin.token)
    files = [Path(ref.name) for ref in references if ref is not None and ref.source == "file"]
    if (tls := config.server.tls) is not None:
        files.append(Path(tls.key_file))
    exposed = [str(file) for file in dict.fromkeys(files) if file.exists() and _is_exposed(file)]
    if exposed:
        told = f"others on this machine may read {naming(exposed)}"
        yield failed("secrets", told, f"chmod 600 {shlex.join(exposed)}")
    else:
        told = f"{counted(len(files), 'file')} with secrets, none for other users to read"
        yield ok("secrets", told if files else "the configuration names no files with secrets")


def bodies(gateway: Gateway) -> Iterator[Check]:
    """Say whether prompts are kept."""
    section = gateway.snapshot.config.logging.request_logging
    if not section.include_bodies:
        yield ok("bodies", "no text of prompts and answers is kept")
        return
    whose = "all keys"
    if section.bodies_of_orgs is not None:
        whose = f"the orgs {naming(section.bodies_of_orgs)}"
    days = section.bodies_kept / 86_400
    yield ok("bodies", f"prompts and answers of {whose} are kept, sealed, for {days:g} days")


def _is_exposed(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o007)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
