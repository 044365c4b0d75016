"""Amazon Bedrock, through its Converse API. Its models are listed by another host."""

from prismd.providers.base import BEDROCK_ENDPOINTS, AuthKind, ProviderSpec

SPEC = ProviderSpec(
    type="bedrock",
    title="Amazon Bedrock",
    docs_url="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    base_url="https://bedrock-runtime.{aws_region}.amazonaws.com",
    base_path="",
    auth=AuthKind.AWS,
    ops=BEDROCK_ENDPOINTS,
    listing=None,
    api_key_env=("AWS_BEARER_TOKEN_BEDROCK",),
    prices_id="aws",
)
