"""The set-up: one mock upstream, and the targets in front of it: the gateway and its peers.

The gateway has everything on: a managed key with credits, a rate limit and a hard budget, so that
each call is held, settled and written to the ledger before its last byte. The model has a price of
its own: a provider on loopback is free otherwise, and a free call has no row in the ledger.
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench import process, traffic
from tests.bench.generator import Load, Result
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon

PLENTY = 1_000_000_000
"""Requests or tokens per minute."""
PLENTY_USD = 1_000_000
GATEWAY, YARDSTICK, NGINX, DIRECT = "prismd", "proxy", "nginx", "direct"
PEERS = (NGINX,)

_SETTINGS = "server: {overload_after: 1h}"
"""Where load is measured, all of it is served."""

_CONFIG = """
{settings}
providers:
  mock: {{type: openai, base_url: "http://127.0.0.1:{port}/v1", models: [{model}]{provider}}}
cost_tracking:
  custom_pricing:
    {model}: {{input_per_mtok: 0.15, output_per_mtok: 0.60}}
"""

_NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 100000000;
  upstream mock {{ server 127.0.0.1:{port}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{own};
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Target:
    """What is measured: where it listens, which process it is, what a request to it needs."""

    name: str
    port: int
    pid: int
    headers: dict[str, str] = field(default_factory=dict)

    def load(self, load: Load) -> Result:
        """Put a load on this target."""
        result = process.generate(replace(load, port=self.port, headers=self.headers))
        if result.failures:
            msg = f"{self.name}: {result.failures} requests failed, {result.answers} did not"
            raise RuntimeError(msg)
        return result


@dataclass(frozen=True)
class Rig:
    """What a scenario measures with."""

    folder: Path
    daemon: Daemon
    key: Key
    targets: Sequence[Target]
    """What is measured in each round: the gateway first."""
    direct: Target
    """The mock itself, for what a target adds."""

    @property
    def gateway(self) -> Target:
        return self.targets[0]


@contextmanager
def rig(folder: Path, peers: Sequence[str]) -> Iterator[Rig]:
    """Start everything; end it at the end."""
    with ExitStack() as stack:
        mock = process.python("tests.bench.mock")
        stack.callback(process.end, mock)
        direct = Target(DIRECT, _told_port(mock), mock.pid)
        daemon = start_gateway(folder, direct.port)
        stack.callback(stop_daemon, daemon)
        key = managed_key(daemon)
        targets = [Target(GATEWAY, daemon.address[1], daemon.process.pid, key.headers)]
        targets.append(stack.enter_context(_yardstick(direct.port)))
        if NGINX in peers:
            targets.append(stack.enter_context(_nginx(folder, direct.port)))
        for target in targets:
            target.load(Load(0, 64, 0.5))  # imports, connections, caches
        yield Rig(folder, daemon, key, targets, direct)


@contextmanager
def gateway_alone(
    folder: Path, *, provider: str = "", settings: str = _SETTINGS, under: Sequence[str] = ()
) -> Iterator[Rig]:
    """Start the mock and the gateway only, warmed up."""
    mock = process.python("tests.bench.mock")
    try:
        direct = Target(DIRECT, _told_port(mock), mock.pid)
        daemon = start_gateway(
            folder, direct.port, provider=provider, settings=settings, under=under
        )
        try:
            key = managed_key(daemon)
            target = Target(GATEWAY, daemon.address[1], daemon.process.pid, key.headers)
            target.load(Load(0, 8, 0.5))
            yield Rig(folder, daemon, key, [target], direct)
        finally:
            stop_daemon(daemon)
    finally:
        process.end(mock)


def start_gateway(
    folder: Path,
    mock_port: int,
    *,
    provider: str = "",
    settings: str = _SETTINGS,
    under: Sequence[str] = (),
) -> Daemon:
    """Start a gateway whose only provider is the mock, on the core of what is measured.

    ``provider`` and ``settings`` are added to the configuration; ``under`` runs the daemon.
    """
    config = _CONFIG.format(
        port=mock_port, model=traffic.MODEL, provider=provider, settings=settings
    )
    with process.on_core(process.TARGET_CORE):
        return start_daemon(folder, config, under=under)


def managed_key(daemon: Daemon) -> Key:
    """Make a key for which everything has to be looked at."""
    budget = {"limit": PLENTY_USD, "window": "daily", "hard": True}
    return daemon.create_key(
        "bench", credits=PLENTY_USD, rate_limit_rpm=PLENTY, rate_limit_tpm=PLENTY, budgets=[budget]
    )


def _told_port(started: subprocess.Popen[str]) -> int:
    assert started.stdout is not None
    return int(started.stdout.readline())


@contextmanager
def _yardstick(mock_port: int) -> Iterator[Target]:
    started = process.python("tests.bench.proxy", str(mock_port), core=process.TARGET_CORE)
    try:
        yield Target(YARDSTICK, _told_port(started), started.pid)
    finally:
        process.end(started)


@contextmanager
def _nginx(folder: Path, mock_port: int) -> Iterator[Target]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        raise SystemExit("nginx is not installed: leave --peers nginx out, or install it")
    own = process.free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=mock_port, own=own))
    with process.on_core(process.TARGET_CORE):
        started = subprocess.Popen(
            [program, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL, text=True
        )
    try:
        process.wait_for_port(own)
        yield Target(NGINX, own, started.pid)
    finally:
        started.terminate()
        started.wait()
