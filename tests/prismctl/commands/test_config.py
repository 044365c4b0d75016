"""What a configuration would change at a gateway: asked, shown, told by the exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.prismctl.stub import StubGateway
from tests.prismctl.support import PEOPLE, Run

YAML = "server:\n  port: 9000\n"


def answer(*changes: dict[str, Any], problems: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "object": "config_check",
        "is_valid": not problems,
        "problems": list(problems),
        "changes": list(changes),
        "needs_restart": [change["path"] for change in changes if "server" in change["path"]],
    }


CHANGE = {"path": "server.port", "from": 8080, "to": 9000}
BROKEN = answer(problems=("prism.yaml:3:1 no such\x1b[2J field", "prism.yaml:9:1 two"))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "prism.yaml"
    path.write_text(YAML)
    return str(path)


@pytest.mark.parametrize(
    ("words", "said_and_code"),
    [
        (("check", "FILE", "--remote"), (answer(CHANGE), 0)),
        (("check", "FILE", "--remote"), (answer(), 0)),
        (("check", "FILE", "--remote", "--exit-code"), (answer(CHANGE), 10)),
        (("check", "FILE", "--remote", "--exit-code"), (answer(), 0)),
        (("check", "FILE", "--remote", "--exit-code"), (BROKEN, 2)),
        (("diff", "FILE"), (answer(CHANGE), 10)),
        (("diff", "FILE"), (answer(), 0)),
        (("diff", "FILE"), (BROKEN, 2)),
        (("diff",), (answer(CHANGE), 10)),
        (("diff",), (answer(), 0)),
    ],
)
def test_the_exit_code_says_what_came_of_it(
    cli: Run, stub: StubGateway, file: str, words: tuple[str, ...], said_and_code: Any
) -> None:
    said, code = said_and_code
    stub.on("POST", "/-/config/check", said)
    result = cli("config", *(file if word == "FILE" else word for word in words))
    assert result.code == code
    sent = stub.last("POST")
    if "FILE" in words:
        assert sent.json() == {"yaml": YAML}
    else:
        assert sent.body == b""


def test_stdin_is_a_file_too(cli: Run, stub: StubGateway) -> None:
    stub.on("POST", "/-/config/check", answer())
    assert cli("config", "diff", "-", stdin=YAML).code == 0
    assert stub.last("POST").json() == {"yaml": YAML}


def test_no_change_is_said(cli: Run, stub: StubGateway, file: str) -> None:
    stub.on("POST", "/-/config/check", answer())
    result = cli("config", "diff", file)
    assert result.out == ""
    assert "nothing would change" in result.err


def test_problems_are_told_one_by_one_and_json_has_them_all_the_same(
    cli: Run, stub: StubGateway, file: str
) -> None:
    stub.on("POST", "/-/config/check", BROKEN)
    result = cli("config", "check", file, "--remote", terminal=PEOPLE)
    assert result.out == ""
    assert f"{file}:3:1 no such\\x1b[2J field\n{file}:9:1 two" in result.err
    assert "prism.yaml:3:1 no such" in cli("config", "diff", stdin=YAML).err
    assert json.loads(cli("config", "check", file, "--remote", "-o", "json").out) == BROKEN


def test_what_needs_a_restart_is_a_warning(cli: Run, stub: StubGateway, file: str) -> None:
    stub.on("POST", "/-/config/check", answer(CHANGE))
    result = cli("config", "check", file, "--remote", terminal=PEOPLE)
    assert "~ changed  server.port  8080  9000" in result.out
    assert "warning: in force only when prismd is started again: server.port" in result.err


@pytest.mark.parametrize("words", [("check", "--remote"), ("diff",)])
def test_a_directory_or_a_file_that_is_not_there_is_2(
    cli: Run, stub: StubGateway, tmp_path: Path, words: tuple[str, ...]
) -> None:
    verb, *flags = words
    for path in (tmp_path, tmp_path / "nothing.yaml"):
        assert cli("config", verb, str(path), *flags).code == 2
    assert stub.sent == []


def test_exit_code_goes_with_remote(cli: Run, stub: StubGateway, file: str) -> None:
    assert cli("config", "check", file, "--exit-code").code == 2


def test_of_a_section_a_terminal_shows_what_is_set(cli: Run, stub: StubGateway, file: str) -> None:
    section: dict[str, Any] = {"type": "groq", "base_url": None, "headers": {}, "api_key": "env:K"}
    added = {"path": "providers.groq", "from": None, "to": section}
    stub.on("POST", "/-/config/check", answer(added))
    out = cli("config", "diff", file, terminal=PEOPLE).out
    assert "+ added  providers.groq       type=groq, api_key=env:K" in out
