"""What the corridor stands on: ``Gateway`` lives as long as the process, ``Snapshot`` as a config.

A ``Snapshot`` is immutable and a running call keeps the one it began with, so a reload never mixes
old and new. Counters, windows, health and connections live in ``Gateway``: a reload resets none.
"""

import asyncio
import socket
from dataclasses import dataclass, field, replace
from typing import Protocol

from prismd.config.load import ReadConfig
from prismd.config.model import Config
from prismd.kernel import clock
from prismd.kernel.bus import Bus
from prismd.kernel.errors import Overloaded, PrismError
from prismd.kernel.outbound import Outbound
from prismd.kernel.tasks import TaskSet
from prismd.metering.overrides import PriceOverrides
from prismd.metering.recorder import Recorder
from prismd.policy.identity import KeyTable
from prismd.policy.load import Load
from prismd.policy.ratelimit import RateLimiter
from prismd.policy.reserve import Reserve
from prismd.routing.catalog import Provider
from prismd.routing.health import HealthBook
from prismd.snapshot import Snapshot
from prismd.store import keys as key_table
from prismd.store.audit import AuditLog
from prismd.store.bodies import BodyLog
from prismd.store.booking import SettleEntry
from prismd.store.datadir import DataDir
from prismd.store.db import Tx
from prismd.store.idempotency import KeptAnswers
from prismd.store.stores import Stores
from prismd.wire.idempotency import IdempotencyKey

MAX_DRAINS = 32


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """Why the newest configuration is not in force."""

    at_s: float
    problems: list[str]


class Progress(Protocol):
    """A running stream, as checkpoints and the end of the daemon see it."""

    @property
    def output_tokens(self) -> int:
        """What has been generated so far, as estimated."""
        ...

    async def stop(self, error: PrismError) -> None:
        """End it before its end: its client is told why."""
        ...


@dataclass(slots=True, kw_only=True)
class Gateway:
    """The state of one daemon process. Used from its event loop only."""

    data_dir: DataDir
    stores: Stores
    pepper: bytes = field(repr=False)
    outbound: Outbound
    keys: KeyTable
    price_overrides: PriceOverrides
    snapshot: Snapshot
    started_with: Config
    """The configuration of the start: what listens now was made from it."""
    read_config: ReadConfig
    """With the flags and variables of this process."""
    reserve: Reserve
    """Credits and budgets."""
    audit: AuditLog = field(init=False)
    answers: KeptAnswers = field(init=False)
    bodies: BodyLog = field(init=False)
    limiter: RateLimiter = field(default_factory=RateLimiter)
    load: Load = field(default_factory=Load)
    health: HealthBook = field(default_factory=HealthBook)
    recorder: Recorder = field(default_factory=Recorder)
    bus: Bus = field(default_factory=lambda: Bus(clock.wall_s, node=socket.gethostname()))
    tasks: TaskSet = field(default_factory=TaskSet)
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    changing_keys: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from reading a key to writing its change, so that no change is lost."""
    changing_prices: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The same for overrides of prices."""
    claimed: dict[tuple[str, bytes], IdempotencyKey] = field(default_factory=dict)
    """The idempotency keys of running calls, by name: one call each."""
    started_at_s: float = field(default_factory=clock.wall_s)
    is_draining: bool = False
    """Whether the daemon stops: what runs may end."""
    is_cutting: bool = False
    """Whether the time for that is over."""
    last_config_error: ConfigFault | None = None
    needs_restart: list[str] = field(default_factory=list)
    """Configuration names that have changed but need a restart."""
    unsettled: list[SettleEntry] = field(default_factory=list)
    """Settlements that the disk refused; tried again until they are written."""
    drains: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_DRAINS))
    """Answers that are read to their end although the client has left."""
    streams: dict[str, Progress] = field(default_factory=dict)
    """Running streams, by request id."""
    last_used_s: dict[str, float] = field(default_factory=dict)
    """Key id → wall time of its last call in this process."""
    _unsaved_use: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Derive what hangs on the secrets of this data directory."""
        self.audit = AuditLog(self.pepper)
        self.answers = KeptAnswers(self.pepper)
        self.bodies = BodyLog(self.stores.traffic, self.pepper)

    def swap(self, snapshot: Snapshot) -> None:
        """Put a snapshot in force for the calls to come."""
        self.snapshot = snapshot

    def put_models(self, provider: Provider, models: tuple[str, ...]) -> bool:
        """Add discovered models to the catalog in force; False if the provider is not in it."""
        catalog = self.snapshot.catalog
        now = catalog.providers.get(provider.id)
        if now is None or now.base_url != provider.base_url:
            return False
        if now.discovered != models:
            body = {"provider": provider.id, "action": "models", "count": len(models)}
            self.bus.publish("provider", body)
        catalog = catalog.with_models({provider.id: models})
        self.swap(replace(self.snapshot, catalog=catalog))
        return True

    def note_use(self, key_id: str, at_s: float) -> None:
        """Remember when a key was last used; ``save_use`` writes it down."""
        self.last_used_s[key_id] = at_s
        self._unsaved_use[key_id] = int(at_s)

    async def save_use(self) -> None:
        """Write down when keys were last used.

        Raises:
            Overloaded: the storage does not take it; it is kept for the next time.
        """
        used, self._unsaved_use = self._unsaved_use, {}
        if not used:
            return

        def write(tx: Tx) -> None:
            key_table.touch(tx, used)

        try:
            await self.stores.state.write(write)
        except Overloaded:
            self._unsaved_use = used | self._unsaved_use
            raise

    def not_ready_reasons(self) -> list[str]:
        """Return why traffic should not come here now; nothing when it should."""
        reasons = []
        if self.is_draining:
            reasons.append("draining")
        if not self.stores.state.is_healthy:
            reasons.append("storage")
        if self.stores.state.is_full:
            reasons.append("storage_full")
        return reasons
