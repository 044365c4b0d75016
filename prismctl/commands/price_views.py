"""How prices and bills are shown; a model without a price is never shown as free."""

from prismctl.commands.price_units import by_count, other_rates
from prismctl.jsontext import Json, as_object, as_objects
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View

NO_PRICE = "no price"


def source(value: Json, look: Look) -> str:
    """Write where a price is from, or that there is none."""
    if value is not None:
        return human.plain(value, look)
    return human.state(NO_PRICE, look) if look.is_people else "none"


def source_tone(value: Json) -> str:
    """Return the colour of a missing price."""
    return human.tone(NO_PRICE) if value is None else ""


def _other(row: Json, look: Look) -> str:
    """Write, in a line, the rates that have no column, and where tiers begin."""
    price = as_object(row)
    own = rates(price.get("pricing"), look, but=("input", "output"))
    return "; ".join(text for text in (own, _tiers(price.get("tiers"), look)) if text)


def _tiers(value: Json, look: Look) -> str:
    return "; ".join(
        f"above {human.number(tier.get('above_input_tokens'), look)} input: "
        + rates(tier.get("pricing"), look)
        for tier in as_objects(value)
    )


def rates(pricing: Json, look: Look, *, but: tuple[str, ...] = ()) -> str:
    """Write the rates of a price in a line, some left out."""
    return other_rates(pricing, but=but, write=lambda value: human.dollars(value, look))


def _rate(row: Json, look: Look) -> str:
    """Write what one, a second or a million of a bill's line costs."""
    line = as_object(row)
    unit, price = by_count(line.get("unit")), line.get("price_pico_usd")
    if unit is None or not isinstance(price, int):
        return ""
    if unit.per == "M":
        return f"{human.pico_dollars(price * 10**6, look)}/M"
    return human.pico_dollars(price, look) + (f"/{unit.per}" if unit.per else "")


PRICES = View(
    columns=(
        Column("MODEL", "model", is_name=True),
        Column("PROVIDER", "provider"),
        Column("INPUT $/M", "pricing.input_per_mtok", human.dollars, is_right=True),
        Column("OUTPUT $/M", "pricing.output_per_mtok", human.dollars, is_right=True),
        Column("FROM", "source", source, source_tone),
        Column("OTHER RATES", "", _other, is_flexible=True, rank=1),
        Column("ORG", "org_id", rank=2),
        Column("ID", "id", is_wide=True),
        Column("SET", "updated_at", human.when, is_wide=True),
        Column("CACHED $/M", "pricing.cached_input_per_mtok", human.dollars, is_wide=True),
        Column("ALL RATES", "pricing", human.labels, is_wide=True),
    ),
    name="model",
    empty="no such prices; all of them: prismctl prices list",
)

PRICE = View(
    columns=(
        Column("MODEL", "model"),
        Column("PROVIDER", "provider"),
        Column("ORG", "org_id"),
        Column("FROM", "source", source, source_tone),
        Column("RATES", "pricing", rates),
        Column("TIERS", "tiers", _tiers),
        Column("ID", "id"),
        Column("SET", "updated_at", human.moment),
    ),
    name="model",
)

BILL = View(
    columns=(
        Column("UNIT", "unit"),
        Column("COUNT", "quantity", human.number, is_right=True),
        Column("RATE", "", _rate, is_right=True),
        Column("AMOUNT", "amount_pico_usd", human.pico_dollars, is_right=True),
        Column("PRICE PICO-$", "price_pico_usd", is_wide=True, is_right=True),
    ),
    name="unit",
    rows="lines",
    empty="nothing of this has a price",
)
