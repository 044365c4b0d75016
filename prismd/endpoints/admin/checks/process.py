"""This process: what it has open, who watches it, and what it is made of."""

import re
from collections.abc import Iterator
from importlib import metadata

from prismd.endpoints.admin.checks.check import Check, naming, ok, warning
from prismd.gateway import Gateway
from prismd.kernel import descriptors
from prismd.kernel.bus import MAX_VIEWERS

MANY = 0.8
"""Part of what there may be that may be in use before it is worth a word."""

_PACKAGE = "prism-gateway"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*([<>=!~,.0-9a-z\s]*)")
_BOUND = re.compile(r"(>=|<|==)\s*([0-9.]+)")


def open_files(_: Gateway) -> Iterator[Check]:
    """Look at how many descriptors are left."""
    limit, used = descriptors.limit(), descriptors.count_open()
    told = f"{used} of {limit} files and connections are open"
    if used >= limit * MANY:
        fix = "raise the limit (LimitNOFILE= of the service, ulimit -n of a shell), restart prismd"
        yield warning("descriptors", told, fix)
    else:
        yield ok("descriptors", told)


def viewers(gateway: Gateway) -> Iterator[Check]:
    """Look at how many watch the event feed."""
    count = gateway.bus.viewer_count
    told = f"{count} of {MAX_VIEWERS} viewers watch the event feed"
    if count >= MAX_VIEWERS * MANY:
        yield warning("viewers", told, "end some of: prismctl tail, top, dashboard")
    else:
        yield ok("viewers", told)


def dependencies(_: Gateway) -> Iterator[Check]:
    """Compare what is installed with the versions that prismd was made for (blocks)."""
    try:
        required = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        yield ok("dependencies", "part of this program, as it was built")
        return
    found: dict[str, str] = {}
    wrong: list[str] = []
    for name, bounds in _ranges(required):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        found[name] = version
        if not is_within(version, bounds):
            wrong.append(f"{name} {version} is not {bounds}")
    if wrong:
        fix = "pip install --require-hashes -r requirements.lock"
        yield warning("dependencies", naming(wrong), fix)
    else:
        yield ok("dependencies", ", ".join(f"{name} {found[name]}" for name in sorted(found)))


def _ranges(required: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what is needed in every case, and in which versions."""
    for text in required:
        requirement, _, marker = text.partition(";")
        if "extra" in marker or (match := _REQUIREMENT.match(requirement)) is None:
            continue
        yield match[1], match[2].strip()


def is_within(version: str, bounds: str) -> bool:
    """Say whether a version lies within bounds such as ``>=1.2,<2``."""
    ours = _numbers(version)
    for sign, text in _BOUND.findall(bounds):
        bound = _numbers(text)
        length = max(len(ours), len(bound))
        left, right = (one + (0,) * (length - len(one)) for one in (ours, bound))
        is_right = {">=": left >= right, "<": left < right, "==": left == right}[sign]
        if not is_right:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])
