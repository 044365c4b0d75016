from pathlib import Path

import pytest

from prismd.config.load import load
from prismd.kernel.errors import ConfigError

SECTIONS = [
    "a2a",
    "alerting",
    "assistants",
    "audit",
    "budgets",
    "cache",
    "cluster",
    "control_plane",
    "edge",
    "guardrails",
    "license_auth",
    "mcp",
    "model_database",
    "otel",
    "privacy",
    "prometheus",
    "rate_limiting",
    "rbac",
    "redis",
    "secrets",
    "tool_policy",
]
FIELDS = {
    "server": "read_timeout write_timeout idle_timeout",
    "providers.x": "priority weight rotation local",
    "auth": "keys",
    "routing": "default_strategy targets retry circuit_breaker model_fallbacks conditional_routes "
    "mirror complexity fastest adaptive provider_lock access_groups scheduled",
    "routing.failover": "per_attempt_timeout",
    "cost_tracking": "alias_cost_factors",
    "ip_acl": "enabled allow deny",
    "logging.request_logging": "buffer_size enabled exclude_paths workers",
}
"""Documented elsewhere for this API, and not in force here: written out, not read from the code."""

NAMES = SECTIONS + [f"{group}.{name}" for group in FIELDS for name in FIELDS[group].split()]


@pytest.mark.parametrize("value", ["", "true", "{enabled: false}", "[{a: b}]"])
@pytest.mark.parametrize("name", NAMES)
def test_a_documented_name_is_refused_as_not_available(
    tmp_path: Path, name: str, value: str
) -> None:
    path = tmp_path / "prism.yaml"
    parts = name.split(".")
    lines = [f"{'  ' * depth}{part}:" for depth, part in enumerate(parts)]
    path.write_text("\n".join(lines) + f" {value}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, env={})
    (problem,) = caught.value.problems
    column = 2 * len(parts) - 1
    assert problem.startswith(
        f"{path}:{len(parts)}:{column} {name} is not available in this version"
    )


def test_the_error_says_what_to_do_instead(tmp_path: Path) -> None:
    path = tmp_path / "prism.yaml"
    path.write_text("auth: {keys: []}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, env={})
    assert caught.value.problems == [
        (
            f"{path}:1:8 auth.keys is not available in this version "
            "(keys live in the database: prismctl keys create)"
        )
    ]
