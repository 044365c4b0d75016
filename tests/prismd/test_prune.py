"""What is too old is deleted from either file, whatever has become of the other."""

from pathlib import Path

import pytest

from prismd import daemon
from prismd.kernel.errors import Overloaded
from prismd.store import idempotency
from prismd.store.db import Tx
from prismd.wire.idempotency import IdempotencyKey
from tests.in_process import running_gateway


async def test_answers_are_deleted_though_traces_cannot_be(tmp_path: Path) -> None:
    key = IdempotencyKey("admin", b"d" * 32, b"f" * 32)

    def begin(tx: Tx) -> None:
        idempotency.begin(tx, key, "req_1", now_s=1_000)

    async with running_gateway(tmp_path) as gateway:
        await gateway.stores.state.write(begin)
        await gateway.stores.traffic.aclose()
        with pytest.raises(Overloaded):
            await daemon._prune(gateway)
        assert await gateway.stores.state.rows("SELECT * FROM idempotency", {}) == []
