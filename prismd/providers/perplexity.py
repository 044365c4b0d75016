"""Perplexity. Its chat API has no version segment."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="perplexity",
    title="Perplexity",
    docs_url="https://docs.perplexity.ai/api-reference/chat-completions-post",
    base_url="https://api.perplexity.ai",
    api_key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    prices_id="perplexity",
)
