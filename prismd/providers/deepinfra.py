"""DeepInfra."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="deepinfra",
    title="DeepInfra",
    docs_url="https://deepinfra.com/docs/openai_api",
    base_url="https://api.deepinfra.com/v1/openai",
    api_key_env=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
)
