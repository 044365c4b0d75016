"""Calls as the admin API shows them: records, explanations, a replay."""

from typing import Any

from tests.prismctl.money import usd


def used(input_tokens: int, output_tokens: int) -> dict[str, Any]:
    """Usage of a call."""
    return {"input_tokens": input_tokens, "output_tokens": output_tokens, "is_estimated": False}


def call(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A call as a list shows it."""
    shown: dict[str, Any] = {
        "id": f"req_{number:04}",
        "object": "request",
        "created_at": "2026-11-23T11:58:00Z",
        "ts_s": 1795694280.125,
        "key_id": "key_0001",
        "key_name": "ci",
        "owner": "ana",
        "org_id": None,
        "op": "chat",
        "model": "smart",
        "provider": "groq",
        "upstream_model": "llama-4",
        "status": 200,
        "error_code": None,
        "is_stream": True,
        "is_complete": True,
        "usage": used(1200, 80),
        "usage_source": "reported",
        **usd("cost", 420_000),
        "price_source": "genai-prices",
        "tags": {"team": "search"},
        "latency_ms": 1532.7,
        "first_byte_ms": 201.25,
        "has_bodies": False,
        "attempts": 2,
    }
    return shown | changes


PERMIT = {
    "stage": "permit",
    "ms": 0.12,
    "detail": {
        "key_id": "key_0001",
        "ip": "10.0.0.7",
        "x-ratelimit-limit-requests": "120",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "60",
    },
}
PLAN = {"stage": "plan", "ms": 0.03, "detail": {"targets": ["openai/gpt-5", "groq/llama-4"]}}
RESERVE = {
    "stage": "reserve",
    "ms": 0.05,
    "detail": {"hold_nano_usd": 9_991_000, "budgets": ["bgt_0001"], "output_limit": 4096},
}
TRACE = call(
    price_lines=[
        {
            "unit": "input_tokens",
            "quantity": 1200,
            "price_pico_usd": 250_000,
            "amount_pico_usd": 300_000_000,
        },
        {
            "unit": "output_tokens",
            "quantity": 80,
            "price_pico_usd": 1_500_000,
            "amount_pico_usd": 120_000_000,
        },
    ],
    attempts=[
        {
            "provider": "openai",
            "model": "gpt-5",
            "status": 503,
            "outcome": "service_unavailable",
        },
        {"provider": "groq", "model": "llama-4", "status": 200, "outcome": "ok"},
    ],
    stages=[
        PERMIT,
        PLAN,
        RESERVE,
        {"stage": "attempt", "ms": 201.1, "detail": {"provider": "groq"}},
        {"stage": "settle", "ms": 1331.0, "detail": {"cost_nano_usd": 420_000}},
    ],
)
BODIES = {
    "has_bodies": True,
    "request_body": {
        "model": "smart",
        "messages": [{"role": "user", "content": 'it\'s "$(id)" `id`\n\x1b[31m \u202e 日本'}],
        "temperature": 0.2,
        "x_vendor": True,
    },
    "response_body": {"choices": [{"message": {"content": "no"}, "finish_reason": "stop"}]},
}


def refused(
    status: int, code: str, *, param: str | None = None, message: str = "No.", **detail: Any
) -> dict[str, Any]:
    """A call that the gateway itself refused."""
    told = {"code": code, "param": param, "message": message, **detail}
    return TRACE | {
        "status": status,
        "error_code": code,
        "provider": None,
        "upstream_model": None,
        "is_stream": False,
        "is_complete": False,
        "usage": used(0, 0),
        **usd("cost", None),
        "price_source": None,
        "price_lines": [],
        "latency_ms": 0.057,
        "first_byte_ms": None,
        "attempts": [],
        "stages": [
            {"stage": "refused", "ms": 0.049, "detail": told},
            {"stage": "settle", "ms": 0.01, "detail": {}},
        ],
    }


LIMITED = refused(
    429,
    "rate_limit_exceeded",
    param="rate_limit_rpm",
    message="This key may make 120 calls per minute, and has made them. Try again in 12 s.",
    **{"x-ratelimit-limit-requests": "120", "x-ratelimit-remaining-requests": "0"},
)

ALLOWED: dict[str, Any] = {
    "object": "explanation",
    "is_allowed": True,
    "status": 200,
    "code": None,
    "message": None,
    "decided_by": None,
    "steps": [
        {"rule": "key_status", "state": "ok", "message": "active", "detail": {}},
        {"rule": "ip", "state": "skipped", "message": "no address was given", "detail": {}},
        {
            "rule": "requests_per_minute",
            "state": "ok",
            "message": "12 of 120 calls in the last minute",
            "detail": {"limit": 120, "used": 12},
        },
        {"rule": "budget", "state": "ok", "message": "$12.35 of $50.00 monthly", "detail": {}},
    ],
    "targets": [
        {
            "provider": "openai",
            "model": "gpt-5",
            "state": "failing",
            "is_first": True,
            "place": 1,
            "reason": "model_map sends the model here",
            "price": {"input_per_mtok": 1.25, "output_per_mtok": 10},
            "price_source": "genai-prices",
        },
        {
            "provider": "lab",
            "model": "llama-4",
            "state": "healthy",
            "is_first": False,
            "place": None,
            "reason": "the key may not use this provider",
            "price": None,
            "price_source": None,
        },
    ],
    "cost": {
        "input_tokens": 5000,
        "output_tokens": 500,
        "max_output_tokens": 8192,
        **usd("estimate", 8_000_000),
        **usd("at_most", 88_170_000),
    },
    "limits": {"x-ratelimit-limit-requests": "120"},
}
DENIED = ALLOWED | {
    "is_allowed": False,
    "status": 429,
    "code": "rate_limit_exceeded",
    "message": "This key may make 120 calls per minute, and has made them. Try again in 12 s.",
    "decided_by": "requests_per_minute",
    "steps": [
        ALLOWED["steps"][0],
        {
            "rule": "requests_per_minute",
            "state": "refused",
            "message": "120 of 120 calls in the last minute",
            "detail": {"limit": 120, "used": 120},
        },
    ],
}
REPLAYED: dict[str, Any] = {
    "object": "replay",
    "id": "req_0002",
    "original": TRACE | {"text": "The quick brown fox\njumps over\nthe lazy dog."},
    "replay": TRACE
    | {
        "id": "req_0002",
        "model": "fast",
        "latency_ms": 812.0,
        "first_byte_ms": 90.5,
        "usage": used(1200, 95),
        **usd("cost", 300_000),
        "text": "The quick red fox\njumps over\nthe lazy dog.\nTwice.",
    },
    "difference": {
        "latency_ms": -720.7,
        "first_byte_ms": -110.75,
        **usd("cost", -120_000),
        "input_tokens": 0,
        "output_tokens": 15,
        "is_same_text": False,
        "text_similarity": 0.82,
    },
}
