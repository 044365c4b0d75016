"""Answers of the recording: usage reports, the audit log, the configuration before and after.

Each function gives ``path → body``; ``recording`` puts them in its feed. The same seed, the same.
"""

import math
import random
from datetime import UTC, datetime
from typing import Any

BEGAN_S = 1_795_694_400.0
HOSTILE = "evil\x1b]0;taken\x07\x1b[2J[bold red]\u202eneddih[/]"
NOW_S = int(BEGAN_S) + 300
LONG = "projects/acme-production/locations/europe-west4/publishers/meta/models/llama-4-maverick"
PATH = "/-/usage?group_by={bucket}%2C{group}&since={since}"
GROUPS: dict[str, dict[str | None, tuple[float, int, int, int]]] = {
    # calls an hour, tokens in, tokens out, nano-USD of a call
    "model": {
        "gpt-5.5": (820, 900, 320, 4_900_000), "claude-sonnet-5": (610, 2400, 540, 12_300_000),
        "gpt-5.5-mini": (1480, 600, 180, 297_000), "gemini-3-flash": (900, 1100, 210, 291_000),
        "llama-4-70b": (420, 700, 260, 217_000), "qwen3:32b": (130, 500, 400, 0),
        LONG: (60, 800, 300, 1_900_000), "通义千问-旗舰版": (35, 640, 280, 2_400_000),
        HOSTILE: (3, 100, 10, 90_000),
    },
    "key": {
        "key_02web": (1700, 1000, 260, 3_100_000), "key_01ci": (1250, 900, 250, 2_000_000),
        "key_03research": (640, 1800, 420, 6_600_000), "key_04batch": (590, 1100, 300, 1_500_000),
        "key_05evil": (40, 700, 200, 800_000),
    },
    "provider": {
        "openai": (2300, 700, 230, 1_940_000), "anthropic": (610, 2400, 540, 12_300_000),
        "google": (900, 1100, 210, 291_000), "groq": (420, 700, 260, 217_000),
        "ollama": (130, 500, 400, 0),
    },
    "owner": {
        "team-web": (1700, 1000, 260, 3_100_000), None: (1840, 950, 260, 1_900_000),
        "lab": (640, 1800, 420, 6_600_000),
    },
}  # fmt: skip
SPANS = {"1h": ("minute", 60, 3_600), "24h": ("hour", 3_600, 86_400),
         "7d": ("day", 86_400, 7 * 86_400), "30d": ("day", 86_400, 30 * 86_400)}  # fmt: skip


def usage() -> dict[str, dict[str, Any]]:
    """Every group over a day, models over every span, and one model by its keys."""
    found = {}
    for group, used in GROUPS.items():
        for since in ("24h",) if group != "model" else SPANS:
            bucket = SPANS[since][0]
            path = PATH.format(bucket=bucket, group=group, since=since)
            found[path] = report(group, since, used)
    keys = {key: (calls / 5, *rest) for key, (calls, *rest) in GROUPS["key"].items()}
    only = PATH.format(bucket="hour", group="key", since="24h")
    found[f"{only}&model=claude-sonnet-5"] = report("key", "24h", keys)  # type: ignore[arg-type]
    return found


def report(
    group: str, since: str, used: dict[str | None, tuple[float, int, int, int]]
) -> dict[str, Any]:
    """A report as the gateway makes it: what was not called in an hour has no row."""
    dice = random.Random(f"{group} {since}")
    bucket, size, span = SPANS[since]
    rows = []
    for at in range((NOW_S - span) // size, NOW_S // size + 1):
        moment = datetime.fromtimestamp(at * size, UTC)
        share = (NOW_S - at * size) / size if at == NOW_S // size else 1.0
        for name, (per_h, input_, output, cost) in used.items():
            if bucket == "hour" and moment.hour == 3:
                continue  # the night when the gateway was moved
            calls = int(per_h * size / 3_600 * min(1, share) * _swing(moment, bucket)
                        * dice.lognormvariate(0, 0.25))  # fmt: skip
            if calls:
                stamp = f"{moment:%Y-%m-%d}" if bucket == "day" else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
                rows.append({bucket: stamp, group: name,
                             **_sums(calls, input_, output, cost, dice)})  # fmt: skip
    totals = {field: sum(row[field] for row in rows) for field in _sums(1, 1, 1, 1, dice)}
    totals["cost"] = totals["cost_nano_usd"] / 1e9
    return {"object": "list", "data": rows, "totals": totals}


def _swing(moment: datetime, bucket: str) -> float:
    day = 0.45 if moment.weekday() >= 5 else 1.0
    if bucket == "day":
        return day
    hour = moment.hour + moment.minute / 60
    return day * (0.25 + math.exp(-((hour - 10.5) ** 2) / 10) + math.exp(-((hour - 15) ** 2) / 8))


def _sums(calls: int, input_: int, output: int, cost: int, dice: random.Random) -> dict[str, Any]:
    return {
        "requests": calls, "errors": int(calls * dice.uniform(0, 0.012)),
        "input_tokens": calls * input_, "output_tokens": calls * output,
        "cached_input_tokens": calls * input_ // 3, "reasoning_tokens": 0,
        "unpriced_requests": 0 if cost else calls, "estimated_requests": 0,
        "cost": calls * cost / 1e9, "cost_nano_usd": calls * cost,
    }  # fmt: skip


def audit() -> dict[str, dict[str, Any]]:
    """Changes of keys, budgets and the configuration; somebody has tried names."""
    entries: list[tuple[int, str, str | None, str, str, dict[str, Any]]] = [
        (40, "file", None, "config.reloaded", "9c1185a5c5e9",
         {"hash": ["b71d02fe9a40", "9c1185a5c5e9"], "limits.rpm": [60, 120]}),
        (95, "admin", "10.0.3.17", "key.created", "key_06new", {"name": [None, "mobile"],
         "models": [None, ["gpt-5.5-mini", "gemini-3-flash"]], "rpm": [None, 600]}),
        (-600, "admin", "2001:db8:85a3::8a2e:370:7334", "key.updated", "key_05evil",
         {"name": ["probe", HOSTILE], "tpm": [40_000, 250_000]}),
        (-2_400, "admin", "10.0.3.17", "budget.created", "bud_1",
         {"limit": [None, "50 USD"], "window": [None, "month"]}),
        (-5_000, "admin", "10.0.3.17", "credits.added", "key_04batch",
         {"credits": ["12.50", "62.50"], "note": [None, "追加预算:夜间批处理任务"]}),
        (-40_000, "admin", "10.0.3.44", "key.blocked", "key_03research",
         {"status": ["active", "blocked"]}),
        (-39_000, "admin", "10.0.3.44", "key.unblocked", "key_03research",
         {"status": ["blocked", "active"]}),
        (-90_000, "signal", None, "config.reloaded", "b71d02fe9a40",
         {"hash": ["77aa01bc3de2", "b71d02fe9a40"]}),
        (-180_000, "admin", "10.0.3.17", "price.set", LONG,
         {"input_per_mtok": [None, "0.27"], "output_per_mtok": [None, "0.85"]}),
        (-400_000, "admin", "192.0.2.200", "key.revoked", "key_00old", {}),
    ]  # fmt: skip
    entries.sort(key=lambda entry: -entry[0])
    data = [
        {
            "id": str(213 - at), "object": "audit_entry",
            "created_at": f"{datetime.fromtimestamp(BEGAN_S + second, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "actor": actor, "ip": ip, "request_id": f"req_admin_{213 - at}" if ip else None,
            "action": action, "object_id": object_id, "changes": changes,
            "hash": f"{random.Random(at).getrandbits(256):064x}",
        }
        for at, (second, actor, ip, action, object_id, changes) in enumerate(entries)
    ]  # fmt: skip
    listed = {"object": "list", "data": data, "has_more": False, "first_id": data[0]["id"],
              "last_id": data[-1]["id"]}  # fmt: skip
    nothing = {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
    verdict = {"object": "audit_verdict", "is_sound": True, "entries": 213,
               "head": data[0]["hash"], "first_broken": None, "reason": None,
               "has_noted_head": None}  # fmt: skip
    return {
        "/-/audit?limit=100": listed,
        "/-/audit?limit=100&action=org.deleted": nothing,
        "/-/audit/verify": verdict,
    }


def config(*, rpm: int = 60) -> dict[str, Any]:
    """A configuration in force; a later one has another limit and one more provider."""
    is_later = rpm != 60
    providers: dict[str, Any] = {
        "openai": {"type": "openai", "api_key": "env:OPENAI_API_KEY", "timeout": "60s"},
        "anthropic": {"type": "anthropic", "api_key": "file:/run/credentials/prismd/anthropic"},
        "groq": {"type": "openai", "base_url": "https://api.groq.com/openai/v1",
                 "api_key": "env:GROQ_API_KEY", "retries": 2},
        "ollama": {"type": "ollama", "base_url": "http://127.0.0.1:11434", "api_key": None},
    }  # fmt: skip
    if is_later:
        providers["together"] = {"type": "openai", "api_key": "env:TOGETHER_API_KEY",
                                 "base_url": "https://api.together.xyz/v1"}  # fmt: skip
    hash_ = "9c1185a5c5e9" if is_later else "b71d02fe9a40"
    return {
        "object": "config", "hash": hash_ + "0" * 52, "source": "/etc/prism/prism.yaml",
        "loaded_at": "2026-11-26T12:00:40Z" if is_later else "2026-11-25T12:00:00Z",
        "last_error": {"at": "2026-11-26T12:03:11Z", "problems": [
            "prism.yaml:41:7 limits.rpm: Input should be a valid integer",
            f"prism.yaml:52:3 providers.{HOSTILE}: there is no such type",
        ]} if is_later else None,
        "needs_restart": ["server.port", "storage.url"] if is_later else [],
        "config": {
            "server": {"host": "0.0.0.0", "port": 8080, "admin_token": "env:PRISM_ADMIN_TOKEN"},
            "storage": {"url": "sqlite:///var/lib/prism", "keep_traces": "30d"},
            "providers": providers,
            "routes": [
                {"model": "llama-4-70b", "targets": ["groq/llama-4-70b",
                                                     "together/meta-llama/Llama-4-70B"]},
                {"model": "通义千问-旗舰版", "targets": [f"ollama/{LONG}"]},
            ],
            "limits": {"rpm": rpm, "tpm": 200_000, "concurrency": 64},
            "logging": {"level": "info", "request_logging": {
                "include_bodies": False, "bodies_of_orgs": None, "bodies_kept": "7d"}},
            "motd": HOSTILE,
        },
    }  # fmt: skip


CHECK = {
    "object": "config_check", "is_valid": True, "problems": [], "hash": "d00f" * 16,
    "changes": [
        {"path": "limits.rpm", "from": 120, "to": 240},
        {"path": "providers.mistral", "from": None,
         "to": {"type": "mistral", "api_key": "env:MISTRAL_API_KEY"}},
        {"path": "motd", "from": HOSTILE, "to": None},
    ],
    "needs_restart": ["server.port"],
}  # fmt: skip
LOG: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (12, "log", {"level": "WARNING", "logger": "prismd.metering",
                 "message": f"no price for {LONG}: its calls are in no cost"}),
    (120, "log", {"level": "ERROR", "logger": "prismd.store.writer",
                  "message": "the disk is slow: a commit took 2.41 s, 118 writes wait; calls go on,"
                             " but their last byte waits for the commit"}),
    (191, "config", {"action": "refused", "problems": [
        "prism.yaml:41:7 limits.rpm: Input should be a valid integer"]}),
    (221, "log", {"level": "WARNING", "logger": "prismd.wire",
                  "message": f"header of groq left out: x-note: {HOSTILE}"}),
    (255, "log", {"level": "CRITICAL", "logger": "prismd.store.disk",
                  "message": "磁盘空间不足:/var/lib/prism 只剩 212 MB;"
                             "新的请求体将不再保存,直到有 1 GB 可用"}),
)  # fmt: skip
"""What else happens: second, topic, body."""


def answers() -> dict[str, dict[str, Any]]:
    """Everything that is asked for at the end."""
    return {**usage(), **audit(), "/-/config": config(rpm=120), "/-/config/check": CHECK}
