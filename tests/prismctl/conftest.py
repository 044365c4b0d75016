"""A private configuration directory, a runner, and gateways to talk to."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prismctl import clock, contexts
from prismctl.cli import run
from prismctl.contexts import Context, Contexts
from prismctl.output import tty
from tests.prismctl.stub import KEY, TOKEN, StubGateway
from tests.prismctl.support import NOW, PIPE, Result, Run


@pytest.fixture(autouse=True)
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the person's own files, environment and clock out of every test."""
    for name in ("PRISMCTL_TOKEN", "PRISMCTL_API_KEY", "PRISMCTL_URL", "PRISMCTL_CONTEXT",
                 "PRISMCTL_MODEL", "PRISMD", "PRISM_DATA_DIR", "NO_COLOR", "CLICOLOR_FORCE",
                 "DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND", "PAGER"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    directory = tmp_path / "config"
    monkeypatch.setenv("PRISMCTL_CONFIG_DIR", str(directory))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return directory


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in this process, in a pipe or (``terminal=PEOPLE``) in a terminal."""

    def call(*words: str, terminal: tty.Terminal = PIPE, stdin: str = "") -> Result:
        monkeypatch.setattr(tty, "detect", lambda color, env: terminal)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = run(words)
        captured = capsys.readouterr()
        return Result(int(code), captured.out, captured.err)

    return call


@pytest.fixture
def stub(tmp_path: Path, config_dir: Path) -> Iterator[StubGateway]:
    """A stub gateway, as the current context, with a token and a key in files."""
    gateway = StubGateway()
    for name, secret in (("token", TOKEN), ("key", KEY)):
        contexts.write_private(tmp_path / name, secret)
    context = Context(
        name="stub",
        url=gateway.url,
        token=f"file:{tmp_path / 'token'}",
        key=f"file:{tmp_path / 'key'}",
    )
    contexts.save(Contexts().with_context(context))
    yield gateway
    gateway.close()
