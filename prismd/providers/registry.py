"""All vendors, in the order in which they are shown. Explicit: no import magic."""

import difflib

from prismd.providers import (
    anthropic,
    anyscale,
    azure,
    bedrock,
    cerebras,
    cohere,
    deepinfra,
    deepseek,
    fake,
    fireworks,
    gemini,
    groq,
    huggingface,
    llamacpp,
    lmstudio,
    mistral,
    ollama,
    openai,
    openrouter,
    perplexity,
    replicate,
    tgi,
    together,
    vertex,
    vllm,
    xai,
)
from prismd.providers.base import ProviderSpec
from prismd.wire.call import Op

ALL: tuple[ProviderSpec, ...] = (
    fake.SPEC,
    openai.SPEC,
    anthropic.SPEC,
    gemini.SPEC,
    azure.SPEC,
    vertex.SPEC,
    bedrock.SPEC,
    cohere.SPEC,
    groq.SPEC,
    mistral.SPEC,
    together.SPEC,
    fireworks.SPEC,
    deepinfra.SPEC,
    perplexity.SPEC,
    cerebras.SPEC,
    xai.SPEC,
    deepseek.SPEC,
    huggingface.SPEC,
    openrouter.SPEC,
    anyscale.SPEC,
    replicate.SPEC,
    ollama.SPEC,
    lmstudio.SPEC,
    llamacpp.SPEC,
    vllm.SPEC,
    tgi.SPEC,
)

_BY_TYPE = {spec.type: spec for spec in ALL}


def by_type(word: str) -> ProviderSpec | None:
    """Return the vendor that ``type: word`` names in the config."""
    return _BY_TYPE.get(word)


def able(op: Op) -> list[str]:
    """Return the words of all vendors that can do an operation."""
    return [spec.type for spec in ALL if op in spec.ops]


def type_names() -> list[str]:
    """Return every word that ``type:`` may be, in the order of ``ALL``."""
    return list(_BY_TYPE)


def nearest_type(word: str) -> str | None:
    """Return the word that was probably meant, for "did you mean"."""
    near = difflib.get_close_matches(word.lower(), _BY_TYPE, n=1)
    return near[0] if near else None
