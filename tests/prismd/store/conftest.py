"""A data directory of the test's own, and the databases in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prismd.store.datadir import DataDir
from prismd.store.stores import Stores


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.create()
    return made


@pytest.fixture
async def stores(data_dir: DataDir) -> AsyncIterator[Stores]:
    opened = await Stores.open(data_dir)
    yield opened
    await opened.aclose()
