"""Connections to vendors as the configuration wants them, in a real gateway."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.certificates import certify
from tests.daemon_process import Daemon, start_daemon, stop_daemon, wait_for
from tests.keeping_vendor import KeepingVendor, keeping_vendor

CONFIG = """
server: {{shutdown_timeout: 1s}}
providers:
  kept: {{type: openai, base_url: "http://127.0.0.1:{kept}/v1", models: [m]}}
  distrusted: {{type: openai, base_url: "https://localhost:{tls}/v1", models: [m]}}
  trusted: {{type: openai, base_url: "https://localhost:{tls}/at-trusted", ca_file: "{ca_file}"}}
  reckless: {{type: openai, base_url: "https://127.0.0.1:{tls}/at-reckless", skip_tls: true}}
"""
DROPPED = '  dropped: {{type: openai, base_url: "http://127.0.0.1:{dropped}/v1", models: [m]}}\n'


class World:
    """A gateway and its vendors."""

    def __init__(
        self, daemon: Daemon, kept: KeepingVendor, dropped: KeepingVendor, without_dropped: str
    ) -> None:
        self.daemon, self.kept, self.dropped = daemon, kept, dropped
        self.without_dropped = without_dropped
        self.key = daemon.create_key()

    def chat(self, provider: str, model: str = "m", text: str = "Hello") -> tuple[int, str]:
        answer = self.daemon.chat(self.key, model=f"{provider}/{model}", text=text)
        return answer.status_code, answer.text

    def wait_for_model(self, model: str) -> None:
        """Wait until a vendor has been asked for its models, over the same kind of connection."""
        wait_for(lambda: model in self.daemon.admin.get("/-/models").text, model, within_s=5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("connections")
    certify(folder)
    with keeping_vendor() as kept, keeping_vendor() as dropped, keeping_vendor(folder) as tls:
        without_dropped = CONFIG.format(kept=kept.port, tls=tls.port, ca_file=folder / "ca.pem")
        config = without_dropped + DROPPED.format(dropped=dropped.port)
        daemon = start_daemon(folder, config)
        yield World(daemon, kept, dropped, without_dropped)
        stop_daemon(daemon)
        assert '"level": "error"' not in daemon.log, daemon.log


def test_a_private_ca_is_trusted_by_the_provider_that_names_it(world: World) -> None:
    world.wait_for_model("at-trusted")
    assert world.chat("trusted", "at-trusted")[0] == 200
    status, text = world.chat("distrusted", "m")
    assert (status, "certificate" in text, "provider_unreachable" in text) == (502, True, True)


def test_skip_tls_takes_any_certificate_and_says_so(world: World) -> None:
    world.wait_for_model("at-reckless")
    assert world.chat("reckless", "at-reckless")[0] == 200
    warnings = [line for line in world.daemon.log.splitlines() if "NOT verified" in line]
    assert len(warnings) == 1
    assert "127.0.0.1" in warnings[0]


def test_a_reload_keeps_connections_and_closes_those_of_a_provider_that_has_gone(
    world: World,
) -> None:
    kept, dropped = world.kept, world.dropped
    assert [world.chat(name)[0] for name in ("kept", "dropped")] == [200, 200]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(world.chat, "dropped", text="held")
        assert dropped.is_held.wait(5)
        assert world.chat("dropped")[0] == 200
        assert (kept.open, dropped.open) == (1, 2)
        world.daemon.config.write_text(world.without_dropped)
        assert world.daemon.admin.post("/-/reload").status_code == 200
        assert world.chat("dropped")[0] == 404
        assert world.chat("kept")[0] == 200
        dropped.may_end.set()
        assert running.result()[0] == 200
    wait_for(lambda: dropped.open == 0, "the connections are closed", within_s=5)
    assert (kept.open, kept.accepted) == (1, 1)
