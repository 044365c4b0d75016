"""OpenAI."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="openai",
    title="OpenAI",
    docs_url="https://platform.openai.com/docs/api-reference/chat",
    base_url="https://api.openai.com/v1",
    api_key_env=("OPENAI_API_KEY",),
    output_limit_field="max_completion_tokens",
    prices_id="openai",
)
