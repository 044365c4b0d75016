"""Calls at the real ``prismd``: found, explained, decided beforehand, made again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prismctl.processes import Home, Screen, up

CONFIG = """\
providers:
  fake: {type: fake}
  spare: {type: fake}
logging:
  request_logging: {include_bodies: true}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    person = Home(tmp_path_factory.mktemp("home"))
    config = person.path / "prism.yaml"
    config.write_text(CONFIG)
    with up(person, "--config", str(config)):
        yield person


def one_line(text: str) -> str:
    return " ".join(text.split())


def newest(home: Home, *filters: str) -> str:
    found = home.run("requests", "list", *filters, "--limit", "1", "-o", "name")
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_what_refused_a_call_is_told_with_its_number_then_and_now(home: Home) -> None:
    secret = home.run("keys", "create", "slow", "--rpm", "1").stdout.strip()
    codes = [
        home.run("chat", "-m", "fake/echo", "hi", PRISMCTL_API_KEY=secret).returncode
        for _ in range(2)
    ]
    assert codes == [0, 9]
    request = newest(home, "--key", "slow", "--status", "4xx", "--error", "rate_limit_exceeded")
    said = one_line(home.run("requests", "explain", request).stdout)
    assert "✕ refused calls per minute 1 of 1 calls in the last minute" in said
    assert "prismctl keys update slow --rpm N" in said
    assert "from 127.0.0.1" in said
    check = home.run("keys", "check", "slow", "--model", "fake/echo")
    assert check.returncode == 9
    assert "DECIDED BY\trequests_per_minute\n" in check.stdout
    assert newest(home, "--key", "slow", "--status", "2xx") not in ("", request)


def test_a_budget_that_refused_is_told_with_what_was_spent(home: Home) -> None:
    words = ("keys", "create", "poor", "--budget", "0.001/month")
    secret = home.run(*words).stdout.strip()
    home.run("chat", "-m", "fake/echo", "hi", PRISMCTL_API_KEY=secret)
    request = newest(home, "--key", "poor", "--error", "budget_exceeded")
    said = one_line(home.run("requests", "explain", request).stdout)
    assert "$0.00 of $0.001 monthly are spent by this key, $0.00 are held, and $0.0" in said
    assert "prismctl budgets set key:poor USD/monthly" in said


def test_a_call_that_was_answered_is_told_to_the_last_line_of_its_bill(home: Home) -> None:
    home.run("keys", "create", "rich")
    assert home.run("chat", "-m", "fake/lorem", "tell me").returncode == 0
    request = newest(home, "--model", "fake/lorem", "--status", "2xx")
    said = home.run("requests", "explain", request[:-6]).stdout
    assert "The price is from fake." in said
    assert "stream" in said
    assert "Nothing: it was answered at the first try." in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("routes", "explain", "--model", "fake/echo"), 0),
        (("routes", "explain", "--model", "nothing"), 4),
        (("keys", "check", "picky", "--model", "fake/lorem"), 3),
        (("keys", "check", "picky", "--model", "fake/echo", "--ip", "10.1.2.3"), 0),
        (("keys", "check", "picky", "--model", "fake/echo", "--ip", "11.1.2.3"), 3),
        (("keys", "check", "picky", "--model", "fake/echo", "--tool", "rm"), 3),
    ],
)
def test_what_would_happen_is_the_exit_code(home: Home, words: tuple[str, ...], code: int) -> None:
    if home.run("keys", "get", "picky").returncode:
        made = home.run(
            "keys", "create", "picky", "--models", "fake/echo", "--ip", "10.0.0.0/8",
            "--deny-tools", "rm",
        )  # fmt: skip
        assert made.returncode == 0
    result = home.run(*words)
    assert result.returncode == code, result.stderr
    assert result.stdout


def test_a_call_is_made_again_elsewhere_and_the_difference_is_shown(home: Home) -> None:
    assert home.run("chat", "-m", "fake/lorem+tokens=20", "tell me").returncode == 0
    request = newest(home, "--model", "fake/lorem+tokens=20")
    again = ("requests", "replay", request, "--yes", "--exit-code")
    same = home.run(*again, "--model", "spare/lorem+tokens=20")
    assert same.returncode == 0, same.stderr
    assert "PROVIDER\tspare\n" in same.stdout
    assert "The texts are the same." in same.stdout
    longer = home.run(*again, "--model", "fake/lorem+tokens=30")
    assert longer.returncode == 10
    assert "{+" in longer.stdout
    short = home.run(*again, "--set", "max_tokens=3", "-o", "json")
    assert json.loads(short.stdout)["difference"]["output_tokens"] == -17
    failed = home.run(*again, "--model", "fake/echo+status=503")
    assert failed.returncode == 1
    assert "the replay failed: " in failed.stderr
    assert home.run("requests", "replay", request).returncode == 2


def test_a_person_is_asked_who_pays_how_much_and_may_say_no(home: Home) -> None:
    home.run("chat", "-m", "fake/echo", "ask me")
    request = newest(home, "--model", "fake/echo")
    screen = Screen(home, "requests", "replay", request)
    screen.until("pays about $0.0")
    screen.until("[y/N] ")
    screen.type("n\n")
    assert screen.end() == 1
    assert newest(home, "--model", "fake/echo") == request
    screen = Screen(home, "requests", "replay", request)
    screen.until("[y/N] ")
    screen.type("y\n")
    assert screen.end() == 0
    assert "The texts are the same." in screen.text
    assert newest(home, "--model", "fake/echo") != request


def test_code_of_a_call_gets_the_same_answer(home: Home, tmp_path: Path) -> None:
    text = 'it\'s "$(id)" \n 日本語 \\ \u202e'
    assert home.run("chat", "-m", "fake/echo", text, "--no-stream").returncode == 0
    request = newest(home, "--model", "fake/echo", "--status", "200")
    code = home.run("requests", "curl", request, "--sdk", "python").stdout
    assert "\u202e" not in code
    secret = home.run("keys", "create", "again").stdout.strip()
    done = subprocess.run(
        [sys.executable, "-c", code], env=home.env(PRISMCTL_API_KEY=secret), cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{text}\n", "")
    shown = home.json("requests", "get", request, "--bodies")
    assert shown["request_body"]["messages"][-1]["content"] == text


def test_doctor_compares_this_machine_with_the_gateway(home: Home) -> None:
    rows = {row["id"]: row["state"] for row in home.json("doctor")["client_checks"]}
    assert rows == {
        "client.gateway": "ok",
        "client.secrets": "ok",
        "client.versions": "ok",
        "client.clock": "ok",
    }


def test_doctor_asks_providers_only_if_told_to(home: Home) -> None:
    ids = {row["id"] for row in home.json("doctor")["checks"]}
    probed = {row["id"] for row in home.json("doctor", "--probe")["checks"]}
    assert probed - ids == {"probe:fake", "probe:spare"}


def test_a_dry_run_of_a_replay_makes_no_call(home: Home) -> None:
    home.run("chat", "-m", "fake/json", "again")
    request = newest(home, "--model", "fake/json")
    dry = home.run("requests", "replay", request, "--dry-run", "--set", "user=me", "-o", "json")
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["body"] == {"set": {"user": "me"}}
    assert newest(home, "--model", "fake/json") == request


def test_what_a_configuration_would_change_is_asked_there(home: Home, tmp_path: Path) -> None:
    same = home.run("config", "diff")
    assert (same.returncode, same.stdout) == (0, ""), same.stderr
    file = tmp_path / "next.yaml"
    file.write_text(CONFIG.replace("spare", "other"))
    changed = home.run("config", "diff", str(file))
    assert changed.returncode == 10
    paths = [line.split("\t")[0] for line in changed.stdout.splitlines()[1:]]
    assert paths == ["providers.spare", "providers.other"]
    check = ("config", "check", str(file), "--remote")
    assert home.run(*check).returncode == 0
    assert home.run(*check, "--exit-code").returncode == 10
    file.write_text("providers: {x: {type: nobody}}")
    broken = home.run(*check)
    assert (broken.returncode, broken.stdout) == (2, "")
    assert f"{file}:1:" in broken.stderr
