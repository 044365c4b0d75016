"""``prismctl up`` with the real ``prismd``: what a stranger's first minute rests on."""

import json
import os
import shlex
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.prismctl.processes import PRISMCTL, Home, up, wait_for


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_the_first_minute(home: Home) -> None:
    """What is printed works: the curl line, and prismctl from another terminal."""
    with subprocess.Popen(
        [*PRISMCTL, "up", "--port", "0", "--no-detect"],
        env=home.env(PRISM_DATA_DIR=str(home.data_dir)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        curl = next(line for line in lines if line.strip().startswith("curl "))
        words = shlex.split(curl)
        headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        body = words[words.index("-d") + 1].encode()
        request = urllib.request.Request(words[1], body, headers)
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"] == "hello"
        chat = home.run("chat", "hello", "again")
        assert (chat.returncode, chat.stdout) == (0, "hello again\n")
        assert home.run("status").returncode == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert home.run("status").returncode == 6


def test_files_are_private(home: Home) -> None:
    with up(home, "--no-detect") as started:
        modes = {
            path.name: path.stat().st_mode & 0o077
            for path in [home.data_dir, *home.data_dir.iterdir(), home.path / "config"]
        }
        assert set(modes.values()) == {0}, modes
        assert {"admin-token", "dev-key", "prism.yaml", "up.json", "prismd.log"} <= modes.keys()
        token = (home.data_dir / "admin-token").read_text().strip()
        assert started.stop() == 0
    assert token not in (home.path / "up.err").read_text()
    assert not (home.data_dir / "up.json").exists()


def test_a_second_start_uses_dir_key_and_context_again(home: Home) -> None:
    with up(home, "--no-detect") as first:
        assert first.stop(signal.SIGTERM) == 0
    with up(home, "--no-detect") as second:
        assert second.gateway["key"] == first.gateway["key"]
        names = [row["name"] for row in home.json("keys", "list")["data"]]
        assert names == ["dev"]
        [context] = home.json("contexts", "list")["data"]
        assert (context["name"], context["url"]) == ("local", second.gateway["url"])


def test_a_dev_key_that_was_revoked_is_made_anew(home: Home) -> None:
    with up(home, "--no-detect") as first:
        assert home.run("keys", "revoke", "dev", "--yes").returncode == 0
    with up(home, "--no-detect") as second:
        assert second.gateway["key"] != first.gateway["key"]
        assert home.run("chat", "hi").stdout == "hi\n"


def test_if_it_runs_already_its_url_is_printed(home: Home) -> None:
    with up(home, "--no-detect") as started:
        again = home.run("up", "--data-dir", str(home.data_dir), "-o", "json")
        assert again.returncode == 0
        assert json.loads(again.stdout) == started.gateway
        assert f"kill {started.gateway['pid']}" in again.stderr


def test_a_current_context_of_somebody_else_stays(home: Home) -> None:
    home.run("contexts", "set", "prod", "https://prism.example")
    with up(home, "--no-detect") as started:
        assert started.gateway["is_current"] is False
        assert home.run("chat", "hi", "--context", "local").stdout == "hi\n"


def test_a_port_that_is_taken_is_5_and_names_who_has_it(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = home.run("up", "--port", str(port), "--data-dir", str(home.data_dir))
    assert (result.returncode, result.stdout) == (5, "")
    assert f"port {port} is in use by " in result.stderr
    assert f"(pid {os.getpid()})" in result.stderr
    assert "hint: take another: prismctl up --port N" in result.stderr


def test_a_config_that_cannot_be_used_is_2_and_says_where(home: Home) -> None:
    config = home.path / "prism.yaml"
    config.write_text("providers:\n  fake:\n    type: fake\nservre: {}\n")
    words = ("--port", "0", "--config", str(config))
    result = home.run("up", "--data-dir", str(home.data_dir), *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert "prism.yaml:4:1" in result.stderr
    assert home.run("config", "check", str(config)).returncode == 2


def test_a_daemon_that_dies_is_1_and_its_log_is_named(home: Home) -> None:
    with up(home, "--no-detect") as started:
        os.kill(started.gateway["pid"], signal.SIGKILL)
        assert started.wait() == 1
    said = (home.path / "up.err").read_text()
    assert "prismd was ended by signal 9" in said
    assert "prismd.log" in said
    assert not (home.data_dir / "up.json").exists()


def test_a_data_directory_that_a_foreign_prismd_holds_is_5(home: Home) -> None:
    with up(home, "--no-detect"):
        (home.data_dir / "up.json").unlink()
        result = home.run("up", "--port", "0", "--no-detect", "--data-dir", str(home.data_dir))
    assert (result.returncode, result.stdout) == (5, "")


def test_a_vendor_is_added_when_its_key_is_in_the_environment(home: Home) -> None:
    with up(home, GROQ_API_KEY="gsk-not-a-real-one") as started:
        assert {"fake", "groq"} <= set(started.gateway["providers"])
    config = (home.data_dir / "prism.yaml").read_text()
    assert "env:GROQ_API_KEY" in config
    assert "gsk-not-a-real-one" not in config


def test_demo_traffic_has_its_own_key(home: Home) -> None:
    with up(home, "--no-detect", "--demo") as started:

        def by_key() -> dict[str, int]:
            rows = home.json("api", "GET", "/-/usage", "-f", "group_by=key")["data"]
            return {row["key"]: row["requests"] for row in rows}

        ids = {row["name"]: row["id"] for row in home.json("keys", "list")["data"]}
        wait_for(lambda: by_key().get(ids.get("demo", ""), 0) >= 3 or _refresh(home, ids), "calls")
        assert ids["dev"] not in by_key()
        assert started.stop() == 0
    assert "error" not in (home.path / "up.err").read_text()


def _refresh(home: Home, ids: dict[str, str]) -> bool:
    """The demo key is made after the gateway has been announced."""
    ids.update({row["name"]: row["id"] for row in home.json("keys", "list")["data"]})
    return False
