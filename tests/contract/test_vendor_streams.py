"""Streams as each vendor's own pages have them, for a client of each dialect.

``tests/golden/vendors/<type>/stream.sse`` is written by hand from what the vendor publishes, with
what is odd about it: comments between the events, lines ended by CR LF, no blank after the colon, a
first chunk without choices, usage in each event or beside the reason to stop. Bedrock's are
``stream.json``: the events, which go out as AWS frames.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import dropwhile

import pytest
from msgspec import structs

from prismd.dialects.bedrock import eventstream
from prismd.dialects.gather import Gathering, text_of
from prismd.dialects.registry import DIALECTS
from prismd.flow.saying import Relayed, Saying
from prismd.kernel import clock
from prismd.kernel.errors import UpstreamError
from prismd.kernel.outbound import Outbound
from prismd.providers.base import ProviderSpec
from prismd.wire.call import DialectName
from prismd.wire.conversation import Answer, StopReason, Thinking
from tests.contract.vendor_setup import GOLDEN, VENDORS, said, target

QUESTION: Mapping[DialectName, Mapping[str, object]] = {
    DialectName.OPENAI: {
        "messages": [{"role": "user", "content": "2 and 2?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    DialectName.ANTHROPIC: {
        "messages": [{"role": "user", "content": "2 and 2?"}],
        "max_tokens": 64,
        "stream": True,
    },
    DialectName.GOOGLE: {"contents": [{"role": "user", "parts": [{"text": "2 and 2?"}]}]},
}
SIZES = (1, 7, 100, 1_000_000)
"""Of the pieces that a stream arrives in."""


def stream_of(vendor: str) -> bytes:
    if vendor != "bedrock":
        return (GOLDEN / vendor / "stream.sse").read_bytes()
    events = json.loads((GOLDEN / vendor / "stream.json").read_bytes())
    return b"".join(eventstream.event(kind, json.dumps(data).encode()) for kind, data in events)


def pieces(stream: bytes, size: int) -> Iterator[bytes]:
    return (stream[at : at + size] for at in range(0, len(stream), size))


def follow(saying: Saying, stream: bytes, size: int) -> tuple[bytes, dict[str, int]]:
    """Return what a client gets, and what the call used."""
    follower = saying.follow()
    out = [event for piece in pieces(stream, size) for event in follower.feed(piece)]
    out += follower.end()
    assert follower.is_done
    assert follower.output_chars >= len("Four.")
    assert follower.usage is not None
    used = {name: count for name, count in structs.asdict(follower.usage).items() if count}
    return b"".join((*out, follower.last())), used


def as_relayed(stream: bytes) -> bytes:
    """Return what leaves of a vendor's bytes: no comment is the first, the end marker is ours."""
    events = re.findall(rb".+?(?:\r\n\r\n|\n\n)", stream, re.DOTALL)
    begun = dropwhile(lambda event: event.startswith(b":"), events)
    marker = re.compile(rb"data: ?\[DONE\]\s+")
    return b"".join(marker.sub(b"data: [DONE]\n\n", event) for event in begun)


def as_read(stream: bytes, dialect: DialectName) -> Answer:
    """Read what a client got, as one of its SDKs would."""
    decoder, gathering = DIALECTS[dialect].decoder(provider="prism"), Gathering()
    for event in (*decoder.feed(stream), *decoder.end()):
        gathering.add(event)
    assert decoder.is_done
    return gathering.answer()


@pytest.mark.parametrize("dialect", QUESTION)
@pytest.mark.parametrize("spec", VENDORS, ids=lambda spec: spec.type)
async def test_a_client_reads_the_vendors_stream(
    spec: ProviderSpec,
    dialect: DialectName,
    outbound: Outbound,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY", "sk-1")
    monkeypatch.setattr(clock, "now_s", lambda: 1_764_158_400)
    stream, told = stream_of(spec.type), json.loads((GOLDEN / spec.type / "told.json").read_bytes())
    step, _ = target(spec, outbound, 1)
    saying = await said(step, QUESTION[dialect], dialect, is_stream=True)
    outs = [follow(saying, stream, size) for size in SIZES]
    for out, used in outs:
        assert used == told["usage"]
        answer = as_read(out, dialect)
        assert text_of(answer) == "Four."
        assert answer.choices[0].stop is StopReason.END
        assert answer.usage is not None
        assert answer.usage.output_tokens == used["output_tokens"]
        if isinstance(saying, Relayed):
            assert out == as_relayed(stream)
        if spec.type == "deepseek":
            assert Thinking(text="Two and two.") in answer.choices[0].parts
    assert len({out for out, _ in outs}) == 1


@pytest.mark.parametrize("spec", VENDORS, ids=lambda spec: spec.type)
async def test_a_stream_that_stops_before_its_end_is_told(
    spec: ProviderSpec, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "sk-1")
    stream = stream_of(spec.type)
    step, _ = target(spec, outbound, 1)
    saying = await said(step, QUESTION[DialectName.OPENAI])
    follower = saying.follow()
    for _ in follower.feed(stream[: len(stream) // 2]):
        pass
    assert not follower.is_done
    with pytest.raises(UpstreamError) as told:
        list(follower.end())
    assert told.value.code == "upstream_closed_early"
