"""A gateway that takes changes."""

from collections.abc import Iterator

import pytest

from tests.prismctl.stub import StubGateway


@pytest.fixture
def stub() -> Iterator[StubGateway]:
    gateway = StubGateway()
    yield gateway
    gateway.close()
