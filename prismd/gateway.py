"""What the corridor stands on: ``Gateway`` lives as long as the process, ``Snapshot`` as a config.

A ``Snapshot`` is immutable and a running call keeps the one it began with, so a reload never mixes
old and new. Counters, windows, health and connections live in ``Gateway``: a reload resets none.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from prismd.config.load import LoadedConfig
from prismd.config.model import Config
from prismd.kernel import clock
from prismd.kernel.bus import Bus
from prismd.kernel.errors import UpstreamError, UpstreamTimeout
from prismd.kernel.outbound import Outbound
from prismd.kernel.tasks import TaskSet
from prismd.metering.prices import PriceBook, PricedModel
from prismd.metering.recorder import Recorder
from prismd.policy.access import Network
from prismd.policy.identity import KeyTable
from prismd.policy.ratelimit import RateLimiter
from prismd.routing.catalog import Catalog, Target
from prismd.routing.health import HealthBook
from prismd.store import keys as key_table
from prismd.store.db import Tx
from prismd.store.stores import Stores
from prismd.wire.call import Call
from prismd.wire.price import ModelFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One configuration in force, and everything derived from it."""

    config: Config
    hash: str
    source: Path | None
    loaded_at_s: float
    catalog: Catalog
    prices: PriceBook
    admin_token: bytes
    allowed_hosts: frozenset[str] | None
    """Host names that are served, lower case; None: every well-formed one."""
    trusted_proxies: tuple[Network, ...]

    @property
    def max_body_bytes(self) -> int:
        """The largest body of an inference call."""
        return self.config.server.max_request_body_size

    @property
    def stream_idle_timeout_s(self) -> float:
        """How long a provider may be silent within a stream."""
        return self.config.server.stream_idle_timeout

    @property
    def max_attempts(self) -> int:
        """How many targets a call may try."""
        failover = self.config.routing.failover
        return failover.max_attempts if failover.enabled else 1

    def failover_covers(self, error: UpstreamError) -> bool:
        """Say whether the next target is tried after this failure."""
        failover = self.config.routing.failover
        if not failover.enabled:
            return False
        if isinstance(error, UpstreamTimeout):
            return failover.on_timeout
        status = error.upstream_status
        return status is None or error.status in failover.on_status_codes or status in (401, 403)

    def timeout_s(self, call: Call, provider_id: str) -> float:
        """Return how long the caller waits: for the whole answer, or a stream's first event."""
        if call.timeout_s is not None:
            return call.timeout_s
        by_model = self.config.routing.model_timeouts.get(call.request.model)
        if by_model is not None:
            return by_model
        provider = self.config.providers.get(provider_id)
        if provider is not None and provider.default_timeout is not None:
            return provider.default_timeout
        return self.config.server.default_request_timeout

    def facts(self, public_name: str, target: Target) -> ModelFacts:
        """Return price and context window of a model."""
        provider = target.provider
        return self.prices.facts(
            public_name, PricedModel(provider.spec, target.model, provider.is_local)
        )


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """Why the newest configuration is not in force."""

    at_s: float
    problems: list[str]


@dataclass(slots=True, kw_only=True)
class Gateway:
    """The state of one daemon process. Used from its event loop only."""

    data_dir: Path
    stores: Stores
    pepper: bytes
    outbound: Outbound
    keys: KeyTable
    snapshot: Snapshot
    read_config: Callable[[], LoadedConfig]
    """Reads the configuration afresh, with the flags and variables of this process."""
    limiter: RateLimiter = field(default_factory=RateLimiter)
    health: HealthBook = field(default_factory=HealthBook)
    recorder: Recorder = field(default_factory=Recorder)
    bus: Bus = field(default_factory=lambda: Bus(clock.wall_s))
    tasks: TaskSet = field(default_factory=TaskSet)
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    changing_keys: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from reading a key to writing its change, so that no change is lost."""
    started_at_s: float = field(default_factory=clock.wall_s)
    is_draining: bool = False
    last_config_error: ConfigFault | None = None
    needs_restart: list[str] = field(default_factory=list)
    """Configuration names that have changed but need a restart."""
    last_used_s: dict[str, float] = field(default_factory=dict)
    """Key id → wall time of its last call in this process."""
    _unsaved_use: dict[str, int] = field(default_factory=dict)

    def swap(self, snapshot: Snapshot) -> None:
        """Put a snapshot in force for the calls to come."""
        self.snapshot = snapshot

    def put_models(self, discovered: Mapping[str, tuple[str, ...]]) -> None:
        """Add discovered models to the catalog in force."""
        catalog = self.snapshot.catalog.with_models(discovered)
        self.swap(replace(self.snapshot, catalog=catalog))

    def note_use(self, key_id: str, at_s: float) -> None:
        """Remember when a key was last used; ``save_use`` writes it down."""
        self.last_used_s[key_id] = at_s
        self._unsaved_use[key_id] = int(at_s)

    async def save_use(self) -> None:
        """Write down when keys were last used."""
        used, self._unsaved_use = self._unsaved_use, {}
        if not used:
            return

        def write(tx: Tx) -> None:
            key_table.touch(tx, used)

        await self.stores.state.write(write)

    def not_ready_reasons(self) -> list[str]:
        """Return why traffic should not come here now; nothing when it should."""
        reasons = []
        if self.is_draining:
            reasons.append("draining")
        if not self.stores.state.is_healthy:
            reasons.append("storage")
        return reasons
