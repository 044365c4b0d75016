"""What a gateway remembers, on real stores."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from prismd.store import keys as key_table
from prismd.store.faults import StorageLocked
from tests.builders import make_key
from tests.in_process import running_gateway


async def test_when_keys_were_used_is_not_forgotten_where_it_cannot_be_written(
    tmp_path: Path,
) -> None:
    async with running_gateway(tmp_path) as gateway:
        state = gateway.stores.state
        for id_ in ("key_1", "key_2"):
            key = make_key(id=id_, digest=id_.encode().ljust(32))
            await state.write(partial(key_table.insert, record=key))
        gateway.note_use("key_1", 100)
        gateway.note_use("key_2", 100)
        with closing(sqlite3.connect(gateway.data_dir.state_db)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageLocked):
                await gateway.save_use()
        gateway.note_use("key_2", 200)  # a later use wins
        await gateway.save_use()
        found = {key.id: key.last_used_at_s for key in await key_table.load_all(state)}
        assert found == {"key_1": 100, "key_2": 200}
