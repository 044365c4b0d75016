"""vLLM on this machine."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec

SPEC = ProviderSpec(
    type="vllm",
    title="vLLM",
    docs_url="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    base_url="http://127.0.0.1:8000/v1",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    local_port=8000,
)
