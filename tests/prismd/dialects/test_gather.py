"""A whole answer ⇄ the events of a stream."""

from hypothesis import given

from prismd.dialects.gather import MAX_PARTS, Gathering, events_of, text_of
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    Finished,
    LogprobsDelta,
    Media,
    MediaKind,
    MediaMade,
    RedactedThinking,
    Started,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    TokenLogprob,
    ToolArguments,
    ToolStarted,
    ToolUse,
    UsageTold,
)
from tests.prismd.dialects.conversations import answers


def gathered(*events: object, max_chars: int | None = None) -> Gathering:
    gathering = Gathering(max_chars=max_chars)
    for event in events:
        gathering.add(event)  # type: ignore[arg-type]
    return gathering


@given(answers(has_thinking=True))
def test_an_answer_that_was_taken_apart_is_put_together_again(answer: Answer) -> None:
    assert gathered(*events_of(answer)).answer() == answer


def test_every_kind_of_part_survives() -> None:
    image = Media(kind=MediaKind.IMAGE, mime="image/png", data="iVBORw==")
    whole = Answer(
        id="a",
        model="m",
        choices=(
            AnswerChoice(
                parts=(
                    Thinking(text="hm", signature="s"),
                    RedactedThinking(data="r"),
                    Text(text="here", signature="t"),
                    image,
                    ToolUse(id="1", name="f", arguments="{}", signature="u"),
                ),
                stop=StopReason.STOP_SEQUENCE,
                stop_sequence="END",
                logprobs=(TokenLogprob(token="here", logprob=-0.5, top=(("here", -0.5),)),),
            ),
            AnswerChoice(index=1, parts=(Text(text="other"),), stop=StopReason.LENGTH),
        ),
        usage=Usage(input_tokens=3, output_tokens=4, requests=1),
    )
    assert gathered(*events_of(whole)).answer() == whole


def test_interleaved_calls_and_pieces_of_words() -> None:
    answer = gathered(
        Started(id="a", model="m", usage=Usage(input_tokens=5)),
        TextDelta(text="one "),
        TextDelta(text="two"),
        ToolStarted(tool=0, id="x", name="f"),
        ToolStarted(tool=1, id="y", name="g"),
        ToolArguments(tool=1, text='{"b"'),
        ToolArguments(tool=0, text="{}"),
        ToolArguments(tool=1, text=":1}"),
        ToolArguments(tool=7, text="of nothing"),
        Finished(stop=StopReason.TOOL_USE),
    ).answer()
    assert answer.choices[0].parts == (
        Text(text="one two"),
        ToolUse(id="x", name="f", arguments="{}"),
        ToolUse(id="y", name="g", arguments='{"b":1}'),
    )
    assert answer.usage == Usage(input_tokens=5)


def test_a_signature_ends_a_thought() -> None:
    parts = (
        gathered(
            ThinkingDelta(text="a"),
            ThinkingSigned(signature="1"),
            ThinkingDelta(text="b"),
            ThinkingRedacted(data="x"),
        )
        .answer()
        .choices[0]
        .parts
    )
    assert parts == (
        Thinking(text="a", signature="1"),
        Thinking(text="b"),
        RedactedThinking(data="x"),
    )


def test_what_is_put_together_is_bounded() -> None:
    cut = gathered(TextDelta(text="123"), TextDelta(text="456"), max_chars=4)
    assert (cut.is_cut, text_of(cut.answer())) == (True, "1234")
    assert not gathered(TextDelta(text="1234"), max_chars=4).is_cut
    many = gathered(*(TextDelta(text="a", choice=at) for at in range(MAX_PARTS + 1)))
    assert (many.is_cut, len(many.answer().choices)) == (True, MAX_PARTS)
    image = MediaMade(media=Media(kind=MediaKind.IMAGE, mime=None, url="https://x"))
    many = gathered(*[image] * (MAX_PARTS + 1))
    assert (many.is_cut, len(many.answer().choices[0].parts)) == (True, MAX_PARTS)


def test_nothing_is_an_empty_answer() -> None:
    assert gathered().answer() == Answer(choices=(AnswerChoice(),))
    assert text_of(Answer(choices=())) == ""


def test_the_last_report_of_usage_counts() -> None:
    first, last = Usage(input_tokens=1), Usage(input_tokens=2)
    assert gathered(UsageTold(usage=first), UsageTold(usage=last)).answer().usage == last


def test_the_text_of_an_answer_has_its_calls() -> None:
    parts = (Thinking(text="hm"), Text(text="hi"), ToolUse(id="1", name="f", arguments="{}"))
    assert text_of(Answer(choices=(AnswerChoice(parts=parts),))) == "hi\nf({})"


def test_logprobs_are_gathered() -> None:
    token = TokenLogprob(token="a", logprob=-1.0)
    answer = gathered(LogprobsDelta(tokens=(token,)), LogprobsDelta(tokens=(token,))).answer()
    assert answer.choices[0].logprobs == (token, token)
