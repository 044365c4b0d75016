"""The doctor names what is not well, and what to do; nothing is well by silence."""

import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from prismctl.cli import load
from tests.certificates import certify
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, stop_daemon, wait_for
from tests.scripted_vendor import ScriptedVendor, scripted_vendor

FAKE = "providers:\n  fake: {type: fake}\n"
CONFIG = """
providers:
  fake: {type: fake}
  paid: {type: groq, base_url: "http://0.0.0.0:9/v1", models: [nobody-knows-it]}
"""
OF_THE_MACHINE = {"sqlite", "disk", "dependencies"}
"""What this machine decides."""


def checks(daemon: Daemon, **params: Any) -> dict[str, dict[str, Any]]:
    answer = daemon.admin.get("/-/doctor", params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = {check["id"]: check for check in body["checks"]}
    assert len(found) == len(body["checks"])
    assert body["is_well"] == all(check["state"] != "failed" for check in found.values())
    for check in found.values():
        assert (check["fix"] is None) is (check["state"] == "ok")
        assert_runnable(check["fix"] or "")
    return found


def assert_runnable(fix: str) -> None:
    """What a fix says to type to prismctl is a command of it, with its options."""
    for command in re.findall(r"prismctl (?:'[^']*'|[^;'])*", fix):
        noun, *rest = shlex.split(command)[1:]
        group: Any = load(noun)
        verb = group.commands[rest[0]] if hasattr(group, "commands") else group
        options = {name for param in verb.params for name in param.opts}
        assert {word for word in rest if word.startswith("--")} <= options, command


def states(daemon: Daemon, **params: Any) -> dict[str, str]:
    found = checks(daemon, **params).items()
    return {name: check["state"] for name, check in found if name not in OF_THE_MACHINE}


def test_a_new_gateway_is_well_but_has_no_backup(start: StartDaemon) -> None:
    daemon = start(FAKE)
    found = checks(daemon)
    assert found["backup"]["state"] == "warning"
    daemon.admin.post("/-/backups").raise_for_status()
    found = checks(daemon)
    assert set(states(daemon).values()) == {"ok"}
    assert set(found) == {
        *("ready", "sqlite", "files", "wal", "disk", "backup", "clock", "queue", "load"),
        *("ledger", "balance", "holds", "keys", "key_expiry", "budgets", "prices"),
        *("providers", "provider_tls", "config", "config_drift", "listener", "secrets", "bodies"),
        *("descriptors", "viewers", "dependencies"),
    }
    version = daemon.admin.get("/-/capabilities").json()["sqlite_version"]
    assert version in found["sqlite"]["message"]
    assert "msgspec" in found["dependencies"]["message"]


def test_what_is_not_well_is_named(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    found = checks(daemon)
    assert "nobody-knows-it" in found["prices"]["message"]
    assert found["provider_tls"]["message"].endswith("in the clear to: paid")
    key = daemon.create_key()
    for _ in range(6):
        daemon.chat(key, "nobody-knows-it")
    assert checks(daemon)["providers"]["message"] == "failing: paid"
    daemon.config.write_text("providers: 7\n")
    daemon.admin.post("/-/reload")
    found = checks(daemon)
    assert found["config"]["state"] == found["config_drift"]["state"] == "failed"
    assert "providers" in found["config"]["message"]


def test_what_a_vendor_calls_a_model_is_no_command(start: StartDaemon) -> None:
    name = "x; touch y"
    daemon = start(CONFIG.replace("nobody-knows-it", f'"{name}"'))
    assert shlex.split(checks(daemon)["prices"]["fix"])[3] == name


@pytest.mark.parametrize("name", ["", "master.key", "admin-token", "state.db", "traffic.db-wal"])
def test_state_that_others_may_read_and_the_command_that_mends_it(
    start: StartDaemon, name: str
) -> None:
    daemon = start(FAKE)
    daemon.trace(daemon.chat(daemon.create_key()).headers["x-request-id"])  # each file is there
    path = daemon.data_dir / name
    path.chmod(0o755 if path.is_dir() else 0o644)
    found = checks(daemon)["files"]
    assert found["state"] == "failed"
    assert str(path) in found["message"]
    subprocess.run(shlex.split(found["fix"]), check=True)
    assert checks(daemon)["files"]["state"] == "ok"


def test_a_secret_of_the_configuration_that_others_may_read(
    start: StartDaemon, tmp_path: Path
) -> None:
    secret = tmp_path / "api-key"
    secret.write_text("sk-1")
    secret.chmod(0o600)
    daemon = start(f"providers:\n  openai: {{type: openai, api_key: 'file:{secret}'}}\n")
    assert checks(daemon)["secrets"]["state"] == "ok"
    secret.chmod(0o644)
    found = checks(daemon)["secrets"]
    assert (found["state"], str(secret) in found["message"]) == ("failed", True)
    subprocess.run(shlex.split(found["fix"]), check=True)
    assert checks(daemon)["secrets"]["state"] == "ok"


def test_keys_that_nothing_limits(start: StartDaemon) -> None:
    daemon = start(FAKE)
    limited: list[dict[str, Any]] = [
        *({"rate_limit_rpm": 5}, {"rate_limit_tpm": 5}, {"max_concurrency": 5}, {"credits": 1}),
        {"budgets": [{"limit": 1}]},
        {"owner": "ann"},
        {"org_id": "o"},
    ]
    for fields in limited:
        daemon.create_key("limited", **fields)
    for scope, subject in (("owner", "ann"), ("org", "o")):
        body = {"scope": scope, "subject": subject, "limit": 1}
        daemon.admin.post("/-/budgets", json=body).raise_for_status()
    assert checks(daemon)["keys"]["message"] == "each of 7 active keys has a limit"
    daemon.create_key("soft", budgets=[{"limit": 1, "hard": False}])
    free = daemon.create_key("free")
    found = checks(daemon)["keys"]
    assert found["message"] == "2 keys have no limit at all: soft, free"
    daemon.admin.delete(f"/-/keys/{free.id}").raise_for_status()
    assert checks(daemon)["keys"]["message"] == "1 key has no limit at all: soft"


def test_keys_that_end_while_they_are_used(start: StartDaemon) -> None:
    daemon = start(FAKE)
    soon = daemon.create_key("soon", expires_at="2099-01-01T00:00:00Z")
    assert checks(daemon)["key_expiry"]["state"] == "ok"
    in_a_day = {"expires_at": _later(days=1)}
    daemon.admin.put(f"/-/keys/{soon.id}", json=in_a_day).raise_for_status()
    assert "1 key to expire within 7 days: soon" in checks(daemon)["key_expiry"]["message"]
    ending = daemon.create_key("ending", expires_at=_later(seconds=3))
    assert daemon.chat(ending).status_code == 200

    def has_ended() -> bool:
        return "expired within a day of their last call" in checks(daemon)["key_expiry"]["message"]

    wait_for(has_ended, "the end of the key", within_s=6)


def _later(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_budgets_that_refuse_for_good_or_count_nothing(start: StartDaemon) -> None:
    daemon = start(FAKE)
    key = daemon.create_key()

    def budget(scope: str, subject: str, **fields: Any) -> str:
        body = {"scope": scope, "subject": subject, "limit": 0, **fields}
        made = daemon.admin.post("/-/budgets", json=body)
        assert made.status_code == 201, made.text
        budget_id: str = made.json()["id"]
        return budget_id

    assert checks(daemon)["budgets"]["state"] == "ok"
    budget("model", "fake/*", window="monthly")
    budget("tag", "a=b", window="daily")
    assert checks(daemon)["budgets"]["state"] == "ok"
    idle = budget("owner", "nobody")
    found = checks(daemon)["budgets"]
    assert "no call counts in them: owner:nobody" in found["message"]
    assert found["fix"] == f"prismctl budgets delete {idle}"
    spent = budget("key", key.id, window="total")
    found = checks(daemon)["budgets"]
    assert "never start anew" in found["message"]
    assert found["fix"] == f"prismctl budgets reset {spent}"


def test_who_listens_in_the_clear(start: StartDaemon) -> None:
    daemon = start(f"{FAKE}server: {{host: 0.0.0.0}}\nadmin: {{allow_remote: true}}\n")
    found = checks(daemon)["listener"]
    assert found["state"] == "warning"
    assert "admin.allow_remote" in found["message"]


def test_a_certificate_that_ends_soon(start: StartDaemon, tmp_path: Path) -> None:
    certify(tmp_path)
    tls = {name: str(tmp_path / f"{name[:-5]}.pem") for name in ("cert_file", "key_file")}
    daemon = start(f"{FAKE}{yaml.safe_dump({'server': {'tls': tls}})}")
    found = checks(daemon)
    assert found["listener"]["state"] == "ok"
    assert found["tls"]["state"] == "warning"
    assert "the certificate holds for 7 more days" in found["tls"]["message"]
    (tmp_path / "key.pem").chmod(0o644)
    assert checks(daemon)["secrets"]["state"] == "failed"


def test_that_prompts_are_kept_is_told(start: StartDaemon) -> None:
    daemon = start(f"{FAKE}logging: {{request_logging: {{include_bodies: true}}}}\n")
    assert "kept, sealed, for 7 days" in checks(daemon)["bodies"]["message"]


def test_a_gateway_without_a_provider(start: StartDaemon) -> None:
    assert checks(start(""))["providers"]["state"] == "warning"


def test_a_provider_that_anybody_may_pretend_to_be(start: StartDaemon) -> None:
    section = "{type: vllm, base_url: 'https://127.0.0.1:9/v1', skip_tls: true}"
    found = checks(start(f"providers:\n  x: {section}\n"))["provider_tls"]
    assert (found["state"], found["message"]) == ("warning", "any certificate is taken of: x")


def test_providers_are_asked_only_on_request(start: StartDaemon) -> None:
    with scripted_vendor() as vendor:
        vendor.models = ["a", "b"]
        daemon = start(
            f"""
providers:
  fake: {{type: fake}}
  good: {{type: groq, base_url: "{vendor.url}", models: [a]}}
  gone: {{type: groq, base_url: "http://127.0.0.1:9/v1", models: [a]}}
"""
        )
        assert not [name for name in checks(daemon) if name.startswith("probe:")]
        assert vendor.asked_for_models == 0
        found = checks(daemon, probe=True)
        assert vendor.asked_for_models == 1
        assert found["probe:fake"]["state"] == "ok"
        assert "has 2 models" in found["probe:good"]["message"]
        assert found["probe:gone"]["state"] == "failed"
        assert vendor.bodies == []
        _refuse(vendor, 401)
        found = checks(daemon, probe=True)
        assert found["probe:good"]["state"] == "failed"
        assert "providers.good.api_key" in found["probe:good"]["fix"]
        _refuse(vendor, 404)
        assert checks(daemon, probe=True)["probe:good"]["state"] == "warning"


def _refuse(vendor: ScriptedVendor, status: int) -> None:
    vendor.models, vendor.models_status = None, status


def test_books_that_do_not_agree(start: StartDaemon) -> None:
    daemon = start(FAKE)
    daemon.create_key(credits=5)
    stop_daemon(daemon)
    with closing(sqlite3.connect(daemon.data_dir / "state.db")) as connection:
        connection.execute(
            "UPDATE accounts SET posted_nano_usd = posted_nano_usd + 7 WHERE kind = 'credit'"
        )
        connection.commit()
    found = checks(start(FAKE))["balance"]
    assert found["state"] == "failed"
    assert "7 nano-dollars" in found["message"]
    assert found["fix"] == "prismctl ledger verify"
