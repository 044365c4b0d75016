"""What admin paths of the recorded gateway answer: keys, budgets, prices, usage, credits.

Among them names that would take over a terminal, that are very long, or two cells wide.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.tui.recording import BEGAN_S, HOSTILE, SECONDS

NOW = datetime.fromtimestamp(BEGAN_S + SECONDS, UTC)
NANO = 10**9
LONG = "acceptance-tests-of-the-checkout-service-in-the-european-region-and-its-canary-deployment"
WIDE = "データ分析チーム"


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def money(name: str, nano: int | None) -> dict[str, Any]:
    dollars: float | None = None if nano is None else round(nano / NANO, 9)
    if dollars is not None and dollars == int(dollars):
        dollars = int(dollars)
    return {name: dollars, f"{name}_nano_usd": nano}


def budget(
    number: int, whose: str, window: str, limit: float, spent: float, **more: Any
) -> dict[str, Any]:
    scope, _, subject = whose.partition(":")
    day = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = day - timedelta(days=day.weekday())
    starts, ends = {
        "daily": (day, day + timedelta(days=1)),
        "weekly": (monday, monday + timedelta(days=7)),
        "monthly": (day.replace(day=1), datetime(2026, 12, 1, tzinfo=UTC)),
        "total": (None, None),
    }[window]
    warn = more.get("warn_percent", 80)
    state = "exceeded" if spent >= limit else "warning" if spent * 100 >= limit * warn else "ok"
    held = more.pop("held", 0.0)
    nanos = [round(amount * NANO) for amount in (limit, spent, held)]
    return {
        "id": f"bgt_{number:02}", "object": "budget", "scope": scope, "subject": subject,
        "window": window, "hard": True, "warn_percent": warn, **money("limit", nanos[0]),
        **money("spent", nanos[1]), **money("held", nanos[2]),
        **money("remaining", nanos[0] - nanos[1] - nanos[2]), "state": state,
        "window_starts_at": starts and starts.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resets_at": ends and ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "created_at": ago(days=40), "updated_at": ago(days=9), **more,
    }  # fmt: skip


BUDGETS = [
    budget(1, "key:key_04batch", "monthly", 50, 50.02),
    budget(2, "key:key_02web", "monthly", 400, 334.118, held=3.2),
    budget(3, "key:key_02web", "daily", 25, 9.4, hard=False),
    budget(4, "owner:lab", "weekly", 120, 61.7),
    budget(5, "org:acme", "monthly", 2500, 1210.55),
    budget(6, "model:claude-*", "daily", 90, 71.2, held=1.1),
    budget(7, "tag:team=search", "weekly", 75, 12.03, hard=False, warn_percent=90),
    budget(8, "key:key_01ci", "total", 20, 4.25),
    budget(9, f"owner:{HOSTILE}", "daily", 5, 0.0),
    budget(10, f"owner:{LONG}", "monthly", 10, 0.0004),
    budget(11, f"owner:{WIDE}", "weekly", 40, 33.9),
]


def key(id_: str, name: str, **more: Any) -> dict[str, Any]:
    prepaid = more.pop("credits", None)
    nano = None if prepaid is None else round(prepaid * NANO)
    held = more.pop("held", 0.0)
    return {
        "id": id_, "object": "key", "prefix": f"sk-prism-{id_[4:8]}…9xYz", "name": name,
        "status": "active", "is_expired": False,
        "key_type": "byok" if prepaid is None else "managed", "owner": None, "org_id": "acme",
        "models": None, "providers": None, "metadata": {}, **money("credit_balance", nano),
        **money("credit_held", None if nano is None else round(held * NANO)),
        "rate_limit_rpm": None, "rate_limit_tpm": None, "max_concurrency": None,
        "allowed_ips": None, "allowed_tools": None, "denied_tools": None, "expires_at": None,
        "budgets": [one for one in BUDGETS if (one["scope"], one["subject"]) == ("key", id_)],
        "created_at": ago(days=60), "updated_at": ago(days=9), "last_used_at": ago(seconds=2),
        "version": 3, **more,
    }  # fmt: skip


KEYS = [
    key("key_01ci", "ci", owner="platform", models=["gpt-5.5-mini"], rate_limit_rpm=120,
        last_used_at=ago(seconds=7)),
    key("key_02web", "web-app", owner="team-web", credits=182.4075, held=3.2, rate_limit_rpm=600,
        rate_limit_tpm=400_000, max_concurrency=64, models=["gpt-*", "claude-*", "llama-4-70b"],
        allowed_ips=["10.0.0.0/8"], denied_tools=["shell"],
        metadata={"team": "search", "env": "prod"}),
    key("key_03research", "research", owner="lab", credits=12.5, rate_limit_tpm=2_000_000),
    key("key_04batch", "nightly-batch", owner="platform", last_used_at=ago(minutes=1)),
    key("key_05evil", HOSTILE, owner=HOSTILE, models=[HOSTILE], status="blocked"),
    key("key_06new", "mobile", owner="team-app", credits=0.0, last_used_at=None),
    key("key_07jp", WIDE, owner=WIDE, org_id="tokyo", credits=75.0, last_used_at=ago(hours=5)),
    key("key_08long", LONG, owner=LONG, models=[f"model-{n}" for n in range(40)],
        last_used_at=ago(days=3)),
    key("key_09none", "locked-down", owner="security", models=[], providers=[], rate_limit_rpm=0),
    key("key_10trial", "trial-of-ana", owner="ana", is_expired=True, expires_at=ago(days=2),
        credits=3.11, last_used_at=ago(days=2)),
    key("key_11old", "legacy", status="revoked", owner="platform", last_used_at=ago(days=90)),
]  # fmt: skip

PROVIDERS = [
    {"id": name, "type": type_, "title": title, "base_url": url, "dialect": dialect,
     "ops": ["chat", "embeddings"], "models": models, "is_local": name == "ollama"}
    for name, type_, title, url, dialect, models in (
        ("anthropic", "anthropic", "Anthropic", "https://api.anthropic.com/v1", "anthropic", 14),
        ("azure", "azure", "Azure OpenAI",
         "https://contoso-production-eastus2.openai.azure.com/openai/v1", "openai", None),
        ("google", "gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta",
         "gemini", 38),
        ("groq", "groq", f"Groq {HOSTILE}", "https://api.groq.com/openai/v1", "openai", 22),
        ("ollama", "ollama", "Ollama", "http://127.0.0.1:11434/v1", "openai", 3),
        ("openai", "openai", "OpenAI", "https://api.openai.com/v1", "openai", 61),
    )
]  # fmt: skip
PRICES: dict[str, list[tuple[str, float | None, float | None]]] = {
    "groq": [("llama-4-70b", 0.59, 0.743), ("llama-4-8b", 0.05, 0.08), (HOSTILE, None, None)],
    "openai": [("gpt-5.5", 2.25, 9.0), ("gpt-5.5-mini", 0.225, 0.9)],
}


def prices(provider: str) -> dict[str, Any]:
    rows: list[Any] = [
        {"object": "price", "id": None, "model": model, "provider": provider, "org_id": None,
         "is_priced": read is not None, "source": None if read is None else "genai-prices",
         "pricing": None if read is None else {"input_per_mtok": read, "output_per_mtok": written},
         "tiers": [], "updated_at": None}
        for model, read, written in PRICES[provider]
    ]  # fmt: skip
    return {"object": "list", "data": rows}


def usage(unit: str, groups: dict[str, float], steps: int, seed: int) -> dict[str, Any]:
    """Return a report by hour or day, and by another thing of which each has so much a step."""
    chance, rows = random.Random(seed), []
    name = next(iter(groups))
    by, name = ("key", name) if name.startswith("key_") else ("model", name)
    for step in range(steps):
        at = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(
            **{f"{unit}s": steps - 1 - step}
        )
        for thing, mean in groups.items():
            calls = max(1, int(40 * chance.lognormvariate(0, 0.4)))
            cost = int(mean * NANO * chance.lognormvariate(0, 0.5) * (0.4 + step % 9 / 8))
            text = at.strftime("%Y-%m-%dT%H:%M:%SZ") if unit == "hour" else f"{at:%Y-%m-%d}"
            rows.append(
                {unit: text, by: thing, "requests": calls, "errors": int(calls * 0.02),
                 "input_tokens": calls * 900, "output_tokens": calls * 300,
                 "cached_input_tokens": 0, "reasoning_tokens": 0, "unpriced_requests": 0,
                 "estimated_requests": 0, **money("cost", cost)}
            )  # fmt: skip
    return {"object": "list", "data": rows, "totals": {}}


def listing(rows: list[dict[str, Any]]) -> dict[str, Any]:
    ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {}
    return {"object": "list", "data": rows, "has_more": False, **ends}


def credit(number: int, when: str, amount: float, note: str | None) -> dict[str, Any]:
    return {"id": str(number), "object": "credit", "created_at": when,
            **money("amount", round(amount * NANO)), "note": note,
            "request_id": f"req_{number}"}  # fmt: skip


CREDITS = [
    credit(41, ago(days=2), 150.0, "invoice 2026-1131"),
    credit(33, ago(days=31), 100.0, HOSTILE),
    credit(7, ago(days=60), 25.5, None),
]


def answers() -> dict[str, dict[str, Any]]:
    """Return what each path answers."""
    models = {"gpt-5.5": 0.35, "claude-sonnet-5": 0.22, "llama-4-70b": 0.02}
    month = NOW.replace(day=1).strftime("%Y-%m-01T00:00:00Z")
    return {
        "/-/keys?limit=500": listing(KEYS),
        "/-/budgets?limit=500": listing(BUDGETS),
        "/-/prices?provider=groq": prices("groq"),
        "/-/prices?provider=openai": prices("openai"),
        "/-/keys/key_02web/credits?limit=5": listing(CREDITS),
        "/-/usage?group_by=hour%2Cmodel&key=key_02web&since=24h": usage("hour", models, 24, 1),
        f"/-/usage?group_by=day%2Cmodel&key=key_04batch&since={month.replace(':', '%3A')}":
            usage("day", {"gpt-5.5": 1.4, "gpt-5.5-mini": 0.3}, 26, 2),
        f"/-/usage?group_by=day%2Cmodel&key=key_02web&since={month.replace(':', '%3A')}":
            usage("day", {"gpt-5.5": 7.0, "claude-sonnet-5": 4.0, "llama-4-70b": 0.8}, 26, 3),
    }  # fmt: skip
