"""prismctl against the real ``prismd``: the contract between the two, one command after another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prismctl.processes import Home, up


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    person = Home(tmp_path_factory.mktemp("home"))
    with up(person, "--no-detect"):
        yield person


def test_the_life_of_a_key(home: Home) -> None:
    made = home.run(
        "keys", "create", "life", "--owner", "ana", "--models", "fake/*", "--rpm", "60",
        "--budget", "50/month", "--budget", "0.5/day", "--credits", "1.25", "--expires", "30d",
        "--tag", "team=search", "--ip", "127.0.0.1,10.0.0.0/8", "--deny-tools", "rm",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert made.stdout == f"{secret}\n"
    assert secret.startswith("sk-prism-")

    key = home.json("keys", "get", "life")
    assert (key["key_type"], key["credit_balance"], key["owner"]) == ("managed", 1.25, "ana")
    assert key["allowed_ips"] == ["127.0.0.1", "10.0.0.0/8"]
    assert [(b["limit"], b["window"]) for b in key["budgets"]] == [(0.5, "daily"), (50, "monthly")]
    assert home.run("chat", "hi", PRISMCTL_API_KEY=secret).stdout == "hi\n"

    left = home.json("keys", "get", "life")["credit_balance_nano_usd"]
    assert 0 < left < 1_250_000_000
    added = home.json("credits", "add", "life", "0.000001")
    assert added["credit_balance_nano_usd"] == left + 1_000
    changed = home.json("keys", "update", "life", "--rpm", "5", "--clear", "owner", "--tag", "a=b")
    assert (changed["rate_limit_rpm"], changed["owner"]) == (5, None)
    assert changed["metadata"] == {"team": "search", "a": "b"}

    assert home.run("keys", "block", "life").returncode == 0
    assert home.run("chat", "hi", PRISMCTL_API_KEY=secret).returncode == 3
    assert home.run("keys", "unblock", key["id"]).returncode == 0
    assert home.run("chat", "hi", PRISMCTL_API_KEY=secret).returncode == 0
    assert home.run("keys", "revoke", "life", "--yes").returncode == 0
    assert home.run("chat", "hi", PRISMCTL_API_KEY=secret).returncode == 3
    assert home.run("keys", "update", key["id"], "--rpm", "1").returncode == 5


def test_what_the_gateway_refuses_is_said(home: Home) -> None:
    result = home.run("keys", "create", "x", "--ip", "not-an-ip")
    assert (result.returncode, result.stdout) == (2, "")
    assert "request id: req_" in result.stderr
    missing = home.run("keys", "get", "key_nothing", "-o", "json")
    assert missing.returncode == 4
    assert json.loads(missing.stderr)["error"]["code"] == "key_not_found"


def test_a_limit_is_9_with_the_time_to_wait(home: Home) -> None:
    secret = home.run("keys", "create", "one", "--rpm", "1").stdout.strip()
    assert home.run("chat", "-m", "fake/echo", "hi", PRISMCTL_API_KEY=secret).returncode == 0
    refused = home.run("chat", "-m", "fake/echo", "hi", PRISMCTL_API_KEY=secret)
    assert refused.returncode == 9
    assert "hint: try again in " in refused.stderr


def test_a_credential_in_the_wrong_place_is_said(home: Home) -> None:
    token = (home.data_dir / "admin-token").read_text().strip()
    as_key = home.run("chat", "-m", "fake/echo", "hi", PRISMCTL_API_KEY=token)
    assert as_key.returncode == 3
    assert "hint: give this context a virtual key" in as_key.stderr
    key = (home.data_dir / "dev-key").read_text().strip()
    as_token = home.run("keys", "list", PRISMCTL_TOKEN=key)
    assert as_token.returncode == 3
    assert "hint: give this context an admin token" in as_token.stderr


def test_a_call_can_be_explained_afterwards(home: Home) -> None:
    called = home.run("chat", "-m", "fake/lorem", "tell", "--debug")
    assert called.returncode == 0
    request_id = next(
        line.split()[-1] for line in called.stderr.splitlines() if "/chat/completions" in line
    )
    assert "$0." in called.stderr
    trace = home.json("requests", "get", request_id)
    assert (trace["model"], trace["status"], trace["is_stream"]) == ("fake/lorem", 200, True)
    shown = home.run("requests", "get", request_id).stdout
    assert "stages\tpermit\t" in shown
    assert home.run("requests", "get", "req_nothing").returncode == 4


@pytest.mark.parametrize("model", ["fake/echo", "fake/lorem", "fake/json", "fake/reason"])
@pytest.mark.parametrize("words", [(), ("--no-stream",)])
def test_every_fake_model_answers(home: Home, model: str, words: tuple[str, ...]) -> None:
    result = home.run("chat", "-m", model, "hello", *words)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    assert f"{model} · " in result.stderr


def test_an_answer_that_breaks_off_is_1(home: Home) -> None:
    result = home.run("chat", "-m", "fake/lorem+cut=3", "hello")
    assert result.returncode == 1
    assert "the answer broke off" in result.stderr


def test_reading_commands_answer(home: Home) -> None:
    assert home.json("models", "get", "fake/echo")["owned_by"] == "fake"
    assert home.run("models", "get", "fake/ecko").returncode == 4
    assert [row["id"] for row in home.json("providers", "list")["data"]] == ["fake"]
    assert home.json("status")["state"] == "ready"
    assert home.json("config", "show")["source"].endswith("prism.yaml")
    assert home.json("version")["prismd"] == home.json("version")["prismctl"]
    assert [row["state"] for row in home.json("auth", "status")["data"]] == ["ok", "ok"]
    assert home.run("api", "GET", "/-/metrics").stdout.startswith("# HELP")


def test_a_config_is_checked_and_reloaded(home: Home) -> None:
    config = home.data_dir / "prism.yaml"
    good = config.read_text()
    assert home.run("config", "check", str(config)).returncode == 0
    assert home.json("config", "reload")["status"] == "unchanged"
    config.write_text(good + "no_such_section: {}\n")
    try:
        checked = home.run("config", "check", str(config))
        assert checked.returncode == 2
        assert "prism.yaml:" in checked.stderr
        refused = home.run("config", "reload")
        assert refused.returncode == 2
        assert "no_such_section" in refused.stderr
    finally:
        config.write_text(good)
    assert home.run("config", "reload").returncode == 0


def test_a_token_is_given_at_login_and_taken_at_logout(home: Home, tmp_path: Path) -> None:
    url = home.json("contexts", "list")["data"][0]["url"]
    token = (home.data_dir / "admin-token").read_text()
    other = Home(tmp_path)
    assert other.run("auth", "login", "--url", url, stdin="wrong").returncode == 3
    assert other.run("auth", "login", "--url", url, stdin=token).returncode == 0
    assert other.run("keys", "list", "-o", "name").returncode == 0
    assert other.run("auth", "logout").returncode == 0
    assert other.run("keys", "list").returncode == 3


def test_a_reader_that_goes_away_is_no_error(home: Home) -> None:
    import subprocess

    from tests.prismctl.processes import PRISMCTL

    result = subprocess.run(
        [
            "sh",
            "-c",
            '"$@" 2>err | true; cat err',
            "sh",
            *PRISMCTL,
            "api",
            "GET",
            "/-/openapi.json",
        ],
        env=home.env(),
        cwd=home.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == ""


def test_the_audit_log_tells_what_was_changed(home: Home) -> None:
    home.run("keys", "create", "told", "--rpm", "3")
    home.run("keys", "update", "told", "--rpm", "4")
    key = home.json("keys", "get", "told")
    rows = home.json("audit", "list", "--object", key["id"])["data"]
    assert [row["action"] for row in rows] == ["key.updated", "key.created"]
    assert rows[0]["changes"] == {"rate_limit_rpm": [3, 4]}
    table = home.run("audit", "list", "--limit", "1").stdout
    assert "rate_limit_rpm: 3 -> 4" in table or "rate_limit_rpm: 3 → 4" in table

    verdict = home.json("audit", "verify")
    assert verdict["is_sound"] is True
    assert home.run("audit", "verify", "--head", verdict["head"]).returncode == 0
    cut = home.run("audit", "verify", "--head", "0" * 64)
    assert cut.returncode == 8
    assert "cut off" in cut.stderr


def test_money_from_a_grant_to_the_books(home: Home) -> None:
    secret = home.run("keys", "create", "payer", "--credits", "5", "--tag", "team=pay").stdout
    made = home.json("budgets", "set", "tag:team=pay", "2/week", "--warn", "50")
    assert (made["window"], made["warn_percent"], made["hard"]) == ("weekly", 50, True)
    assert (
        home.run("chat", "-m", "fake/echo", "hi", PRISMCTL_API_KEY=secret.strip()).returncode == 0
    )
    added = home.json("credits", "add", "payer", "2.5", "--note", "invoice 7")
    history = home.json("credits", "history", "payer")["data"]
    assert [(row["amount"], row["note"]) for row in history] == [(2.5, "invoice 7"), (5, None)]

    statement = home.json("ledger", "statement", "payer")
    assert [row["kind"] for row in statement["data"]] == ["grant", "charge", "grant"]
    assert statement["closing_balance_nano_usd"] == added["credit_balance_nano_usd"]
    assert statement["opening_balance_nano_usd"] == 0
    cost = -statement["data"][1]["change_nano_usd"]
    report = home.json("usage", "report", "--by", "tag", "--key", "payer", "--since", "1h")
    assert [(row["tag"], row["cost_nano_usd"]) for row in report["data"]] == [("team=pay", cost)]
    assert home.json("budgets", "get", "tag:team=pay")["spent_nano_usd"] == cost
    assert home.json("ledger", "accounts", "--key", "payer", "--kind", "credit")["data"][0][
        "posted"
    ]
    assert home.json("ledger", "holds")["data"] == []
    postings = home.json("ledger", "postings", "--account", "key:payer:credit", "--kind", "charge")
    assert [row["amount_nano_usd"] for row in postings["data"]] == [cost]
    assert home.json("ledger", "verify")["is_sound"] is True

    changed = home.json("budgets", "set", "tag:team=pay", "0.000001/week")
    assert (changed["id"], changed["warn_percent"], changed["state"]) == (
        made["id"],
        50,
        "exceeded",
    )
    refused = home.run("chat", "-m", "fake/echo", "hi", PRISMCTL_API_KEY=secret.strip())
    assert refused.returncode == 9
    assert "raise it: prismctl budgets set tag:team=pay USD/weekly" in refused.stderr
    assert home.json("budgets", "reset", "tag:team=pay", "week", "--yes")["spent"] == 0
    assert home.run("budgets", "delete", made["id"], "--yes").returncode == 0
    assert home.run("budgets", "get", "tag:team=pay").returncode == 4


def test_a_price_of_your_own_is_in_force_until_it_is_deleted(home: Home) -> None:
    words = ("prices", "test", "fake/json", "input=1000", "cached=400", "output=100")
    before = home.json(*words)["cost"]
    set_ = home.json("prices", "set", "fake/json", "input=2.5", "cached=1", "output=10")
    assert set_["pricing"] == {
        "input_per_mtok": 2.5, "cached_input_per_mtok": 1, "output_per_mtok": 10
    }  # fmt: skip
    assert home.json(*words)["cost"] == 0.0029
    assert home.json("prices", "list", "--source", "override")["data"][0]["id"] == set_["id"]
    assert home.json("prices", "get", "fake/json")["source"] == "override"
    assert home.run("prices", "delete", "fake/json", "--yes").returncode == 0
    assert home.json(*words)["cost"] == before != 0.0029
    assert home.run("prices", "delete", "fake/json", "--yes").returncode == 4
    assert home.run("prices", "get", "fake/jsn").returncode == 4
    assert home.json("models", "get", "fake/json")["price_source"] == "fake"


def test_a_backup_is_made_listed_and_verified(home: Home) -> None:
    made = home.json("backup", "create")
    assert Path(made["path"]).stat().st_size == made["size_bytes"]
    assert made["id"] in home.run("backup", "list").stdout
    assert home.run("backup", "verify", made["id"]).returncode == 0
    with Path(made["path"]).open("ab") as file:
        file.write(b"x")
    damaged = home.run("backup", "verify", made["id"])
    assert damaged.returncode == 8
    assert "damaged" in damaged.stderr
    assert home.run("backup", "verify", "bak_none").returncode == 4
