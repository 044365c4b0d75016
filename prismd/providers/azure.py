"""Azure OpenAI (v1 API): the base URL is the resource's own, ending in ``/openai/v1``."""

from prismd.providers.base import AuthKind, ProviderSpec
from prismd.providers.openai import OPENAI_RULES

SPEC = ProviderSpec(
    type="azure",
    title="Azure OpenAI",
    docs_url="https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle",
    base_url=None,
    auth=AuthKind.API_KEY_HEADER,
    api_key_env=("AZURE_OPENAI_API_KEY",),
    rules=OPENAI_RULES,
    prices_id="azure",
)
