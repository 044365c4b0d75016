"""Text Generation Inference: it has no usual port, so the operator gives the base URL."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec
from prismd.providers.params import Rename, Rules

SPEC = ProviderSpec(
    type="tgi",
    title="Text Generation Inference",
    docs_url="https://huggingface.co/docs/text-generation-inference/messages_api",
    base_url=None,
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    rules=Rules(Rename("max_completion_tokens", "max_tokens")),
)
