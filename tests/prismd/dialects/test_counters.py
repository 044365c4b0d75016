"""How a request is put to a vendor's own counter."""

import pytest

from prismd.dialects.counters import PUT, read_count
from prismd.kernel.errors import UpstreamError
from prismd.wire.call import DialectName


def test_anthropics_counter_is_told_what_counts_and_nothing_else() -> None:
    fields: dict[str, object] = {"model": "m", "messages": [], "max_tokens": 9, "stream": True}
    assert PUT[DialectName.ANTHROPIC](fields, "m") == {"model": "m", "messages": []}


def test_awss_counter_takes_it_as_an_input() -> None:
    fields: dict[str, object] = {"messages": [], "inferenceConfig": {"maxTokens": 9}}
    assert PUT[DialectName.BEDROCK](fields, "m") == {"input": {"converse": {"messages": []}}}


def test_googles_counter_takes_the_whole_request() -> None:
    fields: dict[str, object] = {"contents": [], "systemInstruction": {}}
    assert PUT[DialectName.GOOGLE](fields, "gemini") == {
        "generateContentRequest": {"model": "models/gemini", **fields}
    }


@pytest.mark.parametrize(
    "body", [b'{"input_tokens":7}', b'{"inputTokens":7}', b'{"totalTokens":7,"x":[]}']
)
def test_what_a_counter_says(body: bytes) -> None:
    assert read_count(body, provider="p") == 7


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"input_tokens":"7"}', b"[" * 5_000])
def test_a_counter_that_says_no_number(body: bytes) -> None:
    with pytest.raises(UpstreamError, match="did not say a number"):
        read_count(body, provider="p")
