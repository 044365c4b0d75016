"""Names that the documentation knows and this version does not have in force.

They are errors of their own, so that nobody believes a guardrail or a budget to be active that is
not. A name leaves this table when it gets a field.
"""

from prismd.config.problem import ConfigPath

_LIMITS = "limits belong to keys: prismctl keys create"

_HINTS: dict[str, str] = {
    "a2a": "",
    "alerting": "",
    "assistants": "",
    "audit": "every change by an operator is written down: prismctl audit list",
    "auth.keys": "keys live in the database: prismctl keys create",
    "budgets": _LIMITS,
    "cache": "",
    "cluster": "",
    "control_plane": "",
    "cost_tracking.alias_cost_factors": "",
    "edge": "",
    "guardrails": "",
    "ip_acl.allow": "allowed_ips belongs to keys: prismctl keys create",
    "ip_acl.deny": "allowed_ips belongs to keys: prismctl keys create",
    "ip_acl.enabled": "",
    "license_auth": "",
    "logging.request_logging.buffer_size": "",
    "logging.request_logging.enabled": "every call has a trace: prismctl requests list",
    "logging.request_logging.exclude_paths": "",
    "logging.request_logging.workers": "",
    "mcp": "",
    "model_database": "",
    "otel": "",
    "privacy": "",
    "prometheus": "metrics are always at /-/metrics",
    "providers.*.local": "",
    "providers.*.priority": "providers are tried in the order in which they are written",
    "providers.*.rotation": "",
    "providers.*.weight": "",
    "rate_limiting": _LIMITS,
    "rbac": "",
    "redis": "",
    "routing.access_groups": "",
    "routing.adaptive": "",
    "routing.circuit_breaker": "",
    "routing.complexity": "",
    "routing.conditional_routes": "",
    "routing.default_strategy": "",
    "routing.failover.per_attempt_timeout": "",
    "routing.fastest": "",
    "routing.mirror": "",
    "routing.model_fallbacks": "",
    "routing.provider_lock": "",
    "routing.retry": "",
    "routing.scheduled": "",
    "routing.targets": "model_map names one provider for a model",
    "secrets": "write env:NAME or file:/path where a secret is needed",
    "server.idle_timeout": "stream_idle_timeout limits the silence within a stream",
    "server.read_timeout": "",
    "server.write_timeout": "default_request_timeout limits the wait for an answer",
    "tool_policy": "allowed_tools and denied_tools belong to keys: prismctl keys create",
}
"""Dotted name, ``*`` for any provider id → what to do instead, where there is something."""

_SECRET_STORES = ("aws-sm://", "azure-kv://", "cred:", "gcp-sm://", "vault://")


def unavailable(path: ConfigPath) -> str | None:
    """Return what to say of a name that is known but not in force; None if it is not known."""
    parts = [str(part) for part in path]
    name = ".".join(parts)
    if parts[0] == "providers" and len(parts) > 1:
        parts[1] = "*"
    hint = _HINTS.get(".".join(parts))
    if hint is None:
        return None
    return f"{name} is not available in this version" + (f" ({hint})" if hint else "")


def secret_store(reference: str) -> str | None:
    """Return the scheme of a reference into a secret store that is not available."""
    return next((scheme for scheme in _SECRET_STORES if reference.startswith(scheme)), None)
