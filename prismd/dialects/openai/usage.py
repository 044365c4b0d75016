"""``usage`` of OpenAI and those who speak like it, read and written."""

import msgspec
from msgspec.structs import astuple

from prismd.wire.common import Usage

ABSENT = msgspec.Raw()
"""Default of a raw field; ``Raw | None`` would refuse objects."""

MAX_TOKENS = 10**8
"""A vendor that reports more than this for one call is not believed."""


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None


_NO_DETAILS = _Details()


class _UsageBody(msgspec.Struct):
    """The ``usage`` object of an answer or of the last stream chunk."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    cached_tokens: int | None = None
    """Moonshot's place for what others have in the details."""
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's."""
    num_search_queries: int | None = None
    """Perplexity's."""

    def normalised(self) -> Usage | None:
        """Return the counts in the gateway's own terms; None if they cannot be true."""
        prompt = self.prompt_tokens_details or _NO_DETAILS
        completion = self.completion_tokens_details or _NO_DETAILS
        input_, output = self.prompt_tokens or 0, self.completion_tokens or 0
        reasoning = completion.reasoning_tokens or 0
        if reasoning and self.total_tokens == input_ + output + reasoning:
            output += reasoning  # xAI reports it beside the output, and its total says so
        usage = Usage(
            input_tokens=input_,
            output_tokens=output,
            cached_input_tokens=(
                prompt.cached_tokens or self.cached_tokens or self.prompt_cache_hit_tokens or 0
            ),
            reasoning_tokens=reasoning,
            cache_write_tokens=prompt.cache_write_tokens or 0,
            audio_input_tokens=prompt.audio_tokens or 0,
            audio_output_tokens=completion.audio_tokens or 0,
            searches=self.num_search_queries or 0,
            requests=1,
        )
        return believable(usage)


_decode_usage = msgspec.json.Decoder(_UsageBody, strict=False).decode


def believable(usage: Usage) -> Usage | None:
    """Return a report of usage; None if it cannot be true."""
    counts = astuple(usage)
    return usage if min(counts) >= 0 and max(counts) <= MAX_TOKENS else None


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Read a ``usage`` object; None if it is absent, null, or not to be believed."""
    if is_null(raw):
        return None
    try:
        body = _decode_usage(raw)
    except msgspec.DecodeError:
        return None
    return body.normalised()


def usage_body(usage: Usage) -> dict[str, object]:
    """Write a ``usage`` object."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "audio_tokens": usage.audio_input_tokens,
            **(
                {"cache_write_tokens": usage.cache_write_tokens} if usage.cache_write_tokens else {}
            ),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }


def is_null(raw: msgspec.Raw) -> bool:
    """Say whether a raw field is absent or null."""
    return bytes(raw) in (b"", b"null")
