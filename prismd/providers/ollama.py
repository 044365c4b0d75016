"""Ollama on this machine."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="ollama",
    title="Ollama",
    docs_url="https://docs.ollama.com/api/openai-compatibility",
    base_url="http://127.0.0.1:11434/v1",
    local_port=11_434,
)
