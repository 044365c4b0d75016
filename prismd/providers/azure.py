"""Azure OpenAI: the base URL is the resource's own; models are the names of its deployments.

Without ``api_version`` it is the v1 API, whose URL ends in ``/openai/v1``; with one, the paths name
the deployment. It lists models that could be deployed, so the deployments must be listed here.
They have any names; one that is named after a model of OpenAI that completes text is taken for it.
"""

from dataclasses import replace

from prismd.providers import openai
from prismd.providers.base import AuthKind, Endpoint, ProviderSpec
from prismd.providers.params import NO_RULES

_KNOWS_COMPLETION_TOKENS = "2024-09-01"
"""The first ``api_version`` that takes ``max_completion_tokens``."""

SPEC = ProviderSpec(
    type="azure",
    title="Azure OpenAI",
    docs_url="https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle",
    base_url=None,
    base_path="/openai/v1",
    auth=AuthKind.API_KEY_HEADER,
    ops=openai.SPEC.ops,
    passed_headers=openai.SPEC.passed_headers,
    rules=openai.SPEC.rules,
    listing=None,
    api_key_env=("AZURE_OPENAI_API_KEY",),
    prices_id="azure",
)


def of_version(api_version: str) -> ProviderSpec:
    """Return the table of the API of a version, such as ``2024-10-21``."""

    def on_deployment(endpoint: Endpoint) -> Endpoint:
        path = f"/openai/deployments/{{model}}{endpoint.path}?api-version={api_version}"
        return replace(endpoint, path=path)

    is_new = api_version >= _KNOWS_COMPLETION_TOKENS
    return replace(
        SPEC,
        base_path="",
        ops={op: on_deployment(endpoint) for op, endpoint in SPEC.ops.items()},
        rules=SPEC.rules if is_new else NO_RULES,
    )
