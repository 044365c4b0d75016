"""Text Generation Inference: it has no usual port, so the operator gives the base URL."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="tgi",
    title="Text Generation Inference",
    docs_url="https://huggingface.co/docs/text-generation-inference/messages_api",
    base_url=None,
)
