"""The resident memory of this process, against what the system says in another place."""

import sys
from pathlib import Path

import pytest

from prismd.kernel import memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it in /proc")
def test_it_is_in_bytes_and_is_what_the_system_says_elsewhere() -> None:
    lines = Path("/proc/self/status").read_text().splitlines()
    resident_kib = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    assert memory.resident_bytes() == pytest.approx(resident_kib * 1024, rel=0.2)


def test_where_the_system_does_not_say_it_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_STATM", tmp_path / "statm")
    assert memory.resident_bytes() is None
