"""Amazon Bedrock, through its Converse API. Its models are listed by another host."""

from prismd.providers import anthropic
from prismd.providers.base import BEDROCK_ENDPOINTS, AuthKind, ProviderSpec
from prismd.providers.params import Drop, Inside, OneOf, Rules

_REGIONS = ("", "us.", "eu.", "apac.", "jp.", "au.", "us-gov.", "global.")


def _claude(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return how models of Anthropic's are called here, by themselves and as profiles."""
    return tuple(f"{region}anthropic.{name}" for region in _REGIONS for name in names)


_WITHOUT_SAMPLING = _claude(anthropic.WITHOUT_SAMPLING)
_ALL_CLAUDE, _OLDER = _claude(("claude",)), _claude(anthropic.OLDER)
_SETTINGS = "inferenceConfig"

SPEC = ProviderSpec(
    type="bedrock",
    title="Amazon Bedrock",
    docs_url="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    base_url="https://bedrock-runtime.{aws_region}.amazonaws.com",
    base_path="",
    auth=AuthKind.AWS,
    ops=BEDROCK_ENDPOINTS,
    rules=Rules(
        Inside(_SETTINGS, Drop("temperature", unless=1), "temperature", models=_WITHOUT_SAMPLING),
        Inside(_SETTINGS, Drop("topP", unless=1), "top_p", models=_WITHOUT_SAMPLING),
        Inside(
            _SETTINGS,
            OneOf("temperature", "topP", unless=1),
            "top_p",
            models=_ALL_CLAUDE,
            but=_OLDER,
        ),
    ),
    listing=None,
    api_key_env=("AWS_BEARER_TOKEN_BEDROCK",),
    prices_id="aws",
)
