"""The ``prices`` table: overrides come back as they went in, one of each subject."""

import sqlite3
from functools import partial

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prismd.kernel.ids import new_id
from prismd.kernel.money import PicoUsd
from prismd.store import prices
from prismd.store.stores import Stores
from prismd.wire.price import PriceOverride, Unit

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
OVERRIDES = st.builds(
    PriceOverride,
    id=st.builds(lambda: new_id("prc")),
    model=TEXT,
    provider=st.none() | TEXT,
    org_id=st.none() | TEXT,
    rates=st.dictionaries(st.sampled_from(Unit), st.integers(0, 10**19).map(PicoUsd), min_size=1),
    created_at_s=st.integers(0, 2**40),
    updated_at_s=st.integers(0, 2**40),
)


def override(model: str, provider: str | None, org_id: str | None) -> PriceOverride:
    return PriceOverride(
        id=new_id("prc"),
        model=model,
        provider=provider,
        org_id=org_id,
        rates={Unit.IMAGE: PicoUsd(1)},
        created_at_s=1,
        updated_at_s=1,
    )


async def put(stores: Stores, own: PriceOverride) -> None:
    await stores.state.write(partial(prices.put, override=own))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(
        OVERRIDES, unique_by=lambda own: (own.model, own.provider, own.org_id), max_size=3
    ),
    changed=OVERRIDES,
)
async def test_every_field_comes_back(
    stores: Stores, made: list[PriceOverride], changed: PriceOverride
) -> None:
    # Examples share the database: each one leaves it empty.
    for own in made:
        await put(stores, own)
    assert await prices.load_all(stores.state) == sorted(made, key=lambda own: own.id)
    for own in made:
        new = msgspec.structs.replace(own, rates=changed.rates, updated_at_s=changed.updated_at_s)
        await put(stores, new)
        assert new in await prices.load_all(stores.state)
        await stores.state.write(partial(prices.delete, override_id=own.id))
    assert await prices.load_all(stores.state) == []


@pytest.mark.parametrize("provider", [None, "p"])
@pytest.mark.parametrize("org_id", [None, "o"])
async def test_a_subject_has_one_price(
    stores: Stores, provider: str | None, org_id: str | None
) -> None:
    for other in (("m", "q", "o"), ("m", "p", "r"), ("n", None, None)):
        await put(stores, override(*other))
    await put(stores, override("m", provider, org_id))
    with pytest.raises(sqlite3.IntegrityError):
        await put(stores, override("m", provider, org_id))
    assert len(await prices.load_all(stores.state)) == 4
