"""Vendors' own counters of tokens: how a request is put to one, and what it says.

A count is a request of the dialect, relayed or written, in the counter's own frame. Media by URL
stay URLs: a count fetches nothing.
"""

from collections.abc import Callable, Mapping

import msgspec

from prismd.kernel.errors import UpstreamError
from prismd.wire.call import DialectName

_Json = dict[str, object]


class _Count(msgspec.Struct):
    """What it says, as Anthropic, AWS and Google name it."""

    input_tokens: int | None = None
    inputTokens: int | None = None  # noqa: N815
    totalTokens: int | None = None  # noqa: N815


_decode = msgspec.json.Decoder(_Count).decode

_ANTHROPIC = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
_BEDROCK = ("messages", "system", "toolConfig", "additionalModelRequestFields")


def _for_anthropic(fields: _Json, _: str) -> _Json:
    """Return what is counted: the counter refuses all else."""
    return {name: fields[name] for name in _ANTHROPIC if name in fields}


def _for_bedrock(fields: _Json, _: str) -> _Json:
    """Return what is counted: the counter refuses all else."""
    return {"input": {"converse": {name: fields[name] for name in _BEDROCK if name in fields}}}


def _for_google(fields: _Json, model: str) -> _Json:
    """Wrap the whole request, as the Gemini API has it: beside contents it takes nothing."""
    return {"generateContentRequest": {"model": f"models/{model}", **fields}}


PUT: Mapping[DialectName, Callable[[_Json, str], _Json]] = {
    DialectName.ANTHROPIC: _for_anthropic,
    DialectName.BEDROCK: _for_bedrock,
    DialectName.GOOGLE: _for_google,
}
"""Dialects that have a counter; each takes the fields of a request and the vendor's model."""


def read_count(body: bytes, *, provider: str) -> int:
    """Read what a counter says; raises UpstreamError."""
    try:
        said = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        said = _Count()
    for tokens in (said.input_tokens, said.inputTokens, said.totalTokens):
        if tokens is not None:
            return tokens
    msg = f"The counter of provider '{provider}' did not say a number."
    raise UpstreamError(msg, provider=provider, code="invalid_upstream_response")
