"""``/-/prices``: what models cost, and overrides of it that are kept in the database.

An override is durable before it is in force, and in force before the answer leaves, without a
reload; a call that is running keeps the price it began with.
"""

from fastapi import APIRouter, Depends, Response

from prismd.endpoints import deps
from prismd.endpoints.admin.price_types import (
    BillObject,
    PriceList,
    PriceObject,
    PriceSet,
    PriceTest,
    Source,
    price_view,
)
from prismd.endpoints.replies import json_reply, usd
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest, NotFound
from prismd.kernel.ids import new_id
from prismd.metering.billing import bill
from prismd.store import prices as price_table
from prismd.store.db import Tx
from prismd.wire.audit import Change
from prismd.wire.price import PriceOverride
from prismd.wire.rates import write_rates

room = APIRouter(prefix="/-/prices", tags=["prices"], dependencies=[Depends(deps.admin)])


@room.get("", response_model=PriceList)
async def list_prices(
    gateway: deps.TheGateway,
    *,
    model: str | None = None,
    provider: str | None = None,
    source: Source | None = None,
) -> Response:
    """List what every model costs at every provider; then overrides that are in none of these."""
    rows = [
        row
        for row in _every_price(gateway)
        if (model is None or row["model"] == model)
        and (provider is None or row["provider"] == provider)
        and (source is None or row["source"] == source)
    ]
    return json_reply({"object": "list", "data": rows})


@room.put("", response_model=PriceObject)
async def set_price(body: PriceSet, gateway: deps.TheGateway, actor: deps.TheActor) -> Response:
    """Set what a model costs: at one provider or any, for one org or everybody."""
    rates, now_s = body.rates(), clock.now_s()
    _check_provider(gateway, body.provider)
    async with gateway.changing_prices:
        before = gateway.price_overrides.of(body.model, body.provider, body.org_id)
        override = PriceOverride(
            id=before.id if before else new_id("prc"),
            model=body.model,
            provider=body.provider,
            org_id=body.org_id,
            rates=rates,
            created_at_s=before.created_at_s if before else now_s,
            updated_at_s=now_s,
        )
        if before is not None and before.rates == rates:
            return _show(before)
        change = Change("price.set", override.id, _differences(before, override))

        def write(tx: Tx) -> None:
            price_table.put(tx, override)
            gateway.audit.append(tx, actor, change, at_s=now_s)

        await gateway.stores.state.write(write)
        gateway.price_overrides.put(override)
    return _show(override)


@room.delete("/{price_id}", response_model=PriceObject)
async def delete_price(price_id: str, gateway: deps.TheGateway, actor: deps.TheActor) -> Response:
    """Remove an override; what it hid is in force again."""
    async with gateway.changing_prices:
        override = gateway.price_overrides.by_id(price_id)
        if override is None:
            msg = f"There is no price '{price_id}'. GET /-/prices shows the ids of overrides."
            raise NotFound(msg, code="price_not_found", param="price_id")
        change = Change("price.deleted", override.id, _differences(override, None))

        def write(tx: Tx) -> None:
            price_table.delete(tx, override.id)
            gateway.audit.append(tx, actor, change, at_s=clock.now_s())

        await gateway.stores.state.write(write)
        shown = _show(override)
        gateway.price_overrides.remove(override)
    return shown


@room.post("/test", response_model=BillObject)
async def test_price(body: PriceTest, gateway: deps.TheGateway) -> Response:
    """Bill a call that nobody makes, as it would be billed now."""
    snap = gateway.snapshot
    serving = [
        target
        for target in snap.catalog.resolve(body.model)
        if body.provider in (None, target.provider.id)
    ]
    if not serving:
        msg = f"The model '{body.model}' is not served by '{body.provider}'."
        raise NotFound(msg, code="model_not_found", param="provider")
    price = snap.facts(body.model, serving[0], body.org_id).price
    billed = bill(price, body.usage.to_wire()) if price else None
    return json_reply(
        {
            "object": "bill",
            "model": body.model,
            "provider": serving[0].provider.id,
            "is_priced": billed is not None,
            "source": billed.source if billed else None,
            "lines": billed.lines if billed else [],
            "unpriced": billed.unpriced if billed else [],
            **usd("cost", billed.cost_nano_usd if billed else None),
            "cost_pico_usd": billed.cost_pico_usd if billed else None,
        }
    )


def _every_price(gateway: Gateway) -> list[dict[str, object]]:
    snap, shown = gateway.snapshot, set()
    rows = []
    for name in snap.catalog.names():
        for target in snap.catalog.find(name):
            override = snap.override(name, target)
            shown.add(override.id if override else None)
            price = snap.facts(name, target).price
            rows.append(price_view(name, target.provider.id, price, override))
    others = (own for own in gateway.price_overrides.every() if own.id not in shown)
    return rows + [_view(own) for own in others]


def _view(override: PriceOverride) -> dict[str, object]:
    return price_view(override.model, override.provider, override.price(), override)


def _show(override: PriceOverride) -> Response:
    return json_reply(_view(override))


def _check_provider(gateway: Gateway, provider: str | None) -> None:
    known = gateway.snapshot.catalog.providers
    if provider is not None and provider not in known:
        msg = f"There is no provider '{provider}'. Known: {', '.join(known) or 'none'}."
        raise InvalidRequest(msg, code="invalid_value", param="provider")


def _differences(
    before: PriceOverride | None, after: PriceOverride | None
) -> dict[str, tuple[object, object]]:
    """Return what the audit log says: the subject of a new or removed override, and its rates."""

    def told(override: PriceOverride | None) -> dict[str, object]:
        if override is None:
            return {}
        return {
            "model": override.model,
            "provider": override.provider,
            "org_id": override.org_id,
            "rates": write_rates(override.rates),
        }

    old, new = told(before), told(after)
    return {
        name: (old.get(name), new.get(name))
        for name in (old or new)
        if old.get(name) != new.get(name)
    }
