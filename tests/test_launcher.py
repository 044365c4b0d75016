"""What a single file does before its program runs, with a shell script in place of the program."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

LAUNCHER = (Path(__file__).parent.parent / ".ci" / "launcher").read_text()
PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" "${PRISMD:-no prismd}" "$(cat)"
exit 7
"""


def single_file(path: Path, *, ends_early: bool = False) -> Path:
    """Write what ``.ci/executables`` writes, for another program of the same name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"./{path.name}")
        member.mode, member.size = 0o755, len(PROGRAM)
        tar.addfile(member, io.BytesIO(PROGRAM.encode()))
    start = str(LAUNCHER.count("\n") + 1)
    head = LAUNCHER.replace("@NAME@", path.name).replace("@ID@", "0123").replace("@START@", start)
    content = packed.getvalue()
    path.write_bytes(head.encode() + (content[: len(content) // 2] if ends_early else content))
    path.chmod(0o755)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a blank and a quote in its name."""
    (tmp_path / "home").mkdir()
    folder = tmp_path / "a $place"
    folder.mkdir()
    return folder


def start(file: Path, *words: str, **env: str) -> "subprocess.Popen[str]":
    home = str(file.parent.parent / "home")
    return subprocess.Popen(
        [file, *words], env={"PATH": "/usr/bin:/bin", "HOME": home} | env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(file: Path, *words: str, **env: str) -> tuple[int, str, str]:
    process = start(file, *words, **env)
    out, err = process.communicate("typed", timeout=20)
    return process.returncode, out, err


def test_words_input_and_exit_code_pass_through(place: Path) -> None:
    file = single_file(place / "prismd")
    words = ("two words", "$x", "*", "")
    for _ in range(2):
        assert run(file, *words) == (7, "\n".join((*words, "no prismd", "typed", "")), "")


def test_it_unpacks_once_for_its_owner_alone(place: Path) -> None:
    file = single_file(place / "prismctl")
    run(file)
    (unpacked,) = (place.parent / "home" / ".cache" / "prism").iterdir()
    assert unpacked.name == "prismctl-0123"
    assert unpacked.stat().st_mode & 0o777 == 0o700
    (unpacked / "prismctl").write_text("#!/bin/sh\necho kept\n")
    assert run(file) == (0, "kept\n", "")


def test_prismctl_finds_the_prismd_beside_it(place: Path) -> None:
    file = single_file(place / "prismctl")
    assert run(file)[1].splitlines()[-2] == "no prismd"
    beside = single_file(place / "prismd")
    assert run(file)[1].splitlines()[-2] == f"'{beside}'"
    assert run(file, PRISMD="/opt/prismd")[1].splitlines()[-2] == "/opt/prismd"


def test_many_first_starts_at_once_are_one(place: Path) -> None:
    file = single_file(place / "prismctl")
    started = [start(file, str(number)) for number in range(8)]
    for number, process in enumerate(started):
        out, err = process.communicate("", timeout=20)
        assert (process.returncode, out.split()[0], err) == (7, str(number), "")
    cache = place.parent / "home" / ".cache" / "prism"
    assert [str(path.relative_to(cache)) for path in cache.rglob("*")] == [
        "prismctl-0123",
        "prismctl-0123/prismctl",
    ]


def test_where_it_cannot_unpack_it_says_what_to_do(place: Path) -> None:
    file = single_file(place / "prismctl")
    code, _, err = run(file, XDG_CACHE_HOME="/dev/null")
    assert (code, err) == (
        1,
        "prismctl: cannot unpack to /dev/null/prism; set PRISM_UNPACK_DIR to another directory\n",
    )
    assert run(file, PRISM_UNPACK_DIR=str(place / "elsewhere"))[0] == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_belongs_to_somebody_else_is_not_run(place: Path) -> None:
    file = single_file(place / "prismctl")
    run(file)
    unpacked = place.parent / "home" / ".cache" / "prism" / "prismctl-0123"
    os.chown(unpacked, 12345, 12345)
    code, out, err = run(file)
    assert (code, out) == (1, "")
    assert f"{unpacked} belongs to another user" in err


def test_a_file_that_is_cut_leaves_nothing(place: Path) -> None:
    file = single_file(place / "prismctl", ends_early=True)
    code, out, err = run(file)
    assert code != 0
    assert out == ""
    assert err
    assert [*(place.parent / "home" / ".cache" / "prism").iterdir()] == []


def test_no_process_stays_between(place: Path) -> None:
    file = single_file(place / "prismctl")
    run(file)
    unpacked = place.parent / "home" / ".cache" / "prism" / "prismctl-0123"
    (unpacked / "prismctl").write_text("#!/bin/sh\necho $$\n")
    process = start(file)
    assert process.communicate("", timeout=20)[0] == f"{process.pid}\n"
