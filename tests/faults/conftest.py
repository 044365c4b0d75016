"""One faulty gateway for all tests of the folder, per worker."""

from collections.abc import Iterator

import pytest

from tests.faults.gateway import Gateway, faulty_gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with faulty_gateway(tmp_path_factory.mktemp("faults")) as running:
        yield running
