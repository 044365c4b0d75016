"""Start-up is a feature: what a command does not need, it does not import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import prismctl

ROOT = Path(prismctl.__file__).parent.parent
HEAVY = ("httpx2", "rich", "keyring", "yaml", "pydantic", "textual", "asyncio", "prismd", "typer")
REPORT = """
import sys
from prismctl.main import main
try:
    main()
finally:
    sys.stderr.write("LOADED " + " ".join(name for name in {heavy!r} if name in sys.modules))
"""


def loaded(tmp_path: Path, *words: str, **env: str) -> tuple[set[str], str]:
    """Run a command; return which heavy modules it imported, and its stdout."""
    result = subprocess.run(
        [sys.executable, "-c", REPORT.format(heavy=HEAVY), *words],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PRISMCTL_CONFIG_DIR": str(tmp_path),
            "PRISMCTL_TOKEN": "x",
            **env,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return set(result.stderr.rpartition("LOADED ")[2].split()), result.stdout


def test_version_needs_nothing(tmp_path: Path) -> None:
    modules, out = loaded(tmp_path, "--version")
    assert modules == set()
    assert out == f"prismctl {prismctl.__version__}\n"


@pytest.mark.parametrize(
    "words", [(), ("contexts", "list"), ("keys", "create", "--help"), ("dashboard", "--help")]
)
def test_what_needs_no_network_needs_only_typer(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert loaded(tmp_path, *words)[0] == {"typer"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_needs_only_typer(tmp_path: Path, shell: str) -> None:
    modules, out = loaded(
        tmp_path,
        _PRISMCTL_COMPLETE=shell,
        _PRISMCTL_LINE="prismctl keys re",
    )
    assert "revoke" in out
    assert modules == {"typer"}


def test_a_request_needs_only_the_client_besides(tmp_path: Path) -> None:
    modules, _ = loaded(tmp_path, "keys", "list", "--url", "http://127.0.0.1:1")
    assert modules - {"asyncio"} == {"typer", "httpx2"}


def test_only_a_dashboard_on_a_terminal_needs_its_toolkit(tmp_path: Path) -> None:
    modules, _ = loaded(tmp_path, "dashboard", "--url", "http://127.0.0.1:1")
    assert modules == {"typer"}
