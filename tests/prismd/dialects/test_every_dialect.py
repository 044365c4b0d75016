"""What holds for every chat dialect, whichever is added: nothing is lost on the way there and back.

Bytes are cut anywhere, answers are made by hypothesis, and garbage is somebody's fault, not ours.
"""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.base import About, Dialect
from prismd.dialects.gather import Gathering, events_of, text_of
from prismd.dialects.registry import ALL
from prismd.dialects.vendor_error import read_error
from prismd.kernel import jsonio
from prismd.kernel.errors import Internal, InvalidRequest, UpstreamError
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.conversation import (
    DROP_NAMES,
    Answer,
    Conversation,
    JsonFormat,
    Media,
    MediaKind,
    Reasoning,
    RedactedThinking,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
    ToolResult,
    ToolUse,
    Turn,
)
from tests.prismd.dialects.conversations import answers, names, tool_use_lists, words

CHATS = [dialect for dialect in ALL if dialect.name is not DialectName.COMPLETIONS]
EVERY = pytest.mark.parametrize("dialect", CHATS, ids=lambda one: one.name)
SEALED = {DialectName.OPENAI, DialectName.ANTHROPIC, DialectName.BEDROCK}
"""Dialects that carry the seal of a thought."""


def about(request: ChatRequest | None = None) -> About:
    return About(id="req_1", model="m", created_s=7, request=request)


def streamed(dialect: Dialect, answer: Answer) -> bytes:
    encoder = dialect.encoder(about())
    return b"".join(encoder.encode(event) for event in events_of(answer)) + encoder.last()


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(one, len(stream)) for one in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(places)]


def decoded(dialect: Dialect, parts: list[bytes]) -> Answer:
    gathering, decoder = Gathering(), dialect.decoder(provider="p")
    for part in parts:
        for event in decoder.feed(part):
            gathering.add(event)
    for event in decoder.end():
        gathering.add(event)
    return gathering.answer()


@st.composite
def told(draw: st.DrawFn) -> tuple[Dialect, Answer]:
    """A dialect, and an answer that it can say."""
    dialect = draw(st.sampled_from(CHATS))
    answer = draw(answers(has_thinking=dialect.name in SEALED))
    if dialect.name not in (DialectName.OPENAI, DialectName.ANTHROPIC, DialectName.GOOGLE):
        answer = Answer(id=None, model=None, choices=answer.choices, usage=answer.usage)
    return dialect, answer


def same(found: Answer, answer: Answer) -> bool:
    """Say whether two answers are alike, but for names that a dialect has no place for."""
    return (found.choices, found.usage) == (answer.choices, answer.usage)


@given(told())
def test_a_whole_answer_survives(case: tuple[Dialect, Answer]) -> None:
    dialect, answer = case
    body = dialect.write_answer(answer, about())
    assert same(dialect.read_answer(body, provider="p"), answer)
    assert dialect.read_usage(body, provider="p") == answer.usage


@given(told(), st.lists(st.integers(0, 3_000), max_size=10))
def test_a_stream_says_the_same_however_it_is_cut(
    case: tuple[Dialect, Answer], cuts: list[int]
) -> None:
    dialect, answer = case
    assert same(decoded(dialect, cut(streamed(dialect, answer), cuts)), answer)


@given(told(), st.lists(st.integers(0, 3_000), max_size=10))
def test_a_relayed_stream_is_the_vendors_own_bytes(
    case: tuple[Dialect, Answer], cuts: list[int]
) -> None:
    dialect, answer = case
    stream = streamed(dialect, answer)
    follower = dialect.follower(about(), provider="p")
    follower.keep(max_chars=100_000)
    out = b"".join(piece for part in cut(stream, cuts) for piece in follower.feed(part))
    out += b"".join(follower.end())
    assert follower.is_done
    assert out + follower.last() == stream
    assert out != stream, "the end is held back"
    assert follower.usage == answer.usage
    kept = dialect.read_answer(follower.answer(), provider="p")
    assert text_of(kept) == text_of(answer)
    assert dialect.name is DialectName.OPENAI or same(kept, answer)  # whose copy has no seals
    assert not follower.is_cut


@EVERY
def test_what_is_annotated_is_in_the_answer(dialect: Dialect) -> None:
    choice = Text(text="hi")
    answer = Answer(choices=(), usage=None)
    answer = Answer(
        choices=(dialect.read_answer(_plain(dialect, choice), provider="p").choices[0],),
        usage=dialect.read_usage(_plain(dialect, choice), provider="p"),
    )
    encoder, follower = dialect.encoder(about()), dialect.follower(about(), provider="p")
    plain = streamed(dialect, answer)
    encoder.annotate = follower.annotate = lambda usage: b'{"out":%d}' % usage.output_tokens
    encoded = b"".join(encoder.encode(event) for event in events_of(answer)) + encoder.last()
    relayed = b"".join(follower.feed(plain)) + b"".join(follower.end()) + follower.last()
    assert b'"prism":{"out":4}' in encoded
    assert b'"prism":{"out":4}' in relayed


def _plain(dialect: Dialect, part: Text) -> bytes:
    from prismd.wire.common import Usage
    from prismd.wire.conversation import AnswerChoice, StopReason

    usage = Usage(input_tokens=3, output_tokens=4, requests=1)
    choice = AnswerChoice(parts=(part,), stop=StopReason.END)
    return dialect.write_answer(Answer(choices=(choice,), usage=usage), about())


@EVERY
def test_a_stream_that_ends_too_early_is_an_error(dialect: Dialect) -> None:
    answer = dialect.read_answer(_plain(dialect, Text(text="hi")), provider="p")
    encoder = dialect.encoder(about())
    begun = b"".join(encoder.encode(event) for event in list(events_of(answer))[:2])
    for parts in ([begun], [b""], [begun[:-3]]):
        with pytest.raises(UpstreamError):
            decoded(dialect, parts)
    follower = dialect.follower(about(), provider="p")
    list(follower.feed(begun))
    with pytest.raises(UpstreamError):
        list(follower.end())
    assert b"it broke" in follower.failed(Internal("it broke"))
    assert b"it broke" in encoder.failed(Internal("it broke"))


@given(st.sampled_from(CHATS), st.binary(max_size=120))
def test_garbage_is_the_vendors_fault(dialect: Dialect, garbage: bytes) -> None:
    for sent in (garbage, b"data: " + garbage + b"\n\n", b'{"' + garbage + b'":' + garbage):
        decoder, follower = dialect.decoder(provider="p"), dialect.follower(about(), provider="p")
        with contextlib.suppress(UpstreamError):
            list(decoder.feed(sent))
            list(decoder.end())
        with contextlib.suppress(UpstreamError):
            list(follower.feed(sent))
            list(follower.end())
        with contextlib.suppress(UpstreamError):
            dialect.read_answer(sent, provider="p")
        assert read_error(400, {}, sent, provider="p").status == 400


# ── requests ─────────────────────────────────────────────────────────────────────────────────────


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Conversations that every dialect can say without a loss."""
    calls = draw(tool_use_lists)
    turns = [Turn(role="user", parts=(Text(text=draw(words)),))]
    if calls:
        said = draw(st.booleans())
        before = (Text(text="let me look"),) if said else ()
        turns.append(Turn(role="assistant", parts=(*before, *calls)))
        results = tuple(
            ToolResult(tool_use_id=call.id, name=call.name, parts=(Text(text=draw(words)),))
            for call in calls
        )
        turns.append(Turn(role="user", parts=results))
    tools = tuple(Tool(name=name, description="does it") for name in {call.name for call in calls})
    is_forced = bool(tools) and draw(st.booleans())
    return Conversation(
        system=(Text(text=draw(words)),) if draw(st.booleans()) else (),
        turns=tuple(turns),
        tools=tools,
        tool_choice=ToolChoice(mode=ToolMode.REQUIRED) if is_forced else None,
        max_output_tokens=draw(st.integers(1, 9_999)),
        temperature=draw(st.sampled_from([None, 0.0, 0.5, 1.0])),
        stop=draw(st.sampled_from([(), ("END",)])),
    )


@given(st.sampled_from(CHATS), conversations())
def test_a_conversation_survives(dialect: Dialect, said: Conversation) -> None:
    written = dialect.write(said, model="m", is_stream=False)
    assert written.drops == []
    body = jsonio.encode({"model": "m", **written.fields})
    read = dialect.read(dialect.parse(body, model="m", is_stream=False))
    assert _essence(read) == _essence(said)
    assert dialect.tool_names(dialect.parse(body, model="m")) == [t.name for t in said.tools]


def _essence(said: Conversation) -> object:
    """Return a conversation in the terms that no dialect spells differently."""
    turns = []
    for turn in said.turns:
        parts: list[object] = []
        for part in turn.parts:
            match part:
                case ToolUse():
                    parts.append((part.name, jsonio.decode(part.arguments)))
                case ToolResult():
                    parts.append(
                        ("result", [one.text for one in part.parts if isinstance(one, Text)])
                    )
                case Text():
                    parts.append(part.text)
        turns.append((turn.role, parts))
    tools = [(tool.name, tool.description) for tool in said.tools]
    mode = said.tool_choice and said.tool_choice.mode
    system = [text.text for text in said.system]
    limits = (said.max_output_tokens, said.temperature, said.stop)
    return turns, tools, mode, system, limits


EVERYTHING = Conversation(
    system=(Text(text="s", cache="1h"),),
    turns=(
        Turn(role="user", parts=(Text(text="a"),), name="ann"),
        Turn(
            role="assistant",
            parts=(
                Thinking(text="hm", signature="s"),
                RedactedThinking(data="AA=="),
                ToolUse(id="c1", name="f", arguments="{}"),
            ),
        ),
        Turn(
            role="user",
            parts=(
                ToolResult(
                    tool_use_id="c1",
                    parts=(
                        Text(text="r"),
                        Media(kind=MediaKind.IMAGE, mime="image/png", data="iVBORw=="),
                    ),
                    is_error=True,
                ),
            ),
        ),
        Turn(
            role="user",
            parts=tuple(
                Media(kind=kind, mime=mime, data="AAAA", name="n", detail="high")
                for kind, mime in (
                    (MediaKind.IMAGE, "image/png"),
                    (MediaKind.FILE, "application/pdf"),
                    (MediaKind.AUDIO, "audio/mp3"),
                    (MediaKind.VIDEO, "video/mp4"),
                )
            ),
        ),
    ),
    tools=(Tool(name="f", is_strict=True, cache="5m"), Tool(name="g")),
    tool_choice=ToolChoice(mode=ToolMode.REQUIRED, names=("f", "g")),
    parallel_tool_calls=False,
    max_output_tokens=9_999,
    temperature=1.9,
    top_p=0.5,
    top_k=7,
    presence_penalty=0.5,
    frequency_penalty=0.5,
    stop=("a", " ", "c", "d", "e", "f"),
    seed=7,
    n=3,
    logprobs=True,
    top_logprobs=3,
    logit_bias={"7": 1},
    json_format=JsonFormat(),
    reasoning=Reasoning(budget_tokens=2_000),
    user="u",
    metadata={"a": "b"},
    service_tier="flex",
)
"""All that can be said at all; no dialect has words for all of it."""


@EVERY
def test_what_cannot_be_said_is_named_by_the_words_for_it(dialect: Dialect) -> None:
    for model in ("m", "claude-sonnet-4-5", "gpt-5", "gemini-2.5-flash"):
        written = dialect.write(EVERYTHING, model=model, is_stream=False)
        assert written.drops
        assert set(written.drops) <= DROP_NAMES


IMAGE = Media(kind=MediaKind.IMAGE, mime="image/png", data="iVBORw==")
DOCUMENT = Media(kind=MediaKind.FILE, mime="application/pdf", data="JVBERg==", name="a.pdf")


@EVERY
def test_images_survive(dialect: Dialect) -> None:
    said = Conversation(turns=(Turn(role="user", parts=(Text(text="look"), IMAGE)),))
    written = dialect.write(said, model="m", is_stream=False)
    body = jsonio.encode({"model": "m", **written.fields})
    if dialect.name is DialectName.ANTHROPIC:
        body = jsonio.encode({"model": "m", "max_tokens": 9, **written.fields})
    read = dialect.read(dialect.parse(body, model="m", is_stream=False))
    _, image = read.turns[0].parts
    assert isinstance(image, Media)
    assert (image.kind, image.mime, image.data) == (IMAGE.kind, IMAGE.mime, IMAGE.data)
    assert written.drops == []


@EVERY
def test_data_that_was_cut_is_refused_with_its_path(dialect: Dialect) -> None:
    said = Conversation(turns=(Turn(role="user", parts=(Text(text="look"), IMAGE)),))
    written = dialect.write(said, model="m", is_stream=False)
    body = jsonio.encode({"model": "m", **written.fields}).replace(b"iVBORw==", b"iVBORw=")
    with pytest.raises(InvalidRequest) as caught:
        dialect.read(dialect.parse(body, model="m", is_stream=False))
    assert caught.value.param is not None
    assert "[0]" in caught.value.param


@given(
    st.sampled_from(CHATS), st.dictionaries(names, st.none() | words | st.lists(words), max_size=4)
)
def test_a_request_that_cannot_be_read_is_the_callers_fault(
    dialect: Dialect, odd: dict[str, object]
) -> None:
    body = jsonio.encode({"model": "m", "messages": [odd], "contents": [odd], "max_tokens": 1})
    with contextlib.suppress(InvalidRequest):
        dialect.read(dialect.parse(body, model="m", is_stream=False))
