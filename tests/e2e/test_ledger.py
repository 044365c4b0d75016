"""The ledger over HTTP: what is booked, what is held, budgets, usage; and that all of it agrees."""

import csv
import io
import subprocess
from typing import Any

import httpx2
import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import PRISMD, Daemon, Key, stop_daemon

CONFIG = "providers:\n  fake: {type: fake}\n"


def listed(daemon: Daemon, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = daemon.admin.get(path, params=params)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def verify_stopped(daemon: Daemon) -> subprocess.CompletedProcess[str]:
    command = [*PRISMD, "verify", "--data-dir", str(daemon.data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# ── what is booked ───────────────────────────────────────────────────────────────────────────────


def test_every_dollar_has_its_posting(daemon: Daemon) -> None:
    key = daemon.create_key(credits=1)
    daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": 2, "note": "invoice 7"})
    answer = daemon.chat(key)
    account = f"key:{key.id}:credit"
    charge, second, first = listed(daemon, "/-/ledger/postings", account=account)
    assert (charge["kind"], charge["from_account"], charge["to_account"]) == (
        "charge",
        account,
        "system:usage",
    )
    assert charge["request_id"] == answer.headers["x-request-id"]
    assert (second["kind"], second["amount"], second["note"]) == ("grant", 2, "invoice 7")
    assert (first["amount_nano_usd"], first["from_account"]) == (1_000_000_000, "system:grants")
    (shown,) = listed(daemon, "/-/ledger/accounts", key=key.id, kind="credit")
    assert shown["posted_nano_usd"] == 3_000_000_000 - charge["amount_nano_usd"]
    assert listed(daemon, "/-/ledger/postings", request_id=charge["request_id"]) == [charge]
    page = daemon.admin.get(
        "/-/ledger/postings", params={"account": account, "limit": 1, "after": charge["id"]}
    ).json()
    assert (page["data"], page["has_more"]) == ([second], True)


def test_the_history_of_credits_is_the_grants(daemon: Daemon) -> None:
    key = daemon.create_key(credits=1)
    daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": 2, "note": "more"})
    daemon.chat(key)
    second, first = listed(daemon, f"/-/keys/{key.id}/credits")
    assert (second["amount"], second["note"], first["amount"], first["note"]) == (
        2,
        "more",
        1,
        None,
    )
    assert listed(daemon, f"/-/keys/{key.id}/credits", limit=1, after=second["id"]) == [first]
    missing = daemon.admin.get("/-/keys/none/credits")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "key_not_found")


def test_the_ledger_is_verified_while_calls_go_on_and_when_stopped(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key(credits=1, budgets=[{"limit": 1}])
    for number in range(20):
        daemon.chat(key, stream=number % 2 == 0)
    verdict = daemon.admin.post("/-/ledger/verify").json()
    assert (verdict["is_sound"], verdict["faults"]) == (True, [])
    assert (verdict["checked"]["usage_rows"], verdict["checked"]["postings"]) == (20, 21)
    running = verify_stopped(daemon)
    assert (running.returncode, "already runs" in running.stderr) == (4, True)
    assert stop_daemon(daemon) == 0
    stopped = verify_stopped(daemon)
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert "usage rows: 20" in stopped.stdout


def test_a_wrong_row_is_named_and_ends_with_8(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key(credits=1)
    request_id = daemon.chat(key).headers["x-request-id"]
    assert stop_daemon(daemon) == 0
    state = daemon.data_dir / "state.db"
    content = state.read_bytes()
    at = content.index(b'"unit":"output_tokens"')
    state.write_bytes(content[: at + 8] + b"O" + content[at + 9 :])
    before = state.read_bytes()
    result = verify_stopped(daemon)
    assert result.returncode == 8
    assert result.stderr.startswith(f"prismd: usage {request_id}: ")
    assert state.read_bytes() == before
    verdict = start(CONFIG).admin.post("/-/ledger/verify").json()
    assert verdict["is_sound"] is False
    assert verdict["faults"][0]["id"] == request_id


# ── budgets ──────────────────────────────────────────────────────────────────────────────────────


def make_budget(daemon: Daemon, scope: str, subject: str, **fields: Any) -> dict[str, Any]:
    body = {"scope": scope, "subject": subject, "limit": 1, **fields}
    answer = daemon.admin.post("/-/budgets", json=body)
    assert answer.status_code == 201, answer.text
    budget: dict[str, Any] = answer.json()
    return budget


@pytest.mark.parametrize("scope", ["key", "owner", "org", "model", "tag"])
def test_a_budget_of_each_scope_refuses_what_it_must(start: StartDaemon, scope: str) -> None:
    daemon = start(CONFIG)
    fields = {"owner": "ann", "org_id": "acme", "metadata": {"team": "search"}}
    key, other = daemon.create_key(**fields), daemon.create_key("other")
    subjects = {
        "key": key.id,
        "owner": "ann",
        "org": "acme",
        "model": "fake/lor*",
        "tag": "team=search",
    }
    budget = make_budget(daemon, scope, subjects[scope], limit="0.0001", window="total")
    called = [daemon.chat(key, "fake/lorem", max_tokens=20).status_code for _ in range(10)]
    assert called == sorted(called)
    assert 0 < called.count(200) < 10
    assert daemon.chat(other).status_code == 200, "another's calls do not count"
    refused = daemon.chat(key, "fake/lorem", max_tokens=20)
    assert refused.json()["error"]["budget"] == budget["id"]
    shown = daemon.admin.get(f"/-/budgets/{budget['id']}").json()
    assert 0 < shown["spent_nano_usd"] <= shown["limit_nano_usd"]
    again = daemon.admin.post(f"/-/budgets/{budget['id']}/reset").json()
    assert (again["spent"], again["state"]) == (0, "ok")
    assert daemon.chat(key, "fake/lorem", max_tokens=20).status_code == 200
    daemon.admin.put(f"/-/budgets/{budget['id']}", json={"hard": False}).raise_for_status()
    assert daemon.chat(key, "fake/lorem", max_tokens=900).status_code == 200
    assert daemon.admin.post("/-/ledger/verify").json()["faults"] == []


def test_the_life_of_a_budget_is_told_and_survives_a_restart(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    budget = make_budget(daemon, "owner", "ann", window="daily", hard=False, warn_percent=50)
    key = daemon.create_key(owner="ann")
    daemon.chat(key)
    path = f"/-/budgets/{budget['id']}"
    changed = daemon.admin.put(path, json={"limit": 2}).json()
    assert (changed["limit"], changed["hard"], changed["warn_percent"]) == (2, False, 50)
    assert changed["spent_nano_usd"] > 0
    assert stop_daemon(daemon) == 0
    second = start(CONFIG)
    assert second.admin.get(path).json() == changed
    second.admin.post(f"{path}/reset").raise_for_status()
    assert second.admin.delete(path).json()["id"] == budget["id"]
    assert second.admin.get(path).status_code == 404
    told = [row["action"] for row in listed(second, "/-/audit", object_id=budget["id"])]
    assert told == ["budget.deleted", "budget.reset", "budget.changed", "budget.created"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"scope": "key", "subject": "key_none"}, 404, "key_not_found"),
        ({"scope": "tag", "subject": "team"}, 400, "invalid_value"),
        ({"scope": "galaxy"}, 400, "invalid_value"),
        ({"limit": -1}, 400, "invalid_value"),
        ({"limit": 1e300}, 400, "invalid_value"),
        ({"warn_percent": 0}, 400, "invalid_value"),
        ({"hard": "yes"}, 400, "invalid_value"),
        ({"colour": "red"}, 400, "unknown_field"),
    ],
)
def test_a_budget_that_makes_no_sense(
    daemon: Daemon, fields: dict[str, Any], status: int, code: str
) -> None:
    body = {"scope": "model", "subject": "m-none", "limit": 1, **fields}
    answer = daemon.admin.post("/-/budgets", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_one_budget_per_subject_and_window(daemon: Daemon) -> None:
    budget = make_budget(daemon, "model", "m-once", window="daily")
    body = {"scope": "model", "subject": "m-once", "limit": 5, "window": "daily"}
    twice = daemon.admin.post("/-/budgets", json=body)
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "budget_exists")
    assert twice.json()["error"]["budget"] == budget["id"]
    make_budget(daemon, "model", "m-once", window="weekly")
    found = listed(daemon, "/-/budgets", scope="model", subject="m-once")
    assert [one["window"] for one in found] == ["daily", "weekly"]


# ── usage ────────────────────────────────────────────────────────────────────────────────────────


def own(daemon: Daemon, key: Key, **params: Any) -> httpx2.Response:
    return daemon.admin.get("/v1/usage", params=params, headers=key.headers)


def test_a_holder_sees_its_own_usage_and_nobody_elses(daemon: Daemon) -> None:
    mine = daemon.create_key(credits=1, budgets=[{"limit": 5}])
    theirs = daemon.create_key()
    first, second = daemon.chat(mine), daemon.chat(mine, stream=True)
    foreign = daemon.chat(theirs)
    shown = own(daemon, mine).json()
    assert (shown["key_id"], shown["requests"]) == (mine.id, 2)
    assert shown["cost_nano_usd"] == 1_000_000_000 - shown["credit_balance_nano_usd"]
    assert [day["requests"] for day in shown["data"]] == [2]
    assert shown["budgets"][0]["spent_nano_usd"] == shown["cost_nano_usd"]
    assert own(daemon, theirs).json()["credit_balance"] is None
    calls = [
        own(daemon, mine, request_id=one.headers["x-request-id"]).json() for one in (first, second)
    ]
    assert sum(call["cost_nano_usd"] for call in calls) == shown["cost_nano_usd"]
    assert {call["usage_source"] for call in calls} == {"reported"}
    assert calls[0]["price_lines"][0]["unit"] == "input_tokens"
    for request_id in (foreign.headers["x-request-id"], "req_none"):
        refused = own(daemon, mine, request_id=request_id)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "request_not_found")
    assert (
        own(daemon, mine, since="2020-01-01T00:00:00Z", until="2020-02-01T00:00:00Z").json()[
            "requests"
        ]
        == 0
    )


def test_usage_by_tag_owner_and_org_as_json_and_csv(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key(owner="=ann", org_id="acme", metadata={"team": "search"})
    daemon.chat(key, headers={"x-prism-tags": "env=dev"})
    daemon.chat(key)
    daemon.chat(daemon.create_key())
    report = daemon.admin.get("/-/usage", params={"group_by": "tag"}).json()
    found = {row["tag"]: row["requests"] for row in report["data"]}
    assert found == {"team=search": 2, "env=dev": 1, None: 1}
    assert report["totals"]["requests"] == 3
    for params in (
        {"tag": "env=dev"},
        {"owner": "=ann", "tag": "env=dev"},
        {"org": "acme", "tag": "env=dev"},
    ):
        (row,) = listed(daemon, "/-/usage", **params)
        assert row["requests"] == 1
    answer = daemon.admin.get("/-/usage", params={"group_by": "owner", "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["owner"]: row["requests"] for row in rows} == {"'=ann": "2", "": "1"}
    asked = daemon.admin.get("/-/usage?group_by=owner", headers={"accept": "text/csv"})
    assert asked.text == answer.text
