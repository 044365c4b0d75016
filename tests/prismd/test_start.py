"""A start is short because what no call needs is loaded behind the listener."""

import re
from pathlib import Path

import httpx2

from tests.daemon_process import start_daemon, stop_daemon, wait_for

CONFIG = "providers:\n  fake: {type: fake}\n"
BEHIND = {"fastapi", "genai_prices", "httpx2", "prismd.rooms", "prometheus_client"}
"""Loaded by every daemon, behind its listener."""
ON_NEED = {"prismd.kernel.outbound_client", "starlette.middleware.cors"}
"""Loaded when it is needed first, which it is not here."""
_IMPORTED = re.compile(r"^import time: .*\| +(\S+)$", re.MULTILINE)


def test_what_no_call_needs_is_imported_behind_the_listener(tmp_path: Path) -> None:
    daemon = start_daemon(tmp_path, CONFIG, env={"PYTHONPROFILEIMPORTTIME": "1"})
    try:
        daemon.admin.get("/-/capabilities").raise_for_status()
        wait_for(lambda: set(_IMPORTED.findall(daemon.log)) >= BEHIND, "all is imported")
        before, _, after = daemon.log.partition("listens on")
        imported = set(_IMPORTED.findall(before))
        assert "prismd.endpoints.chat" in imported
        assert imported & (BEHIND | ON_NEED) == set()
        assert set(_IMPORTED.findall(after)) & ON_NEED == set()
    finally:
        assert stop_daemon(daemon) == 0


def test_a_signal_during_the_load_stops_the_daemon_at_once(tmp_path: Path) -> None:
    daemon = start_daemon(tmp_path, CONFIG)
    assert httpx2.get(f"{daemon.url}/livez", trust_env=False).json() == {"status": "ok"}
    assert stop_daemon(daemon) == 0
    assert "Traceback" not in daemon.log
