"""Comparing what is shown with ``tests/golden/prismctl``; ``PRISM_GOLDEN=write`` writes it anew."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "golden" / "prismctl"


def compare(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("PRISM_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")
