"""Budgets, balances, postings and prices as the admin API shows them."""

from decimal import Decimal
from typing import Any

from tests.prismctl.stub import Canned, listing


def usd(name: str, nano_usd: int | None) -> dict[str, Any]:
    """An amount and its exact twin, as the API writes them."""
    if nano_usd is None:
        return {name: None, f"{name}_nano_usd": None}
    dollars = Decimal(nano_usd).scaleb(-9)
    is_whole = dollars == dollars.to_integral_value()
    return {name: int(dollars) if is_whole else float(dollars), f"{name}_nano_usd": nano_usd}


def budget(
    *, limit: int = 50_000_000_000, spent: int = 0, held: int = 0, **changes: Any
) -> dict[str, Any]:
    """A budget; amounts in nano-dollars."""
    shown: dict[str, Any] = {
        "id": "bgt_0001",
        "object": "budget",
        "scope": "key",
        "subject": "key_0002",
        "window": "monthly",
        "hard": True,
        "warn_percent": 80,
        **usd("limit", limit),
        **usd("spent", spent),
        **usd("held", held),
        **usd("remaining", limit - spent - held),
        "state": "ok",
        "window_starts_at": "2026-11-01T00:00:00Z",
        "resets_at": "2026-12-01T00:00:00Z",
        "created_at": "2026-11-01T12:00:00Z",
        "updated_at": "2026-11-20T12:00:00Z",
    }
    return shown | changes


MONTHLY = budget(spent=12_345_678_901, held=5_000_000_000)
DAILY = budget(
    id="bgt_0002",
    window="daily",
    limit=500_000_000,
    spent=450_000_000,
    state="warning",
    hard=False,
    window_starts_at="2026-11-23T00:00:00Z",
    resets_at="2026-11-24T00:00:00Z",
)
TAGGED = budget(
    id="bgt_0003",
    scope="tag",
    subject="team=search",
    window="total",
    limit=1_000_000_000,
    spent=1_000_002_000,
    state="exceeded",
    window_starts_at=None,
    resets_at=None,
)


def posting(number: int, kind: str, amount: int, **changes: Any) -> dict[str, Any]:
    """A transfer from or to the credits of a key; the amount in nano-dollars."""
    credit = "key:key_0002:credit"
    ends = ("system:grants", credit) if kind == "grant" else (credit, "system:usage")
    shown: dict[str, Any] = {
        "id": str(number),
        "object": "posting",
        "created_at": f"2026-11-23T0{number % 10}:00:00Z",
        "kind": kind,
        "from_account": ends[0],
        "to_account": ends[1],
        **usd("amount", amount),
        "request_id": None,
        "note": None,
    }
    return shown | changes


def account(id_: str, kind: str, posted: int, *, held: int = 0, overrun: int = 0) -> dict[str, Any]:
    """An account; amounts in nano-dollars."""
    return {
        "id": id_,
        "object": "account",
        "kind": kind,
        "key_id": id_.split(":")[1] if id_.startswith("key:") else None,
        **usd("posted", posted),
        **usd("held", held),
        **usd("overrun", overrun),
    }


POSTINGS = [
    posting(9, "charge", 30_000, request_id="req_0009"),
    posting(4, "charge", 1_470_000, request_id="req_0004"),
    posting(3, "grant", 5_000_000_000, request_id="req_0003", note="invoice 7"),
]
ACCOUNTS = [
    account("key:key_0001:spend", "spend", -2_000_000, overrun=1_000),
    account("key:key_0002:credit", "credit", 4_998_500_000, held=20_000_000),
    account("system:grants", "system", -5_000_000_000),
    account("system:usage", "system", 3_500_000),
]
HOLD = {
    "id": "req_0010",
    "object": "hold",
    "key_id": "key_0002",
    "account": "key:key_0002:credit",
    **usd("amount", 20_000_000),
    "created_at": "2026-11-23T11:59:57Z",
    "expires_at": "2026-11-23T13:04:57Z",
}
GRANT = {
    "id": "3",
    "object": "credit",
    "created_at": "2026-11-23T03:00:00Z",
    **usd("amount", 5_000_000_000),
    "note": "invoice 7",
    "request_id": "req_0003",
}
SOUND = {
    "object": "verification",
    "is_sound": True,
    "checked": {
        "accounts": 4,
        "postings": 12_000,
        "usage_rows": 11_997,
        "holds": 1,
        "budget_windows": 3,
        "audit_entries": 7,
    },
    "unchecked": 0,
    "faults": [],
    "took_ms": 412.5,
}
UNSOUND = SOUND | {
    "is_sound": False,
    "faults": [
        {
            "table": "usage",
            "id": "req_0004",
            "reason": "the row is not what was written: its checksum differs",
        },
        {"table": "accounts", "id": "key:key_0002:credit", "reason": "posted is 5, not 4.9985"},
    ],
}


def sums(requests: int, cost: int, **changes: Any) -> dict[str, Any]:
    """A row of usage; the cost in nano-dollars."""
    shown: dict[str, Any] = {
        "requests": requests,
        "errors": 0,
        "input_tokens": requests * 1_200,
        "output_tokens": requests * 80,
        "cached_input_tokens": 0,
        "reasoning_tokens": 0,
        "unpriced_requests": 0,
        "estimated_requests": 0,
        **usd("cost", cost),
    }
    return shown | changes


USAGE = {
    "object": "list",
    "data": [
        {"model": "gpt-5"} | sums(900, 1_000_000_000, errors=3),
        {"model": "llama-4"} | sums(290, 250_000_000, estimated_requests=2),
        {"model": "in-house"} | sums(10, 0, unpriced_requests=10),
    ],
    "totals": sums(1200, 1_250_000_000, errors=3, unpriced_requests=10, estimated_requests=2),
}


def price(model: str, **changes: Any) -> dict[str, Any]:
    """A price as the API shows it."""
    shown: dict[str, Any] = {
        "object": "price",
        "id": None,
        "model": model,
        "provider": "openai",
        "org_id": None,
        "is_priced": True,
        "source": "genai-prices",
        "pricing": {"input_per_mtok": 1.25, "output_per_mtok": 10},
        "tiers": [],
        "updated_at": None,
    }
    return shown | changes


TIERED = price(
    "gemini-pro",
    provider="gemini",
    pricing={"input_per_mtok": 1.25, "cached_input_per_mtok": 0.31, "output_per_mtok": 10},
    tiers=[
        {
            "above_input_tokens": 200_000,
            "pricing": {"input_per_mtok": 2.5, "output_per_mtok": 15},
        }
    ],
)
OVERRIDE = price(
    "flux",
    id="prc_0001",
    provider="lab",
    source="override",
    pricing={"per_image": 0.04},
    updated_at="2026-11-20T12:00:00Z",
)
UNPRICED = price("in-house", provider="lab", is_priced=False, source=None, pricing=None)
BILL = {
    "object": "bill",
    "model": "gpt-5",
    "provider": "openai",
    "is_priced": True,
    "source": "genai-prices",
    "lines": [
        {
            "unit": "input_tokens",
            "quantity": 1_000,
            "price_pico_usd": 1_250_000,
            "amount_pico_usd": 1_250_000_000,
        },
        {
            "unit": "audio_ms",
            "quantity": 1_500,
            "price_pico_usd": 100_000_000,
            "amount_pico_usd": 150_000_000,
        },
        {
            "unit": "images",
            "quantity": 2,
            "price_pico_usd": 40_000_000_000,
            "amount_pico_usd": 80_000_000_000,
        },
    ],
    "unpriced": ["searches"],
    **usd("cost", 81_400_000),
    "cost_pico_usd": 81_400_000_000,
}

ANSWERS: dict[tuple[str, str], Any] = {
    ("POST", "/-/keys/key_0002/credits"): {
        "key_id": "key_0002",
        **usd("added", 5_000_000_000),
        **usd("credit_balance", 15_500_000_000),
    },
    ("GET", "/-/keys/key_0002/credits"): listing(GRANT),
    ("GET", "/-/budgets"): listing(MONTHLY, DAILY, TAGGED),
    ("POST", "/-/budgets"): Canned(MONTHLY, 201),
    ("PUT", "/-/budgets/bgt_0001"): MONTHLY,
    ("POST", "/-/budgets/bgt_0001/reset"): budget(held=5_000_000_000),
    ("DELETE", "/-/budgets/bgt_0001"): MONTHLY,
    ("GET", "/-/usage"): USAGE,
    ("GET", "/-/ledger/accounts"): listing(*ACCOUNTS),
    ("GET", "/-/ledger/postings"): listing(*POSTINGS),
    ("GET", "/-/ledger/holds"): listing(HOLD),
    ("POST", "/-/ledger/verify"): SOUND,
    ("GET", "/-/prices"): {
        "object": "list",
        "data": [price("gpt-5"), TIERED, OVERRIDE, UNPRICED],
    },
    ("PUT", "/-/prices"): OVERRIDE,
    ("DELETE", "/-/prices/prc_0001"): OVERRIDE,
    ("POST", "/-/prices/test"): BILL,
}
"""What the stub answers; ``key_0002`` is a managed key."""

COMMANDS = {
    "credits-add": ("credits", "add", "key_0002", "5"),
    "credits-history": ("credits", "history", "key_0002"),
    "budgets-list": ("budgets", "list"),
    "budgets-get": ("budgets", "get", "bgt_0001"),
    "budgets-set": ("budgets", "set", "key:key_0002", "50/month"),
    "budgets-reset": ("budgets", "reset", "bgt_0001", "--yes"),
    "budgets-delete": ("budgets", "delete", "bgt_0001", "--yes"),
    "usage-report": ("usage", "report"),
    "ledger-verify": ("ledger", "verify"),
    "ledger-statement": ("ledger", "statement", "key_0002"),
    "ledger-accounts": ("ledger", "accounts"),
    "ledger-postings": ("ledger", "postings"),
    "ledger-holds": ("ledger", "holds"),
    "prices-list": ("prices", "list"),
    "prices-get": ("prices", "get", "flux"),
    "prices-set": ("prices", "set", "flux", "image=0.04"),
    "prices-delete": ("prices", "delete", "flux", "--yes"),
    "prices-test": ("prices", "test", "gpt-5", "input=1000"),
}
"""Golden name → command line."""
