"""Start and stop a real `prismd fake` process, and read what it has recorded."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prismd

ROOT = Path(prismd.__file__).parent.parent
RUN = "import sys, pathlib; from prismd.providers.fake.server import run; "
RUN += "run('127.0.0.1', 0, pathlib.Path(sys.argv[1]))"


@dataclass
class FakeProcess:
    """The process: where it listens and what it has recorded."""

    url: str
    record: Path
    process: subprocess.Popen[str]

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def entry(self, request_id: str, *, within_s: float = 1.0) -> dict[str, Any]:
        """Wait for the entry of one request."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for entry in self.entries():
                if entry["request_id"] == request_id:
                    return entry
            time.sleep(0.01)
        raise AssertionError(f"no entry for {request_id} in {within_s} s: {self.entries()}")


def start_fake(record: Path) -> FakeProcess:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(record)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), line
    return FakeProcess(line.removeprefix("listening on ").strip(), record, process)


def stop_fake(fake: FakeProcess) -> int:
    fake.process.terminate()
    code = fake.process.wait(timeout=10)
    assert fake.process.stdout is not None
    fake.process.stdout.close()
    return code
