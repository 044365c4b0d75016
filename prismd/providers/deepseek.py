"""DeepSeek."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="deepseek",
    title="DeepSeek",
    docs_url="https://api-docs.deepseek.com/",
    base_url="https://api.deepseek.com/v1",
    api_key_env=("DEEPSEEK_API_KEY",),
    prices_id="deepseek",
)
