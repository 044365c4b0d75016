"""The lock is what is asked for: nothing more is installed, and from nowhere in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = [Requirement(line.removesuffix(" \\")) for line in LOCK.splitlines() if "==" in line]


def pinned(asked: str, extra: str) -> list[Requirement]:
    """Return the pins that are installed for a requirement, with one extra or with none."""
    name = canonicalize_name(Requirement(asked).name)
    return [
        pin
        for pin in PINS
        if canonicalize_name(pin.name) == name
        and (pin.marker is None or pin.marker.evaluate({"extra": extra}))
    ]


@pytest.mark.parametrize(
    ("extra", "asked"),
    [
        *(("", asked) for asked in PROJECT["dependencies"]),
        *((extra, asked) for extra in ("dev", "build") for asked in EXTRAS[extra]),
    ],
)
def test_what_is_asked_for_is_pinned_within_its_range(extra: str, asked: str) -> None:
    (pin,) = pinned(asked, extra)
    (version,) = (one.version for one in pin.specifier)
    assert Requirement(asked).specifier.contains(version)


@pytest.mark.parametrize("extra", ["dev", "build", "jq"])
def test_an_extra_is_not_installed_with_the_program(extra: str) -> None:
    needed = {Requirement(asked).name for asked in PROJECT["dependencies"]}
    own = [asked for asked in EXTRAS[extra] if Requirement(asked).name not in needed]
    assert own
    assert [asked for asked in own if pinned(asked, "")] == []


def test_the_tests_may_use_every_extra_a_user_may_have() -> None:
    assert set(EXTRAS["jq"]) <= set(EXTRAS["dev"])


def test_each_pin_has_hashes_and_no_address() -> None:
    assert "://" not in LOCK
    blocks = re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE)[2:]
    assert len(blocks) == len(PINS)
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
