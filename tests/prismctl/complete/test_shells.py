"""The shipped scripts in the shells that they are for: sourced, asked, and typed at."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prismctl.processes import Home, Screen, wait_for
from tests.prismctl.stub import StubGateway, key, listing

COMPLETIONS = Path(__file__).parents[3] / "completions"
EVIL = "evil$(touch pwned)`touch pwned`;touch pwned"
KEYS = (key(id="key_1", name="ci"), key(id="key_2", name="team search"), key(id="key_3", name=EVIL))


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.fixture
def home(tmp_path: Path, stub: StubGateway) -> Home:
    """A person with ``prismctl`` on the PATH, and its words at hand."""
    stub.on("GET", "/-/keys", listing(*KEYS))
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    program = bin_dir / "prismctl"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m prismctl "$@"\n')
    program.chmod(0o755)
    home = Home(tmp_path)
    home.run(_PRISMCTL_COMPLETE="fish", _PRISMCTL_LINE="prismctl keys get ")
    cache = tmp_path / "config" / "cache" / "complete"
    wait_for(lambda: [*cache.glob("*-keys.json")], "the keys")
    return home


def env(home: Home) -> dict[str, str]:
    own = home.env()
    return {**own, "PATH": f"{home.path / 'bin'}:{own['PATH']}"}


def asked(home: Home, *command: str) -> list[str]:
    result = subprocess.run(
        command, env=env(home), cwd=home.path, capture_output=True, text=True, timeout=50,
        check=True,
    )  # fmt: skip
    assert result.stderr == ""
    return result.stdout.splitlines()


BASH = """
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
_prismctl prismctl
((${#COMPREPLY[@]})) && printf '%s\\n' "${COMPREPLY[@]}"
complete -p prismctl >&3
"""


@needs("bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prismctl keys re", ["revoke"]),
        ("prismctl keys get t", ["team\\ search"]),
        ("prismctl keys list --owner=", []),
        ("prismctl -o js", ["json", "jsonl"]),
    ],
)
def test_bash(home: Home, line: str, expected: list[str]) -> None:
    script = str(COMPLETIONS / "prismctl.bash")
    assert asked(home, "bash", "-uc", f"{{ {BASH} }} 3>/dev/null", "bash", script, line) == expected


@needs("bash")
def test_what_bash_completes_is_the_word_and_is_not_run(home: Home) -> None:
    script = str(COMPLETIONS / "prismctl.bash")
    (word,) = asked(
        home, "bash", "-c", f"{{ {BASH} }} 3>/dev/null", "b", script, "prismctl keys get e"
    )
    assert asked(home, "bash", "-c", f"printf '%s\\n' {word}") == [EVIL]
    assert not (home.path / "pwned").exists()


@needs("bash")
def test_typed_at_bash(home: Home) -> None:
    screen = Screen(
        home, "--norc", "--noprofile", "-i", program=["/bin/bash"], PATH=env(home)["PATH"], PS1="% "
    )
    screen.until("% ")
    screen.type(f"cd {home.path}; source {COMPLETIONS / 'prismctl.bash'}\n")
    screen.until("% ")
    screen.type("prismctl keys get tea\t")
    screen.until("team\\ search ")
    screen.type("-o name\n")
    screen.until("key_2")
    screen.until("% ")
    screen.type("prismctl config check prismctl-i\t")
    (home.path / "prismctl-is-here.yaml").touch()
    screen.type("\t")
    screen.until("s-here.yaml")
    screen.type("\nexit\n")
    screen.end()


@needs("zsh")
def test_typed_at_zsh(home: Home, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys/key_2", KEYS[1])
    stub.on("GET", "/-/keys/key_3", KEYS[2])
    functions = home.path / "functions"
    functions.mkdir()
    shutil.copy(COMPLETIONS / "_prismctl", functions)
    zsh = shutil.which("zsh") or ""
    screen = Screen(home, "-f", "-i", program=[zsh], PATH=env(home)["PATH"], PS1="> ")
    screen.until("> ")
    setup = f"cd {home.path}; fpath=({functions} $fpath); autoload -U compinit; compinit -D -u"
    screen.type(f"{setup}; print ready-$((1 + 1))\n")
    screen.until("ready-2")
    screen.type("prismctl keys get tea\t")
    screen.until("team\\ search")
    screen.type("-o name\n")
    screen.until("key_2")
    screen.type("prismctl keys get ev\t")
    screen.until("evil\\$\\(touch\\ pwned\\)\\`touch\\ pwned\\`\\;touch\\ pwned")
    screen.type("-o name\n")
    screen.until("key_3")
    screen.type("prismctl keys rev\t")
    screen.until("revoke")
    # ``source`` does as well; where there is a choice, it is explained.
    screen.type("\x15source functions/_prismctl; prismctl keys \t")
    screen.until("Refuse calls with a key for ever.")
    screen.type("\x15exit\n")
    screen.end()
    assert not (home.path / "pwned").exists()


@needs("fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prismctl keys rev", ["revoke\tRefuse calls with a key for ever."]),
        ("prismctl keys get t", ["team search\tkey_2, active"]),
        ("prismctl keys get e", [f"{EVIL}\tkey_3, active"]),
        ("prismctl --output=y", ["--output=yaml"]),
        ("prismctl config check in-the-di", ["in-the-directory.yaml"]),
        ("prismctl up --config=in-the-di", ["--config=in-the-directory.yaml"]),
        ("prismctl up --data-dir con", ["config/"]),
    ],
)
def test_fish(home: Home, line: str, expected: list[str]) -> None:
    (home.path / "in-the-directory.yaml").touch()
    script = f"source {COMPLETIONS / 'prismctl.fish'}; complete -C {shlex.quote(line)}"
    assert asked(home, "fish", "--no-config", "-c", script) == expected
    assert not (home.path / "pwned").exists()
