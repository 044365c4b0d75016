"""Pace and faults: how a caller tells the fake to be slow, to refuse, to break.

Two spellings with the same names and values. As a suffix of the model, settings joined by ``+``:
``echo+latency=200ms+rate=50``. As request headers: ``x-prism-fake-latency: 200ms``. A header wins
over the suffix.

    latency      200ms | 1.5s      wait before the head of the answer
    rate         50                output tokens per second; a plain answer waits for all of them
    tokens       500               length of what ``lorem`` says (60)
    chunk        4                 tokens per stream event (1)
    calls        2                 tools that ``tools`` calls at once (1)
    usage        1000,2000         claim these prompt and completion tokens
    status       429               refuse with this status, 400 to 599
    retry-after  2                 seconds; only together with ``status``
    malformed    2                 the n-th stream event is broken JSON; a plain body is, for any n
    cut          3                 cut the connection after n events, of a plain body n x 100 bytes
    hang         1                 fall silent there, for ever; 0: even before the head

An answer that is shorter than where it should be cut or hang ends as usual. Anything else that is
written here is refused with a 400 that says what is allowed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from prismd.providers.fake.script import Refusal

HEADER_PREFIX = "x-prism-fake-"
MAX_WAIT_S = 600

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_RATE = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the caller wants of this answer. The fields are named like the settings."""

    latency: float = 0.0
    """Seconds."""
    rate: float | None = None
    """Output tokens per second; None: as fast as possible."""
    tokens: int = 60
    chunk: int = 1
    calls: int = 1
    usage: tuple[int, int] | None = None
    status: int | None = None
    retry_after: int | None = None
    """Seconds."""
    malformed: int | None = None
    cut: int | None = None
    hang: int | None = None


def _duration_s(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError
    return _at_most(float(found[1]) / (1000 if found[2] == "ms" else 1), MAX_WAIT_S)


def _tokens_per_s(text: str) -> float:
    if not _RATE.fullmatch(text) or not float(text):
        raise ValueError
    return _at_most(float(text), 1e9)


def _at_most(value: float, limit: float) -> float:
    if value > limit:
        raise ValueError
    return value


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text[:10]) <= high:
            raise ValueError
        return int(text)

    return read


def _pair(text: str) -> tuple[int, int]:
    prompt, completion = text.split(",")
    read = _whole(0, 10**9)
    return read(prompt.strip()), read(completion.strip())


_READERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "latency": (_duration_s, f"a duration such as 200ms or 1.5s, at most {MAX_WAIT_S}s"),
    "rate": (_tokens_per_s, "tokens per second, more than 0"),
    "tokens": (_whole(1, 100_000), "1 to 100000"),
    "chunk": (_whole(1, 100_000), "1 to 100000"),
    "calls": (_whole(1, 64), "1 to 64"),
    "usage": (_pair, "prompt and completion tokens, such as 1000,2000"),
    "status": (_whole(400, 599), "400 to 599"),
    "retry-after": (_whole(0, 86_400), "seconds, 0 to 86400"),
    "malformed": (_whole(1, 1_000_000), "1 to 1000000"),
    "cut": (_whole(0, 1_000_000), "0 to 1000000"),
    "hang": (_whole(0, 1_000_000), "0 to 1000000"),
}


def split_model(model: str) -> tuple[str, list[str]]:
    """Take the suffix off a model name: ``fake/echo+rate=5`` is ``echo`` and ``rate=5``."""
    name, *settings = model.removeprefix("fake/").split("+")
    return name, settings


def read_settings(suffix: list[str], headers: Mapping[str, str]) -> Settings:
    """Read the settings of one request.

    Args:
        suffix: The settings in the model's name, as ``split_model`` gives them.
        headers: All request headers, lower case.

    Raises:
        Refusal: an unknown name, or a value that is not allowed.
    """
    found: dict[str, object] = {}
    for setting in suffix:
        name, equals, value = setting.partition("=")
        if not equals:
            raise _refusal(f"'{setting}' is not a setting (name=value)", "model")
        found[name.replace("-", "_")] = _read(name, value, "model")
    for header, value in headers.items():
        if header.startswith(HEADER_PREFIX):
            name = header.removeprefix(HEADER_PREFIX)
            found[name.replace("-", "_")] = _read(name, value.strip(), header)
    settings = msgspec.convert(found, Settings)
    if settings.retry_after is not None and settings.status is None:
        raise _refusal("'retry-after' goes only with 'status'", "retry-after")
    if settings.cut is not None and settings.hang is not None:
        raise _refusal("'cut' and 'hang' exclude each other", "cut")
    return settings


def _read(name: str, value: str, param: str) -> object:
    if name not in _READERS:
        raise _refusal(f"'{name}' is not a setting of the fake", param)
    read, allowed = _READERS[name]
    try:
        return read(value)
    except ValueError:
        raise _refusal(f"'{name}' cannot be '{value[:40]}'; allowed: {allowed}", param) from None


def _refusal(problem: str, param: str) -> Refusal:
    msg = f"{problem}. Settings of the fake: {', '.join(_READERS)}."
    return Refusal(msg, code="invalid_fake_setting", param=param)
