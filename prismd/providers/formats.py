"""What servers of a dialect have in common, whoever runs them: the tables of ``api_format``."""

from collections.abc import Mapping
from dataclasses import replace

from prismd.providers.base import (
    ANTHROPIC_ENDPOINTS,
    ANTHROPIC_HEADERS,
    ANTHROPIC_MODELS,
    ANTHROPIC_PASSED,
    BEDROCK_ENDPOINTS,
    COHERE_ENDPOINTS,
    COHERE_MODELS,
    GOOGLE_ENDPOINTS,
    GOOGLE_MODELS,
    MODELS,
    OPENAI_ENDPOINTS,
    OPENAI_PASSED,
    AuthKind,
    ProviderSpec,
)
from prismd.providers.params import NO_RULES
from prismd.wire.call import DialectName

_ANY = ProviderSpec(type="", title="", docs_url="", base_url=None)

GENERIC: Mapping[DialectName, ProviderSpec] = {
    DialectName.OPENAI: replace(_ANY, ops=OPENAI_ENDPOINTS, passed_headers=OPENAI_PASSED),
    DialectName.ANTHROPIC: replace(
        _ANY,
        auth=AuthKind.X_API_KEY,
        ops=ANTHROPIC_ENDPOINTS,
        headers=ANTHROPIC_HEADERS,
        passed_headers=ANTHROPIC_PASSED,
        listing=ANTHROPIC_MODELS,
    ),
    DialectName.GOOGLE: replace(
        _ANY,
        base_path="/v1beta",
        auth=AuthKind.GOOGLE_KEY,
        ops=GOOGLE_ENDPOINTS,
        listing=GOOGLE_MODELS,
    ),
    DialectName.BEDROCK: replace(
        _ANY, base_path="", auth=AuthKind.AWS, ops=BEDROCK_ENDPOINTS, listing=None
    ),
    DialectName.COHERE: replace(_ANY, base_path="/v2", ops=COHERE_ENDPOINTS, listing=COHERE_MODELS),
}
"""A server of each dialect of which nothing else is known."""


def spoken(spec: ProviderSpec) -> tuple[DialectName, ...]:
    """Return what a vendor speaks itself, the usual first; the built-in fake speaks all."""
    if spec.auth is AuthKind.NONE:
        return tuple(GENERIC)
    return (spec.dialect, *spec.also)


def speaking(spec: ProviderSpec, dialect: DialectName) -> ProviderSpec:
    """Return a vendor's table for another dialect: who it is stays, all else is the dialect's."""
    generic = GENERIC[dialect]
    return replace(
        spec,
        base_url=spec.also.get(dialect),
        base_path=generic.base_path,
        auth=AuthKind.NONE if spec.auth is AuthKind.NONE else generic.auth,
        ops=generic.ops,
        headers=generic.headers,
        passed_headers=generic.passed_headers,
        rules=NO_RULES,
        listing=generic.listing or MODELS if spec.auth is AuthKind.NONE else generic.listing,
    )
