"""Vendors as they are set up, at a port of ours, and what is said to them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

from msgspec import structs

from prismd.config.providers import ProviderConfig
from prismd.dialects.registry import DIALECTS
from prismd.flow.saying import Saying, say
from prismd.flow.walk import Walk
from prismd.gateway import Gateway
from prismd.kernel.outbound import Outbound
from prismd.kernel.secret import Secret
from prismd.metering.trace import Trace
from prismd.providers.base import AuthKind, ProviderSpec
from prismd.providers.registry import ALL
from prismd.providers.sender import HttpUpstream
from prismd.providers.setup import Connection, connect
from prismd.routing.catalog import Provider
from prismd.routing.plan import Attempt
from prismd.snapshot import Snapshot
from prismd.wire.call import DialectName, Op
from tests.builders import make_call

GOLDEN = Path(__file__).parents[1] / "golden" / "vendors"

MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "azure": "my-deployment",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cerebras": "llama-3.3-70b",
    "cohere": "command-a-03-2025",
    "deepseek": "deepseek-reasoner",
    "gemini": "gemini-2.5-flash",
    "groq": "llama-3.3-70b-versatile",
    "mistral": "mistral-large-latest",
    "openai": "gpt-5-mini",
    "openrouter": "openai/gpt-4o-mini",
    "perplexity": "sonar-pro",
    "vertex": "gemini-2.5-flash",
    "xai": "grok-4-0709",
}
OTHERS = {
    "vertex": ("claude-sonnet-4-5@20250929", "meta/llama-4-maverick-17b-128e-instruct-maas"),
}
"""Models that a vendor serves in another dialect than its usual one."""
SECTIONS: Mapping[str, Mapping[str, object]] = {
    "anyscale": {"base_url": "https://acme.example/v1"},
    "azure": {"base_url": "https://acme.openai.azure.com", "api_version": "2024-10-21"},
    "bedrock": {"aws_region": "us-east-1"},
    "replicate": {"base_url": "https://acme.example/v1"},
    "tgi": {"base_url": "http://10.0.0.1:3000"},
    "vertex": {"project": "acme-ai", "location": "europe-west4"},
}
PASSED = {"anthropic-beta": "context-1m-2025-08-07", "openai-organization": "org-of-the-caller"}
VENDORS = [spec for spec in ALL if spec.type != "fake" and spec.dialect in DIALECTS]


def model_of(spec: ProviderSpec) -> str:
    return MODELS.get(spec.type, "meta-llama/Llama-3.1-8B-Instruct")


def target(
    spec: ProviderSpec, outbound: Outbound, port: int, *, model: str | None = None
) -> tuple[Attempt, Connection]:
    """Return a vendor as it is set up, with the same paths at a host of ours."""
    section = {"type": spec.type, "models": ["m"], **SECTIONS.get(spec.type, {})}
    if spec.api_key_env or spec.auth in (AuthKind.AWS, AuthKind.GOOGLE_ACCOUNT):
        section["api_key"] = "env:KEY"
    reached = connect(
        spec.type, ProviderConfig.model_validate(section), timeout_s=5, outbound=outbound
    )
    is_keyed = "api_key" in section
    kind = {AuthKind.AWS: AuthKind.BEARER, AuthKind.GOOGLE_ACCOUNT: AuthKind.GOOGLE_KEY}
    used = kind.get(spec.auth, spec.auth) if is_keyed else AuthKind.NONE
    upstream = HttpUpstream(
        replace(reached.spec, auth=used, base_path=""),
        provider_id=spec.type,
        base_url=f"http://127.0.0.1:{port}{urlsplit(reached.base_url or '').path}",
        credential=Secret("sk-1") if is_keyed else None,
        timeout_s=5,
        outbound=outbound,
    )
    provider = Provider(
        spec.type,
        reached.spec,
        reached.base_url,
        upstream,
        ("m",),
        is_local=False,
        passed_headers=reached.spec.passed_headers,
    )
    model = model or model_of(spec)
    endpoint = reached.spec.endpoint(Op.CHAT, model)
    assert endpoint is not None
    return Attempt(provider, model, endpoint), reached


async def said(
    step: Attempt,
    conversation: Mapping[str, object],
    dialect: DialectName = DialectName.OPENAI,
    *,
    is_stream: bool = False,
) -> Saying:
    is_google = dialect is DialectName.GOOGLE  # whose model stands in the path
    body = json.dumps(conversation if is_google else {**conversation, "model": "public-name"})
    request = DIALECTS[dialect].parse(
        body.encode(),
        model="public-name" if is_google else None,
        is_stream=is_stream if is_google else None,
    )
    call = structs.replace(make_call(), request=request, dialect=dialect, passed=PASSED)
    walk = Walk(
        gateway=cast("Gateway", None),
        snap=cast("Snapshot", SimpleNamespace(fetcher=None)),
        call=call,
        trace=Trace(0.0),
    )
    return await say(walk, step, None)
