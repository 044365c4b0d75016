"""Providers are asked for their models; what they said outlives reloads and others' faults."""

from collections.abc import Iterator

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, wait_for
from tests.scripted_vendor import COMPLETION, ScriptedVendor, plain, scripted_vendor

CONFIG = """
providers:
  mute: {{type: openai, base_url: "{mute}"}}
  near: {{type: openai, base_url: "{near}", auto_discover: true, models: [listed]}}
"""


@pytest.fixture
def vendor() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as running:
        running.models = ["found", "listed"]
        running["found"] = [plain(COMPLETION)]
        yield running


@pytest.fixture
def mute() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as running:
        yield running


def names(daemon: Daemon) -> set[str]:
    return {model["id"] for model in daemon.admin.get("/-/models").json()["data"]}


def test_listed_and_discovered_models_outlive_a_reload(
    start: StartDaemon, vendor: ScriptedVendor, mute: ScriptedVendor
) -> None:
    daemon = start(CONFIG.format(mute=mute.url, near=vendor.url))
    wait_for(lambda: names(daemon) == {"listed", "found"}, "the models")
    for _ in range(2):
        assert daemon.admin.post("/-/reload").status_code == 200
        assert names(daemon) == {"listed", "found"}
    answer = daemon.chat(daemon.create_key(), model="found")
    assert (answer.status_code, answer.headers["x-prism-provider"]) == (200, "near")
    assert daemon.log.count("models of mute are not known") == 1
