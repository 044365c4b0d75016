"""`POST /-/config/check` says what a configuration would change, and changes nothing."""

import re
from typing import Any

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon

CONFIG = """
providers:
  fake: {type: fake}
  near:
    type: vllm
    base_url: "http://127.0.0.1:9/v1"
    models: [a]
    headers: {x-team: header-canary}
server: {shutdown_timeout: 5s}
"""
CANARIES = ("header-canary", "other-canary")


def check(daemon: Daemon, text: str | None = None) -> dict[str, Any]:
    answer = daemon.admin.post("/-/config/check", json=None if text is None else {"yaml": text})
    assert answer.status_code == 200, answer.text
    assert not [canary for canary in CANARIES if canary in answer.text]
    found: dict[str, Any] = answer.json()
    assert found["is_valid"] is (found["problems"] == []) is (found["hash"] is not None)
    return found


def changes(daemon: Daemon, text: str) -> dict[str, tuple[Any, Any]]:
    return {one["path"]: (one["from"], one["to"]) for one in check(daemon, text)["changes"]}


def state(daemon: Daemon) -> list[Any]:
    """Return what a change of the configuration would change."""
    audit = daemon.admin.get("/-/audit").json()["data"]
    config = daemon.admin.get("/-/config").json()
    del config["loaded_at"]  # the file is also looked at soon after the start
    return [config, audit, daemon.admin.get("/-/models").json()]


def test_what_would_change_and_that_nothing_does(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    before = state(daemon)
    text = CONFIG.replace("models: [a]", "models: [a, b]").replace("5s", "7s")
    text += "model_map: {gpt-4.1: fake/echo}\nlogging: {level: debug}\n"
    found = check(daemon, text)
    assert found["is_valid"]
    assert found["changes"] == [
        {"path": "server.shutdown_timeout", "from": 5, "to": 7},
        {"path": "providers.near.models", "from": ["a"], "to": ["a", "b"]},
        {"path": "model_map.gpt-4.1", "from": None, "to": "fake/echo"},
        {"path": "logging.level", "from": "info", "to": "debug"},
    ]
    assert found["needs_restart"] == ["server.shutdown_timeout"]
    for broken in ("providers: 7", "a: [", text):
        check(daemon, broken)
    assert state(daemon) == before
    assert '"debug"' not in daemon.log


def test_what_comes_and_goes_is_one_change_each(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    text = re.sub(r"  near:.*(?=server:)", "  other: {type: fake}\n", CONFIG, flags=re.DOTALL)
    found = changes(daemon, text)
    assert set(found) == {"providers.near", "providers.other"}
    before, after = found["providers.near"]
    assert (before["headers"], after) == ({"x-team": "***"}, None)
    assert found["providers.other"][1]["type"] == "fake"
    turned = CONFIG.replace("  fake: {type: fake}\n", "").replace(
        "server:", "  fake: {type: fake}\nserver:"
    )
    assert changes(daemon, turned) == {"providers": (["fake", "near"], ["near", "fake"])}


def test_a_secret_that_changes_is_told_and_not_shown(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    hidden = ("***", "***")
    text = CONFIG.replace("header-canary", "other-canary")
    assert changes(daemon, text) == {"providers.near.headers.x-team": hidden}
    text = CONFIG.replace("models: [a]", "models: [a]\n    api_key: env:PATH")
    assert changes(daemon, text)["providers.near.api_key"] == (None, "env:PATH")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("servr: {}\nserver: {overload_after: x}\n", ["prism.yaml:1:1 ", "prism.yaml:2:10 "]),
        ("providers:\n  x:\n    type: opnai\n", ["prism.yaml:3:5 "]),
        ("providers:\n  x: {type: openai, api_key: env:NOT_SET_AT_ALL}\n", ["prism.yaml:2:21 "]),
        ("model_map: {a: b}\n", ["prism.yaml:1:13 "]),
        ("a: [\n", ["prism.yaml:2:1 "]),
        ("a: \x07\n", ["prism.yaml:1:4 "]),
        ("- a\n", ["prism.yaml:1:1 "]),
    ],
)
def test_each_problem_has_its_place(daemon: Daemon, text: str, problems: list[str]) -> None:
    found = check(daemon, text)
    assert (found["is_valid"], found["changes"]) == (False, [])
    assert len(found["problems"]) == len(problems), found["problems"]
    for problem, begins in zip(found["problems"], problems, strict=True):
        assert problem.startswith(begins), problem


def test_an_empty_text_is_all_default(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    assert set(changes(daemon, "")) == {
        "providers.fake",
        "providers.near",
        "server.shutdown_timeout",
    }


def test_without_a_text_the_file_on_the_disk_is_looked_at(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    found = check(daemon)
    assert (found["is_valid"], found["changes"], found["needs_restart"]) == (True, [], [])
    assert found["hash"] == daemon.admin.get("/-/config").json()["hash"]
    daemon.config.write_text("server: {overload_after: x}\n")
    found = check(daemon)
    assert found["problems"][0].startswith(f"{daemon.config}:1:10 ")
    assert daemon.admin.post("/-/config/check").json()["problems"] == found["problems"]
