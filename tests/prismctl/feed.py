"""A scripted feed: what a gateway tells in a minute in which everything happens."""

from typing import Any

from tests.prismctl.stub import event

START_S = 1_795_435_200.0
"""2026-11-23T12:00:00Z, the time of these tests."""


def call(seq: int | None = None, **changes: Any) -> dict[str, Any]:
    """A call as the feed tells it."""
    told: dict[str, Any] = {
        "type": "call",
        "id": seq,
        "ts_s": START_S - 120 + (seq or 0),
        "node": "gw-1",
        "request_id": f"req_{seq:04}" if seq is not None else "req_0000",
        "key_id": "key_0001",
        "key_name": "ci",
        "owner": None,
        "org_id": None,
        "op": "chat",
        "model": "smart",
        "provider": "groq",
        "upstream_model": "llama-4",
        "status": 200,
        "error_code": None,
        "is_stream": True,
        "is_complete": True,
        "input_tokens": 1200,
        "output_tokens": 80,
        "usage_source": "provider",
        "cost_nano_usd": 420_000,
        "latency_ms": 1532.7,
        "first_byte_ms": 201.25,
        "attempts": 1,
        "has_bodies": False,
        "left_out": 0,
    }
    told |= changes
    return {name: value for name, value in told.items() if name != "id" or value is not None}


def other(topic: str, seq: int, **fields: Any) -> dict[str, Any]:
    return {"type": topic, "id": seq, "ts_s": START_S - 120 + seq, "node": "gw-1", **fields}


CALLS = [
    call(1),
    call(2, model="fake/echo", provider="fake", upstream_model="echo", cost_nano_usd=0),
    call(3, key_name="search\x1b[31m\u202e", is_complete=False, output_tokens=3, left_out=412),
    call(
        4,
        status=429,
        error_code="rate_limit_exceeded",
        provider=None,
        upstream_model=None,
        input_tokens=0,
        output_tokens=0,
        cost_nano_usd=None,
        first_byte_ms=None,
        latency_ms=0.41,
    ),
    call(
        5,
        status=502,
        error_code="upstream_error",
        key_name=None,
        model="a-very-long-name/of-a-model-that-does-not-fit-anywhere",
        cost_nano_usd=1_234_567_890,
        latency_ms=30_000.0,
    ),
]
OTHERS = [
    other("provider", 6, provider="groq", state="failing", was="healthy", reason="5 errors of 5"),
    other("provider", 7, provider="ollama", action="models", count=12),
    other("key", 8, action="created", key_id="key_0002", name="ana\x07", status="active"),
    other("budget", 9, action="warning", budget_id="bgt_0001", scope="key", subject="key_0001",
          window="monthly", percent=80, limit_nano_usd=1, spent_nano_usd=1),
    other("guard", 10, action="refused", rule="model_not_allowed", param="model",
          key_id="key_0001", key_name="ci", model="gpt-5", status=403, request_id="req_0009"),
    other("config", 11, action="reloaded", hash="e9e39036f05994e6", changes=["server.port", "a"]),
    other("config", 12, action="refused", problems=["prism.yaml:3:1 no such field", "x"]),
    other("job", 13, kind="backup", action="failed", job_id="bak_0001", error="disk full"),
    other("log", 14, level="WARNING", logger="prismd.flow", message="slow \x1b]0;x\x07disk"),
    other("node", 15, action="started", version="0.1.0"),
    other("tick", 16, running=3, loop_lag_ms=0.4, series=[{"calls": 1200, "errors": 3}]),
    other("ledger", 17, action="mismatch", key_id="key_0001"),
    {"type": "gap", "missed": 7, "reason": "slow"},
    {"type": "gap", "missed": 1, "reason": "resumed"},
    other("weather", 18, sky="blue"),
]  # fmt: skip
EVERYTHING = [*CALLS, *OTHERS]


def sent(*events: dict[str, Any]) -> list[bytes]:
    """Return events as the gateway sends them."""
    return [
        event(told["type"], told.get("id"), **{
            name: value for name, value in told.items() if name not in ("type", "id")
        })
        for told in events
    ]  # fmt: skip


def request(told: dict[str, Any]) -> dict[str, Any]:
    """Return a call as the list of requests has it."""
    rest = {
        name: value
        for name, value in told.items()
        if name not in ("type", "id", "request_id", "input_tokens", "output_tokens", "node")
    }
    return {
        "id": told["request_id"],
        "object": "request",
        "created_at": "2026-11-23T11:58:00Z",
        **rest,
        "usage": {name: told[name] for name in ("input_tokens", "output_tokens")},
        "cost": None if told["cost_nano_usd"] is None else told["cost_nano_usd"] / 1e9,
    }
