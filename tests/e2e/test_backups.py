"""The restore drill: copy a working gateway, lose its database, put the copy back."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.conftest import StartDaemon
from tests.daemon_process import stop_daemon

CONFIG = "providers:\n  fake: {type: fake}\n"


def test_a_gateway_lives_again_from_its_backup(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key("kept")
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(daemon.chat, key) for _ in range(100)]
        made = daemon.admin.post("/-/backups")
        assert {call.result().status_code for call in calls} == {200}
    assert made.status_code == 201, made.text
    backup = made.json()
    assert (backup["keys"], backup["audit_rows"]) == (1, 1)
    listed = daemon.admin.get("/-/backups").json()["data"]
    assert listed == [backup]
    (told,) = daemon.admin.get("/-/audit", params={"action": "backup.created"}).json()["data"]
    assert told["object_id"] == backup["id"]
    lost = daemon.create_key("made after the backup")
    assert stop_daemon(daemon) == 0

    with closing(sqlite3.connect(backup["path"])) as copy:
        (running,) = copy.execute("SELECT count(*) FROM holds").fetchone()
    state = daemon.data_dir / "state.db"
    state.write_bytes(Path(backup["path"]).read_bytes())
    again = start(CONFIG)
    assert again.chat(key).status_code == 200
    assert again.chat(lost).status_code == 401
    assert again.admin.post("/-/audit/verify").json()["is_sound"] is True
    usage = again.admin.get("/-/usage").json()["totals"]
    # What ran while the copy was taken is settled like after a crash.
    assert usage["requests"] == backup["usage_rows"] + running + 1


def test_a_damaged_backup_is_refused(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    backup = daemon.admin.post("/-/backups").json()
    path = f"/-/backups/{backup['id']}/verify"
    assert daemon.admin.post(path).json() == backup
    file = Path(backup["path"])
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    damaged = daemon.admin.post(path)
    assert damaged.status_code == 409
    assert damaged.json()["error"]["code"] == "backup_damaged"
    unknown = daemon.admin.post("/-/backups/bak_none/verify")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "backup_not_found")


def test_a_backup_that_cannot_be_made_is_said(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    (daemon.data_dir / "backups").write_text("in the way")
    refused = daemon.admin.post("/-/backups")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "backup_failed")
    assert daemon.chat(daemon.create_key()).status_code == 200
