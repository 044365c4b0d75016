"""DeepInfra."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec
from prismd.providers.params import Rename, Rules

SPEC = ProviderSpec(
    type="deepinfra",
    title="DeepInfra",
    docs_url="https://deepinfra.com/docs/openai_api",
    base_url="https://api.deepinfra.com/v1/openai",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    rules=Rules(Rename("max_completion_tokens", "max_tokens")),
    api_key_env=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
)
