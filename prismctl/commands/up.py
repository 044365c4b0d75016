"""``prismctl up``: a gateway on this machine, with nothing to configure."""

import shlex
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import contexts
from prismctl.errors import Busy, PrismctlError, UsageProblem
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import Object, as_text
from prismctl.output import safe
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.local.daemon import Daemon
    from prismctl.local.datadir import DataDir
    from prismctl.local.demo import Demo
    from prismctl.output.render import Output

app = top_verb()

HOST = "127.0.0.1"
DEFAULT_PORT = 8080

_FAKE_ONLY = """\
# Written by `prismctl up --no-detect`.
providers:
  fake: # built in: deterministic answers, no account
    type: fake
"""
_GATEWAY = View(
    columns=(
        Column("URL", "url"),
        Column("BASE URL", "base_url"),
        Column("KEY", "key"),
        Column("PID", "pid"),
        Column("DATA", "data_dir"),
        Column("CONTEXT", "context"),
    ),
    name="url",
)
_SHOWN_NAMES = 8


@verb(app, "up", "prismctl up", "prismctl up --port 9000 --config prism.yaml")
def up(
    ctx: typer.Context,
    *,
    port: Annotated[
        int, typer.Option(help="Port; 0 takes a free one", min=0, max=65535, metavar="N")
    ] = DEFAULT_PORT,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where all state lives", metavar="DIR")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Your prism.yaml, instead of what is found", metavar="FILE")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Keep gentle traffic on the fake models going")
    ] = False,
    no_detect: Annotated[
        bool, typer.Option("--no-detect", help="Only the built-in fake provider")
    ] = False,
) -> None:
    """Start a gateway on this machine and stay; Ctrl-C stops it.

    Keys, credentials and a context are made at the first start and used again later. Providers are
    those whose key is in the environment, local model servers that answer, and a built-in fake.
    """
    from prismctl.local import datadir

    out = session_of(ctx).out
    if config is not None and no_detect:
        raise UsageProblem("--no-detect does not go with --config: nothing is detected then")
    data = datadir.DataDir((data_dir or datadir.default_path()).expanduser().absolute())
    data.create()
    if not _show_running(out, data):
        stopping = _Stopping()
        gateway = _Start(out, data, stopping, port)
        gateway.run(config, is_detecting=not no_detect, is_demo=demo)


class _Stopping:
    """Signals as events: the first asks to stop, the second to hurry."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.hurry = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        (self.hurry if self.asked.is_set() else self.asked).set()


class _Start:
    """One start of the daemon, from the free port to the end."""

    def __init__(self, out: "Output", data: "DataDir", stopping: _Stopping, port: int) -> None:
        from prismctl.local import ports

        self._out = out
        self._data = data
        self._stopping = stopping
        self._port = port or ports.any_free(HOST)
        self._url = f"http://{HOST}:{self._port}"

    def run(self, config: Path | None, *, is_detecting: bool, is_demo: bool) -> None:
        """Start the daemon, say so, and stay until a signal or its end."""
        from prismctl.local.daemon import Daemon, run_prismd

        self._check_port()
        try:
            run_prismd("init", "--data-dir", str(self._data.path))
            file = config or self._detected(is_detecting=is_detecting)
        except PrismctlError:
            if self._stopping.asked.is_set():
                # Ctrl-C reached the short command as well: that is no failure.
                return
            raise
        self._out.note("starting prismd …", "dim")
        arguments = ["--config", str(file), "--port", str(self._port)]
        daemon = Daemon(
            self._url, [*arguments, "--data-dir", str(self._data.path)], self._data.log_file
        )
        try:
            self._serve(daemon, is_demo=is_demo)
        except Busy:
            # Somebody else's `up` was quicker.
            if not _show_running(self._out, self._data, patience_s=5.0):
                raise
        finally:
            daemon.stop(self._stopping.hurry)
            self._forget(daemon)

    def _check_port(self) -> None:
        from prismctl.local import ports

        if ports.is_free(HOST, self._port):
            return
        who = ports.listener(self._port)
        by = f" by {who.name} (pid {who.pid})" if who else ""
        msg = f"port {self._port} is in use{by}"
        raise Busy(msg, hint="take another: prismctl up --port N")

    def _detected(self, *, is_detecting: bool) -> Path:
        from prismctl.local.daemon import run_prismd

        text = _FAKE_ONLY
        if is_detecting:
            self._out.note("looking for providers …", "dim")
            text = run_prismd("detect", "--skip-port", str(self._port))
        contexts.write_private(self._data.config_file, text)
        return self._data.config_file

    def _serve(self, daemon: "Daemon", *, is_demo: bool) -> None:
        from prismctl.local.datadir import Running
        from prismctl.local.gateway import introduce

        asked = self._stopping.asked
        daemon.wait_ready(asked)
        if asked.is_set():
            return
        running = Running(self._url, daemon.pid)
        self._data.set_running(running)
        _show(self._out, introduce(self._data, running))
        self._out.note("Ctrl-C stops it.", "dim")
        traffic = self._demo() if is_demo else None
        while not asked.wait(0.2):
            if daemon.exit_code is not None:
                raise _ended(daemon)
        self._out.note("stopping …", "dim")
        if traffic is not None:
            traffic.stop()

    def _demo(self) -> "Demo":
        from prismctl.client.http import Http
        from prismctl.local.datadir import DEMO_KEY
        from prismctl.local.demo import Demo
        from prismctl.local.gateway import ensure_key

        with Http(self._url, token=self._data.secret("admin-token")) as http:
            key = ensure_key(self._data, http, DEMO_KEY, {"name": "demo"})
        self._out.note("demo traffic is on", "dim")
        return Demo(self._url, key)

    def _forget(self, daemon: "Daemon") -> None:
        running = self._data.running()
        if running is not None and running.pid == daemon.pid:
            self._data.set_running(None)


def _ended(daemon: "Daemon") -> PrismctlError:
    problem = daemon.failure()
    return PrismctlError(f"prismd has ended\n{problem.message}".strip(), hint=problem.hint)


def _show_running(out: "Output", data: "DataDir", patience_s: float = 0.0) -> bool:
    """Show the gateway that runs on the data directory already; say whether there is one."""
    import time

    from prismctl.local.gateway import find_running, introduce

    deadline_s = time.monotonic() + patience_s
    while (running := find_running(data)) is None:
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(0.1)
    _show(out, introduce(data, running))
    out.note(f"It was running already. To stop it: kill {running.pid}", "dim")
    return True


def _show(out: "Output", gateway: Object) -> None:
    if not out.is_for_people:
        out.item(gateway, _GATEWAY)
        return
    url, key = as_text(gateway.get("url")), as_text(gateway.get("key"))
    used = "current" if gateway.get("is_current") else "prismctl contexts use local"
    paint = out.terminal.paint_out
    program = _program()
    body = '{"model":"fake/echo","messages":[{"role":"user","content":"hello"}]}'
    out.stream(
        f"""\
{paint("Prism is running", "green", "bold")} at {paint(url, "bold")}

  base URL   {url}/v1
  key        {paint(key, "green")}
  providers  {_words(gateway, "providers")}
  models     {_words(gateway, "models")}
  context    local ({used})
  data       {safe.line(as_text(gateway.get("data_dir")))}

Try it:
  {program} chat hello
  {program} dashboard
  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \
-H 'Content-Type: application/json' -d '{body}'
"""
    )


def _program() -> str:
    """Return how this program is started again: by its name, or by its path where that is unknown.

    One of the single files knows the path of what was unpacked only.
    """
    import shutil
    import sys

    started = sys.argv[0]
    is_findable = shutil.which("prismctl") is not None or hasattr(sys, "frozen")
    if is_findable or Path(started).name != "prismctl":
        return "prismctl"
    return safe.line(shlex.quote(started))


def _words(gateway: Object, field: str) -> str:
    """Return the first few names of a list, and how many more there are."""
    value = gateway.get(field)
    names = [safe.line(str(name)) for name in value] if isinstance(value, list) else []
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
