import os
from pathlib import Path

import pytest

from prismd.config.model import Config
from prismd.config.problem import ConfigProblem
from prismd.config.secrets import SecretRef, resolve

PATH = ("admin", "token")


def ref(text: str) -> SecretRef:
    token = Config.model_validate({"admin": {"token": text}}).admin.token
    assert token is not None
    return token


def secret_file(folder: Path, contents: bytes, mode: int = 0o600) -> SecretRef:
    path = folder / "secret"
    path.write_bytes(contents)
    path.chmod(mode)
    return ref(f"file:{path}")


def problem(reference: SecretRef, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigProblem) as caught:
        resolve(reference, PATH, env or {})
    assert caught.value.path == PATH
    return caught.value.message


@pytest.mark.parametrize("text", ["env:NAME", "${NAME}"])
def test_a_variable(text: str) -> None:
    assert str(ref(text)) == "env:NAME"
    assert resolve(ref(text), PATH, {"NAME": "s3cret"}).reveal() == "s3cret"


def test_the_variables_of_the_process_are_the_default() -> None:
    assert resolve(ref("env:PATH"), PATH).reveal() == os.environ["PATH"]


@pytest.mark.parametrize("contents", [b"s3cret", b"s3cret\n", b"s3cret\r\n"])
def test_a_file_without_its_final_line_end(tmp_path: Path, contents: bytes) -> None:
    assert resolve(secret_file(tmp_path, contents), PATH, {}).reveal() == "s3cret"


@pytest.mark.parametrize("env", [{}, {"NAME": ""}, {"NAME": "  "}])
def test_a_variable_that_is_not_there(env: dict[str, str]) -> None:
    assert problem(ref("env:NAME"), env) == (
        "admin.token refers to env:NAME, which is not set or empty"
    )


@pytest.mark.parametrize(
    "value", ["two\nlines", " s3cret", "s3cret ", "ünïcode", "nul\0", "tab\t."]
)
def test_a_value_that_fits_no_header_is_refused_unquoted(value: str) -> None:
    message = problem(ref("env:NAME"), {"NAME": value})
    assert message.endswith("must be one line of printable ASCII without blanks at its ends")
    assert value.strip() not in message


@pytest.mark.parametrize("contents", [b"", b"\n", b" \n"])
def test_an_empty_file(tmp_path: Path, contents: bytes) -> None:
    assert problem(secret_file(tmp_path, contents)).endswith("which is empty")


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_file_that_everybody_can_read_or_change(tmp_path: Path, mode: int) -> None:
    message = problem(secret_file(tmp_path, b"s3cret", mode))
    assert message.endswith("which every user of this machine can read or change: chmod 600 it")
    assert "s3cret" not in message


def test_a_group_may_read_a_file(tmp_path: Path) -> None:
    assert resolve(secret_file(tmp_path, b"s3cret", 0o640), PATH, {}).reveal() == "s3cret"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = ref(f"file:{tmp_path}/none")
    assert problem(missing).endswith("which cannot be read: no such file or directory")
    assert problem(ref(f"file:{tmp_path}")).endswith("which is not a regular file")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert problem(ref(f"file:{pipe}")).endswith("which is not a regular file")
    assert problem(secret_file(tmp_path, b"x" * 70_000)).endswith(
        "which is larger than 65536 bytes"
    )
    assert "printable ASCII" in problem(secret_file(tmp_path, b"\xff\xfe"))
