"""The tests mirror the tree: a reader who knows a file knows where its tests are."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LAYERS = ("kernel", "dialects", "policy", "routing", "metering", "store")

ELSEWHERE = {
    "store/files.py": "store/test_backup.py",
    "kernel/http1_answer.py": "kernel/test_http1.py",
    "kernel/outbound_error.py": "kernel/test_outbound.py",
    "dialects/base.py": "dialects/test_translation.py",
    "dialects/decoding.py": "dialects/test_every_dialect.py",
    "dialects/following.py": "dialects/test_every_dialect.py",
    "metering/gap_prices.py": "metering/test_public_prices.py",
    "metering/overrides.py": "metering/test_prices.py",
    "metering/recorder.py": "metering/test_prometheus.py",
    "store/db.py": "store/test_sqlite.py",
    "store/faults.py": "store/test_sqlite.py",
    "store/lingering.py": "store/test_booking.py",
    "store/work.py": "store/test_booking.py",
    "store/readers.py": "store/test_sqlite.py",
    "store/report.py": "store/test_verify.py",
    "store/secrets.py": "store/test_stores.py",
    "store/writer.py": "store/test_sqlite.py",
}
"""Files whose behaviour shows only through another one's tests."""


@pytest.mark.parametrize("layer", LAYERS)
def test_every_module_has_its_tests(layer: str) -> None:
    missing = []
    for module in sorted((ROOT / "prismd" / layer).glob("*.py")):
        if module.name == "__init__.py":
            continue
        usual = f"{layer}/test_{module.name}"
        place = ELSEWHERE.get(f"{layer}/{module.name}", usual)
        if not (ROOT / "tests" / "prismd" / place).is_file():
            missing.append(place)
    assert missing == []
