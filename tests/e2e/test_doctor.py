"""The doctor names what is not well, and what to do; nothing is well by silence."""

from typing import Any

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon

CONFIG = """
providers:
  fake: {type: fake}
  paid: {type: groq, base_url: "http://0.0.0.0:9/v1", models: [nobody-knows-it]}
"""


def checks(daemon: Daemon) -> dict[str, dict[str, Any]]:
    answer = daemon.admin.get("/-/doctor").json()
    found = {check["id"]: check for check in answer["checks"]}
    assert answer["is_well"] == all(check["state"] != "failed" for check in found.values())
    assert all(check["fix"] for check in found.values() if check["state"] != "ok")
    return found


def test_a_new_gateway_is_well_but_has_no_backup(start: StartDaemon) -> None:
    daemon = start("providers:\n  fake: {type: fake}\n")
    found = checks(daemon)
    assert found["backup"]["state"] == "warning"
    daemon.admin.post("/-/backups").raise_for_status()
    found = checks(daemon)
    assert {
        name: check["state"] for name, check in found.items() if name not in ("sqlite", "disk")
    } == {
        "ready": "ok",
        "backup": "ok",
        "descriptors": "ok",
        "ledger": "ok",
        "prices": "ok",
        "providers": "ok",
        "config": "ok",
    }
    version = daemon.admin.get("/-/capabilities").json()["sqlite_version"]
    assert version in found["sqlite"]["message"]


def test_what_is_not_well_is_named(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    assert "nobody-knows-it" in checks(daemon)["prices"]["message"]
    key = daemon.create_key()
    for _ in range(6):
        daemon.chat(key, "nobody-knows-it")
    assert checks(daemon)["providers"]["message"] == "failing: paid"
    daemon.config.write_text("providers: 7\n")
    daemon.admin.post("/-/reload")
    found = checks(daemon)
    assert found["config"]["state"] == "failed"
    assert "providers" in found["config"]["message"]
