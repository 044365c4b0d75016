"""Ollama on this machine."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec
from prismd.providers.params import Rename, Rules

SPEC = ProviderSpec(
    type="ollama",
    title="Ollama",
    docs_url="https://docs.ollama.com/api/openai-compatibility",
    base_url="http://127.0.0.1:11434/v1",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    rules=Rules(Rename("max_completion_tokens", "max_tokens")),
    local_port=11_434,
)
