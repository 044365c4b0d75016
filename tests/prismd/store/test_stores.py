"""Opening everything: what is acknowledged is there again, and a failed start lets go."""

import pytest

from prismd.kernel.errors import AlreadyRunning, Overloaded, StorageRefused
from prismd.store import keys
from prismd.store.datadir import DataDir
from prismd.store.secrets import load_or_make_pepper
from prismd.store.stores import Stores
from tests.builders import make_key


async def test_what_was_written_is_there_after_a_restart(data_dir: DataDir) -> None:
    stores = await Stores.open(data_dir)
    await stores.state.write(lambda tx: keys.insert(tx, make_key()))
    await stores.aclose()
    assert not list(data_dir.path.glob("*-wal")), "closed clean"
    stores = await Stores.open(data_dir)
    assert await keys.load_all(stores.state) == [make_key()]
    await stores.aclose()


async def test_a_second_daemon_is_refused_until_the_first_has_closed(data_dir: DataDir) -> None:
    stores = await Stores.open(data_dir)
    with pytest.raises(AlreadyRunning):
        await Stores.open(data_dir)
    await stores.aclose()
    await (await Stores.open(data_dir)).aclose()


async def test_a_start_that_fails_lets_go_of_everything(data_dir: DataDir) -> None:
    data_dir.traffic_db.write_bytes(b"not a database " * 100)
    data_dir.traffic_db.chmod(0o600)
    with pytest.raises(StorageRefused, match=r"traffic\.db"):
        await Stores.open(data_dir)
    data_dir.traffic_db.unlink()
    await (await Stores.open(data_dir)).aclose()


async def test_traces_leave_the_last_room_to_what_must_not_be_lost(stores: Stores) -> None:
    await stores.state.write(lambda tx: tx.row("PRAGMA max_page_count = 1", {}))
    with pytest.raises(Overloaded) as refused:
        await stores.state.write(lambda tx: tx.execute("CREATE TABLE t (n INTEGER) STRICT", {}))
    assert refused.value.code == "storage_full"
    assert stores.state.is_full
    with pytest.raises(Overloaded) as refused:
        await stores.traffic.write(lambda tx: tx.row("SELECT 1", {}))
    assert refused.value.code == "storage_full"
    assert not stores.traffic.is_full


async def test_the_traffic_database_may_be_deleted(data_dir: DataDir) -> None:
    await (await Stores.open(data_dir)).aclose()
    data_dir.traffic_db.unlink()
    stores = await Stores.open(data_dir)
    assert await stores.traffic.rows("SELECT id FROM requests", {}) == []
    await stores.aclose()


async def test_the_pepper_is_kept_and_belongs_to_its_master_key(stores: Stores) -> None:
    pepper = await load_or_make_pepper(stores.state, b"k" * 32)
    assert len(pepper) == 32
    assert await load_or_make_pepper(stores.state, b"k" * 32) == pepper
    with pytest.raises(StorageRefused, match=r"master\.key"):
        await load_or_make_pepper(stores.state, b"x" * 32)


async def test_a_lost_pepper_is_not_replaced_while_keys_depend_on_it(stores: Stores) -> None:
    await load_or_make_pepper(stores.state, b"k" * 32)
    await stores.state.write(lambda tx: keys.insert(tx, make_key()))
    await stores.state.write(lambda tx: tx.execute("DELETE FROM sealed_secrets", {}))
    with pytest.raises(StorageRefused, match="pepper"):
        await load_or_make_pepper(stores.state, b"k" * 32)
