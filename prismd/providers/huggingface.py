"""Hugging Face Inference Providers (the router; prices depend on who serves the model)."""

from prismd.providers.base import ProviderSpec
from prismd.providers.params import Rename, Rules

SPEC = ProviderSpec(
    type="huggingface",
    title="Hugging Face",
    docs_url="https://huggingface.co/docs/inference-providers/index",
    base_url="https://router.huggingface.co/v1",
    rules=Rules(Rename("max_completion_tokens", "max_tokens")),
    api_key_env=("HF_TOKEN",),
)
