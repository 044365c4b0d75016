"""Every change that an operator makes is in the audit log, with no secret in it."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, stop_daemon, wait_for

CONFIG = "providers:\n  fake: {type: fake}\n"


def entries(daemon: Daemon, **params: Any) -> list[dict[str, Any]]:
    answer = daemon.admin.get("/-/audit", params=params)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def test_the_life_of_a_key_is_told(daemon: Daemon) -> None:
    made = daemon.admin.post(
        "/-/keys",
        json={
            "name": "audited",
            "credits": 2,
            "metadata": {"team": "search", "vendor_api_key": "sk-secret-1"},
            "budgets": [{"limit": 5, "window": "daily"}],
        },
    )
    key = made.json()
    path = f"/-/keys/{key['id']}"
    daemon.admin.put(path, json={"rate_limit_rpm": 7, "owner": "ann"})
    daemon.admin.post(f"{path}/credits", json={"amount": 1.5})
    daemon.admin.delete(path)
    daemon.admin.delete(path)  # changes nothing, so it is not told

    told = entries(daemon, object_id=key["id"])
    assert [row["action"] for row in told] == [
        "key.revoked",
        "key.credited",
        "key.updated",
        "key.created",
    ]
    revoked, credited, updated, created = told
    assert revoked["changes"] == {"status": ["active", "revoked"]}
    assert credited["changes"] == {"credit_balance_nano_usd": [2_000_000_000, 3_500_000_000]}
    assert updated["changes"] == {"rate_limit_rpm": [None, 7], "owner": [None, "ann"]}
    assert created["changes"]["metadata"][1] == {"team": "search", "vendor_api_key": "***"}
    assert created["request_id"] == made.headers["x-request-id"]
    assert {(row["actor"], row["ip"]) for row in told} == {("admin", "127.0.0.1")}
    text = str(told)
    assert key["key"] not in text
    assert "sk-secret-1" not in text


def test_a_refused_change_is_not_told(daemon: Daemon) -> None:
    key = daemon.create_key()
    before = entries(daemon, object_id=key.id)
    path = f"/-/keys/{key.id}"
    stale = daemon.admin.put(path, json={"name": "x"}, headers={"if-match": '"99"'})
    assert stale.status_code == 412
    assert daemon.admin.put(path, json={"nmae": "x"}).status_code == 400
    assert entries(daemon, object_id=key.id) == before


def test_pages_and_their_bad_input(daemon: Daemon) -> None:
    for name in "abc":
        daemon.create_key(name)
    newest = daemon.admin.get("/-/audit", params={"limit": 2}).json()
    assert newest["has_more"] is True
    older = entries(daemon, limit=1, after=newest["last_id"])
    assert int(older[0]["id"]) == int(newest["last_id"]) - 1
    for params in ({"after": "x"}, {"after": "9" * 99}, {"since": "soon"}, {"limit": 0}):
        refused = daemon.admin.get("/-/audit", params=params)
        assert refused.status_code == 400, params
        assert refused.json()["error"]["code"] == "invalid_value"


@pytest.mark.parametrize("how", ["file", "admin"])
def test_a_new_configuration_is_told(start: StartDaemon, how: str) -> None:
    daemon = start(CONFIG)
    old = daemon.admin.get("/-/config").json()["hash"]
    daemon.config.write_text(CONFIG + "  two: {type: fake}\n")
    if how == "admin":
        daemon.admin.post("/-/reload")
    wait_for(lambda: entries(daemon, action="config.reloaded"), "the entry", within_s=5)
    (told,) = entries(daemon, action="config.reloaded")
    new = daemon.admin.get("/-/config").json()["hash"]
    assert told["changes"] == {"hash": [old, new]}
    assert told["actor"] in {"file", how}  # the watch may be the first to see it


def test_an_edit_of_the_file_is_found_after_a_restart(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    daemon.create_key("one")
    daemon.create_key("two")
    sound = daemon.admin.post("/-/audit/verify").json()
    assert (sound["is_sound"], sound["first_broken"]) == (True, None)
    assert sound["head"] == entries(daemon)[0]["hash"]
    stop_daemon(daemon)
    with closing(sqlite3.connect(daemon.data_dir / "state.db")) as database:
        database.execute("DROP TRIGGER audit_keeps_content")
        database.execute("UPDATE audit SET object_id = 'key_other' WHERE seq = 2")
        database.commit()
    again = start(CONFIG)
    broken = again.admin.post("/-/audit/verify").json()
    assert (broken["is_sound"], broken["first_broken"], broken["entries"]) == (False, "2", 1)
