"""The recorded feed of the pictures and tests: ``python -m tests.tui.recording`` writes it anew.

Five minutes of an invented gateway: six models, one provider that begins to fail, a key whose
budget runs out, a restart of nothing, and names from people who want to take over a terminal. The
same seed writes the same file.
"""

import json
import random
from bisect import bisect_left
from pathlib import Path
from typing import Any, NamedTuple

from tests.tui import recorded_history

FILE = Path(__file__).parent.parent / "golden" / "tui" / "feed.jsonl"
BEGAN_S = 1_795_694_400.0
"""2026-11-26T12:00:00Z."""
SECONDS = 300
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]
HOSTILE = "evil\x1b]0;taken\x07\x1b[2J[bold red]\u202eneddih[/]"
NODE = "prism-1"

COUNTERS = ("calls", "errors", "input_tokens", "output_tokens", "cached_input_tokens",
            "cost_nano_usd", "unpriced")  # fmt: skip


class Load(NamedTuple):
    """How one model is used."""

    per_s: float
    first_s: float
    total_s: float
    input: int
    output: int
    price: int
    """Nano-USD of four prompt tokens, or of one generated one; 0 for none."""


class Made(NamedTuple):
    """A call that was made."""

    model: str
    provider: str
    at_s: int
    status: int
    code: str | None
    first_s: float
    total_s: float
    input: int
    output: int
    cost: int | None


MODELS = {
    ("gpt-5.5", "openai"): Load(9.0, 0.32, 2.4, 900, 320, 9_000),
    ("gpt-5.5-mini", "openai"): Load(14.0, 0.18, 0.9, 600, 180, 900),
    ("claude-sonnet-5", "anthropic"): Load(6.5, 0.45, 3.8, 2400, 540, 11_000),
    ("gemini-3-flash", "google"): Load(8.0, 0.21, 1.1, 1100, 210, 600),
    ("llama-4-70b", "groq"): Load(4.0, 0.09, 0.6, 700, 260, 500),
    ("qwen3:32b", "ollama"): Load(1.2, 0.6, 6.0, 500, 400, 0),
}
KEYS = {
    "key_01ci": "ci",
    "key_02web": "web-app",
    "key_03research": "research",
    "key_04batch": "nightly-batch",
    "key_05evil": HOSTILE,
}
TRACED = "req_06h1dq8m2v3c5k7n9p1r3t5w7y9a"
FAILED = "req_06h1dq9x4z6b8d1f3h5j7m9p2r4t"


class Gateway:
    """What the invented gateway has counted so far."""

    def __init__(self) -> None:
        self.random = random.Random(20261126)
        self.series: dict[tuple[str, str], dict[str, Any]] = {}
        self.seq = 0
        self.states = {provider: "healthy" for _, provider in MODELS}
        self.states["azure"] = "idle"
        self.counts = {provider: [0, 0] for provider in self.states}

    def event(self, topic: str, at_s: float, **body: Any) -> dict[str, Any]:
        self.seq += 1
        stamp = round(BEGAN_S + at_s, 3)
        return {"type": topic, "id": self.seq, "ts_s": stamp, "node": NODE, **body}

    def pass_second(self, at_s: int) -> list[dict[str, Any]]:
        """Let a second pass; return the calls of it that a viewer is shown."""
        shown: list[dict[str, Any]] = []
        # A wave of two minutes, and a burst near the end.
        swing = 1 + 0.35 * ((at_s % 120) / 60 - 1) ** 2 + (0.8 if 205 <= at_s < 240 else 0)
        for (model, provider), load in MODELS.items():
            for _ in range(self._poisson(load.per_s * swing)):
                call = self._made(model, provider, load, at_s)
                self._count(call)
                if self.random.random() < 0.02:
                    shown.append(self._told(call))
        return sorted(shown, key=lambda event: float(event["ts_s"]))

    def _made(self, model: str, provider: str, load: "Load", at_s: int) -> "Made":
        roll, wobble = self.random.random(), self.random.lognormvariate
        status, code = 200, None
        if provider == "groq" and at_s >= 190 and roll < 0.62:
            status, code = 502, "provider_503"
        elif roll < 0.004:
            status, code = 504, "gateway_timeout"
        elif roll < 0.012:
            status, code = 429, "rate_limit_exceeded"
        first = load.first_s * wobble(0, 0.45)
        total = max(first * 1.1, load.total_s * wobble(0, 0.5))
        input_, output = (max(1, int(mean * wobble(0, 0.6))) for mean in (load.input, load.output))
        if status != 200:
            output, total = 0, first
        cost = (input_ + 4 * output) * load.price // 4 if load.price else None
        return Made(model, provider, at_s, status, code, first, total, input_, output, cost)

    def _poisson(self, mean: float) -> int:
        limit, product, count = 2.718281828**-mean, self.random.random(), 0
        while product > limit:
            product *= self.random.random()
            count += 1
        return count

    def _count(self, call: "Made") -> None:
        one = self.series.setdefault(
            (call.model, call.provider),
            {
                "model": call.model,
                "provider": call.provider,
                **dict.fromkeys(COUNTERS, 0),
                "latency_sum_s": 0.0,
                "latency_buckets": [0] * (len(BOUNDS) + 1),
                "first_byte_sum_s": 0.0,
                "first_byte_buckets": [0] * (len(BOUNDS) + 1),
            },
        )
        one["calls"] += 1
        one["errors"] += call.status >= 400
        one["input_tokens"] += call.input
        one["output_tokens"] += call.output
        if call.provider in ("openai", "anthropic"):
            one["cached_input_tokens"] += call.input * 2 // 5
        one["cost_nano_usd"] += call.cost or 0
        one["unpriced"] += call.cost is None
        for name, seconds in (("latency", call.total_s), ("first_byte", call.first_s)):
            one[f"{name}_sum_s"] = round(one[f"{name}_sum_s"] + seconds, 3)
            one[f"{name}_buckets"][bisect_left(BOUNDS, seconds)] += 1
        self.counts[call.provider][0] += 1
        self.counts[call.provider][1] += call.status >= 500

    def _told(self, call: "Made") -> dict[str, Any]:
        key = self.random.choices(list(KEYS), (30, 40, 15, 14, 1))[0]
        is_ok = call.status == 200
        return self.event(
            "call",
            call.at_s + self.random.random(),
            request_id=f"req_06h1d{self.random.getrandbits(100):025x}",
            key_id=key,
            key_name=KEYS[key],
            owner={"key_02web": "team-web", "key_03research": "lab"}.get(key),
            org_id="acme",
            op="chat",
            model=call.model,
            provider=call.provider,
            upstream_model=call.model,
            status=call.status,
            error_code=call.code,
            is_stream=self.random.random() < 0.6,
            is_complete=is_ok,
            input_tokens=call.input,
            output_tokens=call.output,
            usage_source="reported",
            cost_nano_usd=call.cost if is_ok else 0,
            latency_ms=round(call.total_s * 1000, 1),
            first_byte_ms=round(call.first_s * 1000, 1) if is_ok else None,
            attempts=1 if is_ok else 2,
            has_bodies=False,
            left_out=0,
        )

    def tick(self, at_s: int) -> dict[str, Any]:
        series = [
            {key: list(value) if isinstance(value, list) else value for key, value in one.items()}
            for one in self.series.values()
        ]
        providers = [
            {"id": name, "state": state, "request_count": self.counts[name][0],
             "error_count": self.counts[name][1], "latency_ewma_ms": self._ewma(name)}
            for name, state in self.states.items()
        ]  # fmt: skip
        return self.event(
            "tick",
            at_s,
            uptime_s=86_400.0 + at_s,
            running=self._poisson(70 + (40 if 205 <= at_s < 240 else 0)),
            viewers=1,
            loop_lag_ms=0.8,
            waiting_writes=0,
            rss_bytes=148_000_000,
            refused={"rate_limit_exceeded": 12 + at_s // 9, "budget_exceeded": max(0, at_s - 240)},
            streams=41,
            latency_bounds_s=BOUNDS,
            series=series,
            providers=providers,
        )

    def _ewma(self, name: str) -> float | None:
        totals = [load.total_s for (_, provider), load in MODELS.items() if provider == name]
        return round(totals[0] * 1000 * self.random.uniform(0.9, 1.1), 1) if totals else None

    def health(self, at_s: float) -> dict[str, Any]:
        rows = []
        for name, state in self.states.items():
            calls, errors = self.counts[name]
            rows.append(
                {
                    "id": name, "type": name, "healthy": state != "failing", "state": state,
                    "circuit_state": "open" if state == "failing" else "closed",
                    "request_count": calls, "error_count": errors,
                    "success_rate": round(1 - errors / calls, 4) if calls else None,
                    "latency_ewma_ms": self._ewma(name),
                    "last_error": f"503 {HOSTILE}" if state == "failing" else None,
                    "last_error_time": "2026-11-26T12:03:40Z" if state == "failing" else None,
                    "last_success_time": "2026-11-26T12:04:58Z" if calls else None,
                }
            )  # fmt: skip
        return self.snapshot("/-/health/providers", at_s, {"object": "list", "window_s": 300,
                                                          "providers": rows})  # fmt: skip

    @staticmethod
    def snapshot(path: str, at_s: float, body: dict[str, Any]) -> dict[str, Any]:
        return {"type": "snapshot", "ts_s": BEGAN_S + at_s, "path": path, "body": body}


def traced() -> dict[str, Any]:
    """The trace of a call that went well at the second try."""
    return {
        "id": TRACED, "object": "request", "created_at": "2026-11-26T12:04:57Z",
        "ts_s": BEGAN_S + 297.2, "key_id": "key_02web", "key_name": "web-app", "owner": "team-web",
        "org_id": "acme", "op": "chat", "model": "llama-4-70b", "provider": "together",
        "upstream_model": "meta-llama/Llama-4-70B", "status": 200, "error_code": None,
        "is_stream": True, "is_complete": True,
        "usage": {"input_tokens": 1284, "output_tokens": 412, "cached_input_tokens": 768,
                  "reasoning_tokens": 0, "requests": 1, "is_estimated": False},
        "usage_source": "reported", "cost": 0.000837, "cost_nano_usd": 837_120,
        "price_source": "public list", "price_lines": [
            {"unit": "input_tokens", "quantity": 516, "price_pico_usd": 590_000,
             "amount_pico_usd": 304_440_000},
            {"unit": "cached_input_tokens", "quantity": 768, "price_pico_usd": 295_000,
             "amount_pico_usd": 226_560_000},
            {"unit": "output_tokens", "quantity": 412, "price_pico_usd": 743_000,
             "amount_pico_usd": 306_116_000},
        ],
        "tags": {"feature": "search", "env": "prod"}, "latency_ms": 1184.6, "first_byte_ms": 412.3,
        "attempts": [
            {"provider": "groq", "model": "llama-4-70b", "status": 503, "outcome": "provider_503"},
            {"provider": "together", "model": "meta-llama/Llama-4-70B", "status": 200,
             "outcome": "ok"},
        ],
        "stages": [
            {"stage": "permit", "ms": 0.042, "detail": {"key_id": "key_02web", "ip": "10.0.3.17"}},
            {"stage": "plan", "ms": 0.123, "detail": {
                "targets": ["groq/llama-4-70b", "together/meta-llama/Llama-4-70B"]}},
            {"stage": "reserve", "ms": 0.094, "detail": {
                "hold_nano_usd": 2_150_000, "budgets": ["key:web-app/month"],
                "output_limit": 2048}},
            {"stage": "attempt", "ms": 402.7, "detail": {"provider": "together"}},
            {"stage": "settle", "ms": 781.6, "detail": {
                "cost_nano_usd": 837_120, "price_source": "public list"}},
        ],
        "has_bodies": False,
    }  # fmt: skip


def build() -> list[dict[str, Any]]:
    """The whole recording."""
    from tests.tui import recorded_answers

    gateway = Gateway()
    capabilities = {"object": "capabilities", "version": "0.1.0",
                    "started_at": "2026-11-25T12:00:00Z",
                    "providers": recorded_answers.PROVIDERS}  # fmt: skip
    events = [gateway.snapshot("/-/capabilities", 0, capabilities), gateway.health(0)]
    events.append(gateway.event("node", 0, action="ready", version="0.1.0"))
    for at_s in range(SECONDS):
        events += gateway.pass_second(at_s)
        for second, topic, body in (*STORY, *REFUSALS, *recorded_history.LOG):
            if second == at_s:
                if topic == "provider":
                    gateway.states[body["provider"]] = body["state"]
                events.append(gateway.event(topic, at_s, **body))
        if at_s % 3 == 0 or at_s == SECONDS - 1:
            events.append(gateway.tick(at_s + 1))
    told = {name: value for name, value in traced().items() if name in _TOLD}
    events.append(
        gateway.event("call", SECONDS, request_id=TRACED, input_tokens=1284, output_tokens=412,
                      attempts=2, left_out=0, **told)
    )  # fmt: skip
    events.append(gateway.health(SECONDS))
    events.append(gateway.snapshot(f"/-/requests/{TRACED}", SECONDS, traced()))
    events.append(gateway.snapshot("/-/config", 0, recorded_history.config()))
    events += [
        gateway.snapshot(path, SECONDS, body)
        for path, body in (
            *recorded_answers.answers().items(),
            *recorded_history.answers().items(),
        )
    ]
    return events


_TOLD = ("key_id", "key_name", "owner", "org_id", "op", "model", "provider", "upstream_model",
         "status", "error_code", "is_stream", "is_complete", "usage_source", "cost_nano_usd",
         "latency_ms", "first_byte_ms", "has_bodies")  # fmt: skip
_BUDGET = {"budget_id": "bud_1", "scope": "key", "subject": "nightly-batch", "window": "month",
           "limit_nano_usd": 50_000_000_000}  # fmt: skip
STORY: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (40, "config", {"action": "reloaded", "hash": "9c1185a5c5e9", "changes": ["limits.rpm"]}),
    (95, "key", {"action": "created", "key_id": "key_06new", "name": "mobile"}),
    (150, "budget", {"action": "warning", "percent": 80, "spent_nano_usd": 40_010_000_000,
                     **_BUDGET}),
    (194, "provider", {"provider": "groq", "state": "degraded", "was": "healthy",
                       "reason": "5 of the last 20 calls failed"}),
    (206, "provider", {"provider": "groq", "state": "failing", "was": "degraded",
                       "reason": f"14 of the last 20 calls failed: {HOSTILE}"}),
    (206, "log", {"level": "WARNING", "logger": "prismd.routing",
                  "message": "groq is left out for 30 s: most calls failed"}),
    (244, "budget", {"action": "exceeded", "percent": 100, "spent_nano_usd": 50_020_000_000,
                     **_BUDGET}),
    (262, "guard", {"action": "refused", "rule": "model_not_found", "param": "model",
                    "key_id": "key_05evil", "key_name": HOSTILE, "model": HOSTILE, "status": 404,
                    "request_id": "req_refused_evil"}),
    (280, "job", {"kind": "backup", "action": "finished", "id": "bak_01"}),
)  # fmt: skip
"""What else happens: second, topic, body."""
REFUSALS = tuple(
    (second, "guard", {"action": "refused", "rule": "budget_exceeded", "param": None,
                       "key_id": "key_04batch", "key_name": "nightly-batch", "model": "gpt-5.5",
                       "status": 429, "request_id": f"req_refused_{second}"})
    for second in range(245, SECONDS, 7)
)  # fmt: skip


def main() -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(event, separators=(",", ":")) for event in build()]
    FILE.write_text("\n".join(lines) + "\n")
    print(f"{FILE}: {len(lines)} events, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
