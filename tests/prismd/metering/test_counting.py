"""Counting without a vendor."""

from prismd.dialects.registry import DIALECTS
from prismd.metering.counting import count_here
from prismd.wire.call import DialectName


async def test_without_a_table_it_is_an_estimate() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"four words of text"}]}'
    request = DIALECTS[DialectName.OPENAI].parse(body)
    tokens, method = await count_here(DialectName.OPENAI, request, "m")
    assert (6 <= tokens <= 15, method) == (True, "estimate")
