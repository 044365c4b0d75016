"""Code that makes a call again: what it sends is what was sent, whatever is in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prismctl.commands.request_code import MAX_ARGUMENT
from tests.prismctl import calls
from tests.prismctl.stub import StubGateway
from tests.prismctl.support import PEOPLE, Run

HOSTILE = [
    "it's",
    '"quoted" \\" and \\',
    "$(touch owned) `touch owned` ${HOME} $PRISMCTL_API_KEY",
    "two\nlines\r\n\ttab",
    "PRISM\nPRISM",
    "'; touch owned; '",
    "\x1b]0;owned\x07\x9b2J \u202e \u2028 \x7f",
    "日本語 😀 é",
    "!history & | > < * ? ~ # %",
    "@/etc/passwd",
]
CURL = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word"; done > "$OUT/words"
case "$*" in *@-*) cat > "$OUT/stdin";; esac
"""


def stored(content: str, **more: Any) -> dict[str, Any]:
    body = {"model": "smart", "messages": [{"role": "user", "content": content}], **more}
    return calls.TRACE | calls.BODIES | {"request_body": body}


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A directory where ``curl`` writes down what it is called with."""
    program = tmp_path / "bin" / "curl"
    program.parent.mkdir()
    program.write_text(CURL)
    program.chmod(0o755)
    return tmp_path


def run(code: str, folder: Path) -> tuple[list[str], str]:
    """Run code in a shell; return the words that curl got, and its stdin."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    env = {"PATH": path, "OUT": str(folder), "PRISMCTL_API_KEY": "sk-prism-1"}
    done = subprocess.run(
        ["sh"], input=code, env=env, cwd=folder, text=True, capture_output=True, check=False,
        timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not (folder / "owned").exists()
    stdin = folder / "stdin"
    words = (folder / "words").read_text("utf-8").split("\0")[:-1]
    return words, stdin.read_text("utf-8") if stdin.exists() else ""


@pytest.mark.parametrize("content", HOSTILE)
def test_the_shell_hands_on_exactly_what_was_sent(
    cli: Run, stub: StubGateway, shell: Path, content: str
) -> None:
    stub.on("GET", "/-/requests/req_0001", stored(content))
    result = cli("requests", "curl", "req_0001", terminal=PEOPLE)
    assert result.code == 0
    words, _ = run(result.out, shell)
    assert words[:2] == ["-sS", f"{stub.url}/v1/chat/completions"]
    assert "Authorization: Bearer sk-prism-1" in words
    assert json.loads(words[-1])["messages"][0]["content"] == content
    assert not set(result.out) & set("\x1b\x07\x9b\u202e\u2028\x7f\r\t")


def test_a_body_too_long_for_an_argument_goes_through_stdin(
    cli: Run, stub: StubGateway, shell: Path
) -> None:
    content = "it's $(touch owned)\nPRISM\n" + "x" * MAX_ARGUMENT
    stub.on("GET", "/-/requests/req_0001", stored(content))
    words, stdin = run(cli("requests", "curl", "req_0001").out, shell)
    assert words[-1] == "@-"
    assert json.loads(stdin)["messages"][0]["content"] == content


def test_without_the_body_there_is_a_skeleton_and_a_note(
    cli: Run, stub: StubGateway, shell: Path
) -> None:
    stub.on("GET", "/-/requests/req_0001", calls.TRACE)
    result = cli("requests", "curl", "req_0001")
    words, _ = run(result.out, shell)
    assert json.loads(words[-1]) == {
        "model": "smart",
        "messages": [{"role": "user", "content": "…"}],
        "stream": True,
    }
    assert "include_bodies: true" in result.err
    assert "placeholder" in result.err


def test_a_body_that_was_kept_in_part_is_refused(cli: Run, stub: StubGateway) -> None:
    cut = calls.TRACE | {"request_body": '{"model": "smart", "mess'}
    stub.on("GET", "/-/requests/req_0001", cut)
    result = cli("requests", "curl", "req_0001")
    assert (result.code, result.out) == (1, "")
    assert "is not whole" in result.err


def test_a_kind_of_call_without_code_says_so(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/requests/req_0001", calls.TRACE | {"op": "video"})
    result = cli("requests", "curl", "req_0001")
    assert (result.code, result.out) == (1, "")
    assert "'video'" in result.err


def test_json_holds_the_body_as_a_value(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/requests/req_0001", stored("hi"))
    answer = json.loads(cli("requests", "curl", "req_0001", "-o", "json").out)
    assert answer["url"] == f"{stub.url}/v1/chat/completions"
    assert answer["body"]["messages"][0]["content"] == "hi"
    assert answer["code"].startswith("curl ")


@pytest.mark.parametrize("content", HOSTILE)
def test_python_code_sends_what_was_sent(
    cli: Run, stub: StubGateway, tmp_path: Path, content: str
) -> None:
    more = {"temperature": 0.25, "top_k": 5, "stop": None, "logprobs": True, "not-a-name": [1]}
    call = stored(content, **more)
    stub.on("GET", "/-/requests/req_0001", call)
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    message = {"role": "assistant", "content": "done"}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    stub.on("POST", "/v1/chat/completions", answer | {"choices": [choice]})
    result = cli("requests", "curl", "req_0001", "--sdk", "python", terminal=PEOPLE)
    assert result.code == 0
    assert not set(result.out) & set("\x1b\x07\x9b\u202e\u2028\x7f\r\t")
    sent, done = ran(result.out, stub, tmp_path)
    assert done == "done\n"
    assert sent == call["request_body"]


def test_python_code_reads_a_stream(cli: Run, stub: StubGateway, tmp_path: Path) -> None:
    stub.on("GET", "/-/requests/req_0001", stored("hi", stream=True))
    code = cli("requests", "curl", "req_0001", "--sdk", "python").out
    assert "for chunk in stream:" in code
    compile(code, "again.py", "exec")


def ran(code: str, stub: StubGateway, folder: Path) -> tuple[Any, str]:
    """Run code with the SDK; return what it sent and what it printed."""
    env = {**os.environ, "PRISMCTL_API_KEY": "sk-prism-1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=folder, text=True, capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    last = stub.last("POST")
    assert last.headers["authorization"] == "Bearer sk-prism-1"
    return last.json(), done.stdout
