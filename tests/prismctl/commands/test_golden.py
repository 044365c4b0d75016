"""Every command that shows data, in every format, compared with ``tests/golden/prismctl``.

After a wanted change, write them anew with ``PRISM_GOLDEN=write`` and read the difference.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.prismctl import calls, money
from tests.prismctl.commands.golden import compare
from tests.prismctl.stub import TOKEN, Canned, StubGateway, key, listing
from tests.prismctl.support import PEOPLE, PIPE, Run

FORMATS = ["table", "wide", "json", "jsonl", "yaml", "csv", "name"]

LIMITED = key(
    id="key_0002",
    name="search\x1b[31m",
    status="blocked",
    owner="ana",
    models=["gpt-*", "fake/echo"],
    providers=[],
    metadata={"team": "search"},
    key_type="managed",
    credit_balance=10.5,
    credit_balance_nano_usd=10_500_000_000,
    credit_held=0.02,
    credit_held_nano_usd=20_000_000,
    rate_limit_rpm=1200,
    expires_at="2026-12-23T12:00:00Z",
    last_used_at="2026-11-23T11:57:00Z",
    budgets=[money.DAILY, money.MONTHLY],
    version=7,
)
MODEL = {
    "id": "fake/echo",
    "object": "model",
    "created": 0,
    "owned_by": "fake",
    "max_input_tokens": 128_000,
    "pricing": {"input_per_m_tokens": 1, "output_per_m_tokens": 2.5},
    "is_priced": True,
    "price_source": "fake",
}
UNPRICED = {"id": "in-house", "object": "model", "created": 0, "owned_by": "lab"} | {
    "is_priced": False
}
HEALTH = {
    "id": "openai",
    "type": "openai",
    "healthy": True,
    "state": "degraded",
    "circuit_state": "n/a",
    "request_count": 1234,
    "error_count": 15,
    "success_rate": 0.9878,
    "latency_ewma_ms": 812.4,
    "last_error": "upstream said 503",
    "last_error_time": "2026-11-23T11:59:00Z",
    "last_success_time": "2026-11-23T11:59:58Z",
}
PROVIDER = {
    "id": "fake",
    "type": "fake",
    "title": "Built-in fake",
    "base_url": None,
    "dialect": "openai",
    "ops": ["chat"],
    "models": 5,
    "is_local": True,
}
VENDORS = [
    {
        "type": "gemini",
        "title": "Google Gemini",
        "docs_url": "https://ai.google.dev/api/generate-content",
        "base_url": "https://generativelanguage.googleapis.com/v1beta",
        "dialect": "google",
        "api_formats": ["google", "openai"],
        "ops": ["chat", "count_tokens"],
        "lists_models": True,
    },
    {
        "type": "azure",
        "title": "Azure\x1b[31m OpenAI",
        "docs_url": "https://learn.microsoft.com/azure",
        "base_url": None,
        "dialect": "openai",
        "api_formats": ["openai"],
        "ops": ["chat"],
        "lists_models": False,
    },
]
DOCTOR = {
    "object": "doctor",
    "is_well": False,
    "checks": [
        {"id": "ready", "state": "ok", "message": "ready for calls", "fix": None},
        {
            "id": "backup",
            "state": "warning",
            "message": "there is no backup",
            "fix": "prismctl backup create",
        },
        {
            "id": "providers",
            "state": "failed",
            "message": "failing: groq",
            "fix": "prismctl providers health",
        },
    ],
}
CONFIG = {
    "object": "config",
    "hash": "e9e39036f05994e636d37eba76dfafb8",
    "source": "/etc/prism.yaml",
    "loaded_at": "2026-11-23T10:00:00Z",
    "last_error": {"at": "2026-11-23T11:00:00Z", "problems": ["prism.yaml:3:1 no such field"]},
    "needs_restart": ["server.port"],
    "config": {"server": {"port": 8080}, "providers": {"fake": {"type": "fake"}}},
}
CHANGES = {
    "object": "config_check",
    "is_valid": True,
    "problems": [],
    "changes": [
        {"path": "server.port", "from": 8080, "to": 9000},
        {"path": "providers.groq", "from": None, "to": {"type": "groq", "api_key": "env:GROQ"}},
        {"path": "models.old\x1b[31m", "from": {"targets": ["fake/echo"]}, "to": None},
        {"path": "limits.max_body_bytes", "from": 1000000, "to": 20000000},
    ],
    "needs_restart": ["server.port"],
}
AUDIT = [
    {
        "id": "2",
        "object": "audit_entry",
        "created_at": "2026-11-23T08:30:00Z",
        "actor": "admin",
        "ip": "10.0.0.7",
        "request_id": "req_0002",
        "action": "key.updated",
        "object_id": "key_0002",
        "changes": {"rate_limit_rpm": [None, 5], "owner": ["ann", "bob"]},
        "hash": "9f" * 32,
    },
    {
        "id": "1",
        "object": "audit_entry",
        "created_at": "2026-11-23T08:00:00Z",
        "actor": "file",
        "ip": None,
        "request_id": None,
        "action": "config.reloaded",
        "object_id": "config",
        "changes": {"hash": ["e9e39036", "0a1b2c3d"]},
        "hash": "7a" * 32,
    },
]
BACKUP = {
    "id": "bak_0001",
    "object": "backup",
    "created_at": "2026-11-23T08:00:00Z",
    "path": "/var/lib/prism/backups/bak_0001.db",
    "size_bytes": 90112,
    "sha256": "9f" * 32,
    "keys": 2,
    "usage_rows": 1200,
    "audit_rows": 7,
}
VERDICT = {
    "object": "audit_verdict",
    "is_sound": True,
    "entries": 2,
    "head": "9f" * 32,
    "first_broken": None,
    "reason": None,
    "has_noted_head": None,
}

COMMANDS = {
    "keys-list": ("keys", "list"),
    "keys-get": ("keys", "get", "key_0002"),
    "keys-update": ("keys", "update", "key_0002", "--rpm", "5"),
    "keys-create": ("keys", "create", "ci"),
    "keys-revoke": ("keys", "revoke", "key_0002", "--yes"),
    "models-list": ("models", "list"),
    "models-get": ("models", "get", "fake/echo"),
    "providers-list": ("providers", "list"),
    "providers-types": ("providers", "types"),
    "providers-health": ("providers", "health"),
    "config-show": ("config", "show"),
    "config-check-remote": ("config", "check", "prism.yaml", "--remote"),
    "config-diff": ("config", "diff"),
    "config-reload": ("config", "reload"),
    "keys-check": ("keys", "check", "key_0001", "--model", "smart", "--tokens", "5000"),
    "routes-explain": ("routes", "explain", "--model", "dear"),
    "requests-list": ("requests", "list"),
    "requests-get": ("requests", "get", "req_0001"),
    "requests-get-bodies": ("requests", "get", "req_0003", "--bodies"),
    "requests-explain": ("requests", "explain", "req_0001"),
    "requests-explain-refused": ("requests", "explain", "req_0002"),
    "requests-curl": ("requests", "curl", "req_0003"),
    "requests-curl-python": ("requests", "curl", "req_0003", "--sdk", "python"),
    "requests-replay": ("requests", "replay", "req_0003", "--model", "fast", "--yes"),
    "audit-list": ("audit", "list"),
    "audit-verify": ("audit", "verify"),
    "backup-list": ("backup", "list"),
    "backup-create": ("backup", "create"),
    "status": ("status",),
    "doctor": ("doctor",),
    "contexts-list": ("contexts", "list"),
    "auth-status": ("auth", "status"),
    "version": ("version",),
    **money.COMMANDS,
}


@pytest.fixture
def gateway(stub: StubGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubGateway:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prism.yaml").write_text("server: {port: 9000}\n")
    answers: dict[tuple[str, str], Any] = {
        ("GET", "/-/keys"): listing(key(), LIMITED),
        ("GET", "/-/keys/key_0002"): Canned(LIMITED, headers={"etag": '"7"'}),
        ("PUT", "/-/keys/key_0002"): LIMITED | {"version": 8},
        ("DELETE", "/-/keys/key_0002"): LIMITED | {"status": "revoked"},
        ("POST", "/-/keys"): Canned(key(key="sk-prism-secret"), 201),
        ("GET", "/-/models"): listing(MODEL, UNPRICED),
        ("GET", "/v1/models"): listing(MODEL),
        ("GET", "/-/capabilities"): {
            "object": "capabilities",
            "version": "0.1.0",
            "started_at": "2026-11-23T09:00:00Z",
            "providers": [PROVIDER],
            "vendors": VENDORS,
        },
        ("GET", "/-/doctor"): Canned(DOCTOR, headers={"date": "Mon, 23 Nov 2026 12:00:01 GMT"}),
        ("GET", "/-/health/providers"): {"object": "list", "window_s": 300, "providers": [HEALTH]},
        ("GET", "/-/config"): CONFIG,
        ("POST", "/-/config/check"): CHANGES,
        ("POST", "/-/reload"): {"status": "reloaded", "hash": "e9e39036", "needs_restart": []},
        ("GET", "/-/requests"): listing(
            calls.call(1),
            calls.call(
                2,
                status=429,
                error_code="rate_limit_exceeded",
                provider=None,
                key_name="search\x1b[31m",
                **money.usd("cost", None),
            ),
        ),
        ("GET", "/-/requests/req_0001"): calls.TRACE,
        ("GET", "/-/requests/req_0002"): calls.LIMITED | {"id": "req_0002"},
        ("GET", "/-/requests/req_0003"): calls.TRACE | calls.BODIES | {"id": "req_0003"},
        ("POST", "/-/requests/req_0003/replay"): calls.REPLAYED,
        ("POST", "/-/explain"): calls.ALLOWED,
        ("GET", "/-/keys/key_0001"): key(),
        ("GET", "/-/audit"): {"object": "list", "data": AUDIT, "has_more": False},
        ("POST", "/-/audit/verify"): VERDICT,
        ("GET", "/-/backups"): {"object": "list", "data": [BACKUP], "has_more": False},
        ("POST", "/-/backups"): BACKUP,
        ("GET", "/readyz"): {"status": "ready"},
        **money.ANSWERS,
    }
    for (method, path), answer in answers.items():
        stub.on(method, path, answer)
    return stub


def without_places(text: str, gateway: StubGateway, tmp_path: Path) -> str:
    """Take out what is different in every run; the width of columns must not depend on it."""
    return text.replace(gateway.url, "http://gateway").replace(str(tmp_path), "/tmp")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", COMMANDS)
def test_in_a_pipe(cli: Run, gateway: StubGateway, tmp_path: Path, name: str, form: str) -> None:
    result = cli(*COMMANDS[name], "-o", form, terminal=PIPE)
    compare(f"{name}.{form}", without_places(result.out, gateway, tmp_path))


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"contexts-list", "auth-status"}))
def test_in_a_terminal(
    cli: Run,
    gateway: StubGateway,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "doctor":
        # It says where the token is: a path, which would be wrapped elsewhere in every run.
        monkeypatch.setenv("PRISMCTL_TOKEN", TOKEN)
    result = cli(*COMMANDS[name], terminal=PEOPLE)
    compare(f"{name}.tty", without_places(result.out + "---\n" + result.err, gateway, tmp_path))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alone", ()),
        ("help", ("--help",)),
        ("help-keys", ("help", "keys")),
        ("help-keys-create", ("help", "keys", "create")),
        ("help-up", ("up", "--help")),
        ("topic-environment", ("help", "environment")),
        ("topic-formatting", ("help", "formatting")),
        ("topic-exit-codes", ("help", "exit-codes")),
        ("topic-config", ("help", "config")),
        ("completion-bash", ("completion", "bash")),
        ("completion-zsh", ("completion", "zsh")),
        ("completion-fish", ("completion", "fish")),
    ],
)
def test_help(cli: Run, name: str, words: tuple[str, ...]) -> None:
    result = cli(*words)
    assert result.code == 0
    compare(name, result.out)
