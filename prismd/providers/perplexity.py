"""Perplexity. Its chat API has no version segment."""

from prismd.providers.base import ProviderSpec
from prismd.providers.params import Clamp, Rename, Rules

SPEC = ProviderSpec(
    type="perplexity",
    title="Perplexity",
    docs_url="https://docs.perplexity.ai/api-reference/chat-completions-post",
    base_url="https://api.perplexity.ai",
    rules=Rules(
        Rename("max_completion_tokens", "max_tokens"),
        Clamp("temperature", 0, 1.99),
    ),
    api_key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    prices_id="perplexity",
)
