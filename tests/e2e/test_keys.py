"""The life of a virtual key, over HTTP: made, read, changed, limited, credited, revoked."""

import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, stop_daemon, wait_for

EVERY_FIELD: dict[str, Any] = {
    "name": "everything",
    "owner": "ann",
    "org_id": "org_7",
    "models": ["fake/echo", "mock/*"],
    "providers": ["fake", "mock"],
    "metadata": {"team": "search", "cost centre": "7"},
    "key_type": "managed",
    "rate_limit_rpm": 100,
    "rate_limit_tpm": 100_000,
    "max_concurrency": 5,
    "allowed_ips": ["127.0.0.1", "10.0.0.0/8"],
    "allowed_tools": ["get_*"],
    "denied_tools": [],
    "expires_at": "2099-01-31T12:00:00Z",
}
BUDGETS = [
    {"limit": 0.5, "window": "daily", "hard": False},
    {"limit": 50, "window": "monthly", "hard": True},
]
UNSET: dict[str, Any] = {
    "owner": None,
    "org_id": None,
    "models": None,
    "providers": None,
    "metadata": {},
    "key_type": "byok",
    "rate_limit_rpm": None,
    "rate_limit_tpm": None,
    "max_concurrency": None,
    "allowed_ips": None,
    "allowed_tools": None,
    "denied_tools": None,
    "expires_at": None,
    "budgets": [],
}
SECRET = re.compile(r"sk-prism-[0-9A-Za-z]{36}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def get(daemon: Daemon, key: Key) -> dict[str, Any]:
    answer = daemon.admin.get(f"/-/keys/{key.id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


# ── making and reading ────────────────────────────────────────────────────────────────────────────


def test_every_field_is_kept(daemon: Daemon) -> None:
    key = daemon.create_key(**EVERY_FIELD, budgets=BUDGETS, credits=10.5)
    shown = get(daemon, key)
    assert shown == {name: value for name, value in key.answer.items() if name != "key"}
    assert {name: shown[name] for name in EVERY_FIELD} == EVERY_FIELD
    assert [{name: one[name] for name in BUDGETS[0]} for one in shown["budgets"]] == BUDGETS
    assert {(one["scope"], one["subject"]) for one in shown["budgets"]} == {("key", key.id)}
    assert (shown["credit_balance"], shown["credit_balance_nano_usd"]) == (10.5, 10_500_000_000)
    assert shown["credit_held_nano_usd"] == 0
    assert (shown["status"], shown["is_expired"], shown["version"]) == ("active", False, 1)
    assert shown["last_used_at"] is None
    assert TIME.fullmatch(shown["created_at"])


def test_a_key_of_which_only_the_name_is_said(daemon: Daemon) -> None:
    shown = get(daemon, daemon.create_key("plain"))
    assert {name: shown[name] for name in UNSET} == UNSET
    assert shown["credit_balance"] is shown["credit_held_nano_usd"] is None


def test_the_secret_is_shown_once_and_stored_nowhere(daemon: Daemon) -> None:
    key = daemon.create_key()
    assert SECRET.fullmatch(key.secret)
    assert key.answer["prefix"] == f"{key.secret[:13]}…{key.secret[-4:]}"
    assert key.secret not in json.dumps(get(daemon, key))
    daemon.chat(key)
    random_part = key.secret.removeprefix("sk-prism-")[4:-4].encode()
    files = [path for path in daemon.data_dir.iterdir() if path.is_file()]
    assert len(files) >= 4
    assert not [path for path in files if random_part in path.read_bytes()]


def test_etag(daemon: Daemon, key: Key) -> None:
    assert daemon.admin.get(f"/-/keys/{key.id}").headers["etag"] == '"1"'
    assert daemon.put_key(key, owner="ann").headers["etag"] == '"2"'


def test_pages(start: StartDaemon, providers_yaml: str) -> None:
    daemon = start(providers_yaml)
    made = [daemon.create_key(f"k{number % 3}", owner=f"o{number % 2}").id for number in range(7)]

    def page(**params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = daemon.admin.get("/-/keys", params=params).json()
        assert answer["object"] == "list"
        return answer

    everything = page()
    assert [one["id"] for one in everything["data"]] == made == sorted(made)
    assert everything["has_more"] is False
    first = page(limit=5)
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, made[0], made[4])
    rest = page(limit=5, after=first["last_id"])
    assert [one["id"] for one in rest["data"]] == made[5:]
    assert rest["has_more"] is False
    assert page(limit=7)["has_more"] is False
    assert page(after=made[-1]) == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }
    assert [one["id"] for one in page(name="k1")["data"]] == [made[1], made[4]]
    assert [one["id"] for one in page(owner="o1", name="k0")["data"]] == [made[3]]
    daemon.admin.delete(f"/-/keys/{made[2]}").raise_for_status()
    assert [one["id"] for one in page(status="revoked")["data"]] == [made[2]]
    assert len(page(status="active")["data"]) == 6


# ── changing ──────────────────────────────────────────────────────────────────────────────────────


def test_a_change_leaves_the_rest(daemon: Daemon) -> None:
    key = daemon.create_key(**EVERY_FIELD)
    before = get(daemon, key)
    after = daemon.put_key(key, owner="bob").json()
    assert after == get(daemon, key)
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"updated_at"} == {"owner", "version"}


@pytest.mark.parametrize("field", [*sorted(set(EVERY_FIELD) - {"name"}), "budgets"])
def test_every_field_is_changed_and_cleared(daemon: Daemon, field: str) -> None:
    key = daemon.create_key()
    value = BUDGETS if field == "budgets" else EVERY_FIELD[field]
    changed = daemon.put_key(key, **{field: value}).json()
    assert changed[field] != UNSET[field]
    cleared = daemon.put_key(key, **{field: None}).json()
    assert cleared[field] == UNSET[field]
    assert cleared["version"] == 3


def test_metadata_is_replaced_whole(daemon: Daemon) -> None:
    key = daemon.create_key(metadata={"a": "1", "b": "2"})
    assert daemon.put_key(key, metadata={"b": "3"}).json()["metadata"] == {"b": "3"}


@pytest.mark.parametrize(
    "field", ["models", "providers", "allowed_ips", "allowed_tools", "denied_tools"]
)
def test_nothing_is_not_everything(daemon: Daemon, field: str) -> None:
    key = daemon.create_key()
    assert daemon.put_key(key, **{field: []}).json()[field] == []
    assert get(daemon, key)[field] == []
    tool = {"type": "function", "function": {"name": "shell"}}
    answer = daemon.chat(key, tools=[tool])
    # Nothing denied is the one empty list that refuses nothing.
    assert answer.status_code == (200 if field == "denied_tools" else 403)


def test_a_change_is_in_force_at_once(daemon: Daemon, key: Key) -> None:
    assert daemon.chat(key).status_code == 200
    daemon.put_key(key, models=["mock/*"]).raise_for_status()
    assert daemon.chat(key).status_code == 403
    daemon.put_key(key, models=None).raise_for_status()
    assert daemon.chat(key).status_code == 200
    daemon.put_key(key, expires_at="2001-01-01T00:00:00+02:00").raise_for_status()
    assert get(daemon, key)["expires_at"] == "2000-12-31T22:00:00Z"
    assert get(daemon, key)["is_expired"] is True
    assert daemon.chat(key).status_code == 401


def test_a_stale_change_is_refused(daemon: Daemon, key: Key) -> None:
    assert daemon.put_key(key, version=1, owner="ann").status_code == 200
    stale = daemon.put_key(key, version=1, owner="bob")
    assert stale.status_code == 412
    assert stale.json()["error"]["code"] == "version_mismatch"
    assert get(daemon, key)["owner"] == "ann"
    assert daemon.put_key(key, version=2, owner="bob").status_code == 200
    revoke = daemon.admin.delete(f"/-/keys/{key.id}", headers={"if-match": '"1"'})
    assert revoke.status_code == 412
    assert get(daemon, key)["status"] == "active"


def test_of_changes_at_once_one_wins(daemon: Daemon, key: Key) -> None:
    with ThreadPoolExecutor(10) as pool:
        statuses = list(
            pool.map(
                lambda number: daemon.put_key(key, version=1, owner=f"o{number}").status_code,
                range(10),
            )
        )
    assert Counter(statuses) == {200: 1, 412: 9}
    assert get(daemon, key)["version"] == 2


def test_changes_at_once_lose_nothing(daemon: Daemon, key: Key) -> None:
    fields: list[dict[str, Any]] = [{"owner": "ann"}, {"org_id": "o"}, {"rate_limit_rpm": 7}]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda field: daemon.put_key(key, **field).raise_for_status(), fields))
    shown = get(daemon, key)
    assert (shown["owner"], shown["org_id"], shown["rate_limit_rpm"]) == ("ann", "o", 7)
    assert shown["version"] == 4


def test_a_change_of_nothing_changes_nothing(daemon: Daemon, key: Key) -> None:
    answer = daemon.put_key(key)
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


# ── revoking ──────────────────────────────────────────────────────────────────────────────────────


def test_revoking(daemon: Daemon, key: Key) -> None:
    assert daemon.chat(key).status_code == 200
    revoked = daemon.admin.delete(f"/-/keys/{key.id}")
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert daemon.chat(key).status_code == 401
    again = daemon.admin.delete(f"/-/keys/{key.id}")
    assert again.json() == revoked.json()
    for fields in ({"status": "active"}, {"owner": "ann"}):
        change = daemon.put_key(key, **fields)
        assert (change.status_code, change.json()["error"]["code"]) == (409, "key_revoked")


def test_no_credits_for_a_revoked_key(daemon: Daemon) -> None:
    key = daemon.create_key(credits=1)
    daemon.admin.delete(f"/-/keys/{key.id}").raise_for_status()
    answer = daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key_revoked")


def test_a_running_stream_ends_although_its_key_is_revoked(daemon: Daemon, key: Key) -> None:
    body = {
        "model": "mock/lorem+tokens=20+rate=40",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    with (
        daemon.client(key.headers) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        daemon.admin.delete(f"/-/keys/{key.id}").raise_for_status()
        assert daemon.chat(key).status_code == 401
        assert [line for line in lines if line][-1] == "data: [DONE]"


# ── money ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "written", "nano_usd"),
    [
        ("0", "0", 0),
        ("5", "5", 5_000_000_000),
        ("5.0", "5", 5_000_000_000),
        ("0.1", "0.1", 100_000_000),
        ("1e-9", "0.000000001", 1),
        ("1E3", "1000", 1_000_000_000_000),
        ('"0.000000001"', "0.000000001", 1),
        ('"9999999.999999999"', "9999999.999999999", 9_999_999_999_999_999),
        ("123456.789", "123456.789", 123_456_789_000_000),
    ],
)
def test_money_is_written_as_a_plain_decimal(
    daemon: Daemon, given: str, written: str, nano_usd: int
) -> None:
    text = f'{{"name": "m", "credits": {given}, "budgets": [{{"limit": {given}}}]}}'
    answer = daemon.admin.post(
        "/-/keys", content=text, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    assert f'"credit_balance":{written},"credit_balance_nano_usd":{nano_usd},' in answer.text
    assert f'"limit":{written},"limit_nano_usd":{nano_usd},' in answer.text
    assert answer.json()["key_type"] == "managed"


def test_credits_are_added_exactly(daemon: Daemon) -> None:
    key = daemon.create_key(credits="0.1")
    answer = daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": 0.2})
    assert answer.json() == {
        "key_id": key.id,
        "added": 0.2,
        "added_nano_usd": 200_000_000,
        "credit_balance": 0.3,
        "credit_balance_nano_usd": 300_000_000,
    }
    assert '"credit_balance":0.3,' in answer.text
    assert get(daemon, key)["credit_balance_nano_usd"] == 300_000_000


def test_adding_at_once_loses_nothing(daemon: Daemon) -> None:
    key = daemon.create_key(credits=0)

    def add(_: int) -> int:
        answer = daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": "0.000000003"})
        assert answer.status_code == 200, answer.text
        balance: int = answer.json()["credit_balance_nano_usd"]
        return balance

    with ThreadPoolExecutor(20) as pool:
        balances = sorted(pool.map(add, range(20)))
    assert balances == [3 * step for step in range(1, 21)]
    assert get(daemon, key)["credit_balance_nano_usd"] == 60


# ── over a restart ────────────────────────────────────────────────────────────────────────────────


def test_a_key_survives_a_restart(start: StartDaemon, providers_yaml: str) -> None:
    first = start(providers_yaml)
    key = first.create_key(**EVERY_FIELD, budgets=BUDGETS, credits="0.100000001")
    unused, revoked = first.create_key(), first.create_key()
    first.admin.delete(f"/-/keys/{revoked.id}").raise_for_status()
    first.put_key(key, owner="bob").raise_for_status()
    assert first.chat(key).status_code == 200
    used_at = wait_for(lambda: get(first, key)["last_used_at"], "the use is noted")
    before = get(first, key)
    assert stop_daemon(first) == 0

    second = start(providers_yaml)
    assert get(second, key) == before
    assert get(second, key)["last_used_at"] == used_at
    assert get(second, unused)["last_used_at"] is None
    assert second.chat(key).status_code == 200
    assert second.chat(revoked).status_code == 401
    assert second.put_key(key, version=2, owner="ann").json()["version"] == 3


def test_use_is_noted(daemon: Daemon, key: Key) -> None:
    called_s = int(time.time())
    daemon.chat(key)
    shown = get(daemon, key)
    assert shown["last_used_at"] >= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(called_s))
    assert shown["version"] == 1
