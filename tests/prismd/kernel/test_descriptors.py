import os
import resource

import pytest

from prismd.kernel import descriptors


def test_what_is_opened_is_counted() -> None:
    before = descriptors.count_open()
    reading, writing = os.pipe()
    assert descriptors.count_open() == before + 2
    os.close(reading)
    os.close(writing)
    assert descriptors.count_open() == before


def test_the_limit_is_raised_as_far_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        assert descriptors.limit() == min(soft, 512)
        assert descriptors.raise_limit() == hard
        assert descriptors.limit() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        msg = "not permitted"
        raise ValueError(msg)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        with monkeypatch.context() as patched:
            patched.setattr(resource, "setrlimit", refuse)
            assert descriptors.raise_limit() == min(soft, 512)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
