"""Counting without a vendor."""

import json
import sys

import pytest

from prismd.dialects.registry import DIALECTS
from prismd.metering.counting import count_here, table_of
from prismd.wire.call import DialectName


async def counted(model: str, *messages: dict[str, object], **more: object) -> tuple[int, str]:
    body = {"model": model, "messages": list(messages), **more}
    request = DIALECTS[DialectName.OPENAI].parse(json.dumps(body).encode())
    return await count_here(DialectName.OPENAI, request, model)


HELLO: dict[str, object] = {"role": "user", "content": "hello world"}


@pytest.mark.parametrize("model", ["gpt-4o-mini", "openai/gpt-5.5", "gpt-4", "gpt-3.5-turbo", "o3"])
async def test_words_are_counted_by_the_published_table(model: str) -> None:
    """3 and a role for the message, 2 words, 3 for the reply."""
    assert await counted(model, HELLO) == (3 + 1 + 2 + 3, "exact")


async def test_each_message_is_framed() -> None:
    system: dict[str, object] = {"role": "system", "content": "hello world"}
    answer: dict[str, object] = {"role": "assistant", "content": "hello world"}
    assert await counted("gpt-4o", system, HELLO, answer) == (3 * (3 + 1 + 2) + 3, "exact")


async def test_where_there_is_no_table_it_is_an_estimate() -> None:
    tokens, method = await counted("claude-sonnet-5", HELLO)
    assert (6 <= tokens <= 15, method) == (True, "estimate")


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


async def test_what_nobody_publishes_is_an_estimate() -> None:
    assert (await counted("gpt-4o", HELLO, tools=[TOOL]))[1] == "estimate"
    assert (await counted("gpt-4o", {"role": "user", "content": [IMAGE]}))[1] == "estimate"


async def test_without_the_extra_it_is_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toktok", None)
    assert (await counted("gpt-4o", HELLO))[1] == "estimate"


def test_the_table_goes_by_the_beginning_of_a_name() -> None:
    found = {name: table_of(name) for name in ("gpt-oss-120b", "gpt-4.1", "gpt-4-0613", "llama")}
    assert found == {
        "gpt-oss-120b": "o200k_harmony",
        "gpt-4.1": "o200k_base",
        "gpt-4-0613": "cl100k_base",
        "llama": None,
    }
