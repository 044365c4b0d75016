"""The ``keys`` table: every field comes back as it went in; a stale change writes nothing."""

import hashlib
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prismd.store import keys
from prismd.store.keys import StaleKey
from prismd.store.stores import Stores
from prismd.wire.key import KeyRecord, KeyStatus, KeyType
from tests.builders import make_key

NUMBERS = count()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.none() | st.lists(TEXT, max_size=4).map(tuple)
INT64 = st.integers(0, 2**63 - 1)
LIMIT = st.none() | INT64
TIME = st.integers(-(2**40), 2**40)
RECORDS = st.builds(
    KeyRecord,
    id=st.just("key_"),
    digest=st.binary(min_size=32, max_size=32),
    prefix=TEXT,
    name=TEXT.filter(bool),
    status=st.sampled_from(KeyStatus),
    key_type=st.sampled_from(KeyType),
    owner=st.none() | TEXT,
    org_id=st.none() | TEXT,
    models=NAMES,
    providers=NAMES,
    metadata=st.dictionaries(TEXT, TEXT, max_size=4),
    rate_limit_rpm=LIMIT,
    rate_limit_tpm=LIMIT,
    max_concurrency=LIMIT,
    allowed_ips=NAMES,
    allowed_tools=NAMES,
    denied_tools=NAMES,
    expires_at_s=st.none() | TIME,
    created_at_s=TIME,
    updated_at_s=TIME,
    last_used_at_s=st.none() | TIME,
    version=st.integers(1, 2**62),
)


@settings(
    max_examples=60,
    deadline=None,  # the disk may be busy
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(record=RECORDS, changed=RECORDS)
async def test_every_field_comes_back(
    stores: Stores, record: KeyRecord, changed: KeyRecord
) -> None:
    # Examples share the database, and may repeat: each one is a key of its own.
    own_digest = hashlib.sha256(record.digest + next(NUMBERS).to_bytes(4, "big")).digest()
    record = replace(record, id=f"key_{own_digest.hex()}", digest=own_digest)
    await stores.state.write(lambda tx: keys.insert(tx, record))
    assert await _get(stores, record.id) == record
    # What a change may not touch: who the key is, when it was made, when it was last used.
    changed = replace(
        changed,
        id=record.id,
        digest=record.digest,
        prefix=record.prefix,
        created_at_s=record.created_at_s,
        last_used_at_s=record.last_used_at_s,
        version=record.version + 1,
    )
    await stores.state.write(lambda tx: keys.update(tx, changed))
    assert await _get(stores, record.id) == changed


async def _get(stores: Stores, key_id: str) -> KeyRecord:
    return next(record for record in await keys.load_all(stores.state) if record.id == key_id)


async def test_a_stale_change_writes_nothing(stores: Stores) -> None:
    record = make_key(version=3)
    await stores.state.write(lambda tx: keys.insert(tx, record))
    for version in (3, 5):
        stale = replace(record, name="other", version=version)
        with pytest.raises(StaleKey):
            await stores.state.write(lambda tx, stale=stale: keys.update(tx, stale))  # type: ignore[misc]
    assert await keys.load_all(stores.state) == [record]


async def test_last_use_only_moves_forward_and_is_kept_by_a_change(stores: Stores) -> None:
    record = make_key()
    await stores.state.write(lambda tx: keys.insert(tx, record))
    for at_s in (50, 90, 70):
        await stores.state.write(lambda tx, at_s=at_s: keys.touch(tx, {record.id: at_s}))  # type: ignore[misc]
    await stores.state.write(lambda tx: keys.update(tx, replace(record, name="n2", version=2)))
    assert await keys.load_all(stores.state) == [
        replace(record, name="n2", version=2, last_used_at_s=90)
    ]


async def test_pages_walk_every_key_once_and_filters_hold(stores: Stores) -> None:
    made = [
        make_key(
            id=f"key_{n:02d}",
            digest=bytes([n]) * 32,
            name="ci" if n % 3 else "prod",
            owner="ann" if n % 2 else None,
            status=KeyStatus.BLOCKED if n == 4 else KeyStatus.ACTIVE,
        )
        for n in range(10)
    ]
    for record in made:
        await stores.state.write(lambda tx, record=record: keys.insert(tx, record))  # type: ignore[misc]
    walked: list[KeyRecord] = []
    while some := await keys.page(stores.state, limit=3, after=walked[-1].id if walked else None):
        walked += some
    assert walked == made
    page = keys.page
    assert await page(stores.state, limit=99, name="prod") == made[::3]
    assert await page(stores.state, limit=99, owner="ann") == made[1::2]
    assert await page(stores.state, limit=99, status=KeyStatus.BLOCKED) == [made[4]]
    assert await page(stores.state, limit=99, name="%") == []
    assert await page(stores.state, limit=99, owner="' OR 1=1 --") == []


async def test_two_keys_cannot_share_a_digest(stores: Stores) -> None:
    await stores.state.write(lambda tx: keys.insert(tx, make_key()))
    with pytest.raises(Exception, match="UNIQUE"):
        await stores.state.write(lambda tx: keys.insert(tx, make_key(id="key_2")))
