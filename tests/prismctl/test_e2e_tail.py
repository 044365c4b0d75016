"""``tail`` and ``top`` against the real ``prismd`` under calls that do not wait for them."""

import json
import subprocess
import threading
import urllib.request
from pathlib import Path

from tests.prismctl.processes import PATIENCE_S, PRISMCTL, Home, up

CALLS = 400
BEFORE = 100
"""Calls that have ended when tail is started."""


def call(url: str, key: str) -> str:
    """Make a call; return its id."""
    body = {"model": "fake/echo", "messages": [{"role": "user", "content": "x"}]}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        answer.read()
        return str(answer.headers["x-request-id"])


def test_since_misses_no_call_and_tells_none_twice(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with up(home, "--no-detect") as gateway:
        url, key = gateway.gateway["url"], gateway.gateway["key"]
        made: list[str] = [call(url, key) for _ in range(BEFORE)]

        def go_on() -> None:
            made.extend(call(url, key) for _ in range(CALLS - BEFORE))

        caller = threading.Thread(target=go_on)
        caller.start()
        try:
            tail = subprocess.run(
                [*PRISMCTL, "tail", "--since", "1h", "--sample", "all", "-o", "json",
                 "-n", str(CALLS)],
                env=home.env(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )  # fmt: skip
        finally:
            caller.join()
        assert tail.returncode == 0, tail.stderr
        told = [json.loads(line)["request_id"] for line in tail.stdout.splitlines()]
        assert len(set(told)) == len(told) == CALLS
        assert set(told) == set(made)

        top = home.run("top", "--once", "--by", "key", "-o", "json")
        [row] = json.loads(top.stdout)["data"]
        assert (row["calls"], row["errors"]) == (CALLS, 0)
        live = subprocess.Popen(
            [*PRISMCTL, "top", "--interval", "1s"],
            env=home.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert live.stdout is not None
        assert json.loads(live.stdout.readline())["totals"]["calls"] == 0
        for _ in range(20):
            call(url, key)
        seen = 0
        while seen < 20:
            refresh = json.loads(live.stdout.readline())
            seen = refresh["totals"]["calls"]
        assert (seen, refresh["data"][0]["name"]) == (20, "fake/echo")
        assert refresh["data"][0]["latency_p95_ms"] > 0
        live.stdout.close()
        live.terminate()
        live.wait(PATIENCE_S)
