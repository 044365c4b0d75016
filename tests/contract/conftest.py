"""What the tests of vendors share."""

from collections.abc import AsyncIterator

import pytest

from prismd.kernel.outbound import Outbound


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    pool = Outbound()
    yield pool
    await pool.aclose()
