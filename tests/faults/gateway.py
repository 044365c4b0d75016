"""A real daemon whose providers are the rows of the table: each does one thing wrong."""

import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon, wait_for
from tests.e2e.test_failover import refusing_url
from tests.e2e.test_tls import certificate
from tests.faults import spoil
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.faults.row import ANSWERED, Row, both
from tests.faults.table import IDLE_S, ROWS
from tests.scripted_vendor import STREAM_HEAD, ScriptedVendor, delta, event, plain, scripted_vendor

FREE = "free"
"""A provider that behaves, until a test gives it a fault."""
CREDITS = 1_000
MAX_TOKENS = 50
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
COST_USD = 20
"""Of a whole answer: a token in costs a dollar, a token out two."""
DONE = b"data: [DONE]\n\n"
MESSAGE = {"role": "assistant", "content": "one two"}
COMPLETION = {"choices": [{"message": MESSAGE, "finish_reason": "stop"}], "usage": USAGE}
EVENTS = [delta("one"), delta(" two", "stop")]

BEHAVES = both(FREE, "behaves", spoil.nothing, ANSWERED)

CONFIG = """
server: {{stream_idle_timeout: {idle_ms}ms, shutdown_timeout: 5s}}
providers:
{providers}
  second: {{type: openai, base_url: "{second}", models: [plain, stream]}}
routing:
  failover: {{enabled: true, max_attempts: 2}}
cost_tracking:
  custom_pricing:
    plain: &price {{input_per_mtok: 1000000, output_per_mtok: 2000000}}
    stream: *price
"""


@dataclass(frozen=True)
class Money:
    """What a key's only call has cost, in dollars."""

    provider: str
    """Of the usage row."""
    cost: float
    """Of the usage row."""
    spent: float
    """What the key has less."""
    held: float


@dataclass(frozen=True)
class Gateway:
    """The daemon, and the proxy before the vendor that behaves."""

    daemon: Daemon
    proxy: FaultProxy
    vendor: ScriptedVendor

    def key(self, *providers: str) -> Key:
        """Return a prepaid key that reaches these providers, in the table's order."""
        return self.daemon.create_key(providers=list(providers), credits=CREDITS)

    def call(self, key: Key, *, is_stream: bool) -> tuple[httpx2.Response, float]:
        """Return the whole answer, and the seconds that it took."""
        began_s = time.monotonic()
        model = "stream" if is_stream else "plain"
        answer = self.daemon.chat(key, model, max_tokens=MAX_TOKENS, stream=is_stream)
        return answer, time.monotonic() - began_s

    def money(self, key: Key) -> Money:
        shown = self.daemon.admin.get(f"/-/keys/{key.id}").json()
        query = {"key": key.id, "group_by": "provider"}
        (used,) = self.daemon.admin.get("/-/usage", params=query).json()["data"]
        assert used["requests"] == 1
        spent = CREDITS - shown["credit_balance"]
        return Money(used["provider"], used["cost"], spent, shown["credit_held"])

    def has_let_go(self, name: str, *, within_s: float) -> bool:
        """Wait until nobody is connected to a fault any more."""
        return wait_for(
            lambda: not self.proxy.connected[name], f"{name} is let go", within_s=within_s
        )


def data_of(stream: bytes) -> list[Any]:
    """Return what the events of a stream say, however its lines end; the last may be ``[DONE]``."""
    lines = stream.replace(b"\r\n", b"\n").split(b"\n")
    said = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    return [one if one == b"[DONE]" else json.loads(one) for one in said]


def behave(vendor: ScriptedVendor) -> None:
    """Teach a vendor to answer well, of both models."""
    vendor["plain"] = [plain(COMPLETION, content_type="application/json")]
    vendor["stream"] = [STREAM_HEAD, *EVENTS, event(choices=[], usage=USAGE), DONE]


@contextmanager
def faulty_gateway(folder: Path) -> Iterator[Gateway]:
    """Run a daemon with one provider per row; at its end, its log and its books are in order."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate(folder))
    with ExitStack() as stack:
        vendor = stack.enter_context(scripted_vendor())
        behave(vendor)
        host, port = vendor.url.removeprefix("http://").removesuffix("/v1").split(":")
        proxy = stack.enter_context(fault_proxy((host, int(port))))
        config = CONFIG.format(
            idle_ms=round(IDLE_S * 1000),
            providers="\n".join(_provider(proxy, row, tls) for row in (*ROWS, BEHAVES)),
            second=vendor.url,
        )
        daemon = start_daemon(folder, config)
        try:
            at_rest = _sockets(daemon)
            yield Gateway(daemon, proxy, vendor)
            verdict = daemon.admin.post("/-/ledger/verify").json()
            assert verdict["is_sound"], verdict
            daemon.admin.close()
            wait_for(lambda: _sockets(daemon) <= at_rest, "no connection is left open")
        finally:
            code = stop_daemon(daemon)
        assert code == 0, daemon.log
        assert "Traceback" not in daemon.log, daemon.log
        assert '"level": "error"' not in daemon.log, daemon.log


def _sockets(daemon: Daemon) -> int:
    """Count the sockets that a daemon has open."""
    count = 0
    for one in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(one.readlink()).startswith("socket:")
    return count


def _provider(proxy: FaultProxy, row: Row, tls: ssl.SSLContext) -> str:
    where = proxy.listen(
        row.name, row.fault, is_asked=row.is_asked, tls=tls if row.has_certificate else None
    )
    url = row.url.format(proxy=where, nobody=refusing_url().removeprefix("http://"))
    more = f"models: [plain, stream], default_timeout: {row.deadline_s:g}s"
    return f'  {row.name}: {{type: openai, base_url: "{url}", {more}}}'
