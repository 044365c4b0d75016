"""Start and stop a real `prismd serve` process, and speak to it as operator and as caller."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx2

import prismd

ROOT = Path(prismd.__file__).parent.parent
PRISMD = (sys.executable, "-m", "prismd")
START_S = 20.0
STOP_S = 15.0
_LISTENS = re.compile(r'listens on (https?://[^\s"]+)')

T = TypeVar("T")
OnSpawn = Callable[[subprocess.Popen[bytes]], object]


class Ended(AssertionError):
    """The daemon ended instead of listening."""

    def __init__(self, code: int, log: str) -> None:
        super().__init__(f"prismd ended with {code}: {log}")
        self.code = code
        self.log = log


@dataclass(frozen=True)
class Key:
    """A virtual key that was just made."""

    id: str
    secret: str
    answer: dict[str, Any]
    """What `POST /-/keys` said."""

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}"}


@dataclass
class Daemon:
    """The process: where it listens, where its state and its log are."""

    url: str
    data_dir: Path
    config: Path
    log_file: Path
    admin_token: str
    process: subprocess.Popen[bytes]
    admin: httpx2.Client = field(init=False)
    """Speaks to it with the admin token."""

    def __post_init__(self) -> None:
        self.admin = self.client({"authorization": f"Bearer {self.admin_token}"})

    @property
    def address(self) -> tuple[str, int]:
        url = httpx2.URL(self.url)
        assert url.port is not None
        return url.host, url.port

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def client(self, headers: dict[str, str] | None = None) -> httpx2.Client:
        # Without certificates and the environment, which take longer to load than most tests.
        return httpx2.Client(
            base_url=self.url, headers=headers, timeout=10, trust_env=False, verify=False
        )

    def create_key(self, name: str = "test", /, **fields: Any) -> Key:
        answer = self.admin.post("/-/keys", json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        body = answer.json()
        return Key(body["id"], body["key"], body)

    def put_key(self, key: Key, /, version: Any = None, **fields: Any) -> httpx2.Response:
        """Change a key, if it is still at a version."""
        headers = {} if version is None else {"if-match": f'"{version}"'}
        return self.admin.put(f"/-/keys/{key.id}", json=fields, headers=headers)

    def chat(
        self,
        key: Key,
        model: str = "fake/echo",
        text: str = "Hello",
        *,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> httpx2.Response:
        """Make one call and read the whole answer, a stream too."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        return self.admin.post(
            "/v1/chat/completions", json=body, headers={**key.headers, **(headers or {})}
        )

    def trace(self, request_id: str, *, within_s: float = 10.0) -> dict[str, Any]:
        """Wait for the decision trace of one call; it is written after the answer has left."""

        def look() -> dict[str, Any] | None:
            answer = self.admin.get(f"/-/requests/{request_id}")
            return answer.json() if answer.status_code == 200 else None

        return wait_for(look, f"the trace of {request_id}", within_s=within_s)


def wait_for(look: Callable[[], T | None], what: str, *, within_s: float = 10.0) -> T:
    """Look again and again until there is something; fail at the deadline."""
    deadline_s = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline_s, f"{what}: not within {within_s} s"
        time.sleep(0.01)


def run_prismd(*args: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the daemon to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*PRISMD, *args], env=environment, capture_output=True, text=True, timeout=20, check=False
    )


@cache
def _initialised() -> Path:
    """Return what ``prismd init`` makes, once for all: it takes as long as half a start."""
    made = Path(tempfile.mkdtemp(prefix="prismd-init-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    init = [*PRISMD, "init", "--data-dir", str(made)]
    subprocess.run(init, env=environment, capture_output=True, check=True)
    return made


def start_daemon(
    folder: Path,
    config: str,
    *,
    env: dict[str, str] | None = None,
    under: Sequence[str] = (),
    on_spawn: OnSpawn | None = None,
) -> Daemon:
    """Start a daemon with its state in a folder; the same folder again is the same gateway.

    ``under`` is a command that runs the daemon in its own place; ``on_spawn`` is told of the
    process long before it listens.
    """
    data_dir, config_file, log_file = folder / "data", folder / "prism.yaml", folder / "log"
    in_data_dir = ["--data-dir", str(data_dir)]
    environment = {**os.environ, **(env or {}), "PYTHONPATH": str(ROOT)}
    config_file.write_text(config)
    token_file = data_dir / "admin-token"
    if not token_file.exists():
        shutil.copytree(_initialised(), data_dir, dirs_exist_ok=True)
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*under, *PRISMD, "serve", "--config", str(config_file), *in_data_dir, "--port", "0"],
            stdin=subprocess.DEVNULL,
            stderr=log,
            env=environment,
        )
    if on_spawn is not None:
        on_spawn(process)

    def url() -> str | None:
        found = _LISTENS.search(log_file.read_text())
        if process.poll() is not None:
            raise Ended(process.returncode, log_file.read_text())
        return found[1] if found else None

    try:
        where = wait_for(url, "prismd listens", within_s=START_S)
    except BaseException:
        process.kill()
        process.wait()
        raise
    token = token_file.read_text().strip()
    return Daemon(where, data_dir, config_file, log_file, token, process)


def kill_daemon(daemon: Daemon) -> None:
    """Send KILL, and wait until the process is gone."""
    daemon.process.kill()
    daemon.process.wait()


def stop_daemon(daemon: Daemon) -> int:
    """Send TERM and return the exit code; kills what does not stop."""
    daemon.admin.close()
    daemon.process.terminate()
    try:
        return daemon.process.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        kill_daemon(daemon)
        raise
