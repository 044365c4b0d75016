"""Text completions: requests, answers, streams; relayed, and said as a conversation."""

import contextlib
import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.base import About
from prismd.dialects.completions import Completions
from prismd.dialects.completions.merge import Renumbering, merged, usage_event
from prismd.dialects.completions.request import DEFAULT_MAX_TOKENS, split
from prismd.dialects.gather import Gathering, events_of
from prismd.kernel.errors import InvalidRequest, UpstreamError
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    StopReason,
    Text,
    TokenLogprob,
    Turn,
)
from tests.prismd.dialects.conversations import words

DIALECT = Completions()


def body(**fields: object) -> bytes:
    return json.dumps({"model": "m", "prompt": "Once", **fields}).encode()


def parse(**fields: object) -> ChatRequest:
    return DIALECT.parse(body(**fields))


def about(request: ChatRequest | None = None, *, wants_usage: bool = True) -> About:
    return About(id="req_1", model="m", created_s=7, wants_usage=wants_usage, request=request)


# ── requests ─────────────────────────────────────────────────────────────────────────────────────


def test_the_top_level_is_looked_at_once() -> None:
    request = parse(prompt=["a", "b"], n=2, best_of=3, max_tokens=9, stream=True)
    assert (request.model, request.is_stream, request.choices) == ("m", True, 6)
    assert request.max_output_tokens == 9
    assert parse().max_output_tokens == DEFAULT_MAX_TOKENS
    assert parse(stream_options={"include_usage": True}).wants_usage


@pytest.mark.parametrize(
    ("sent", "code", "param"),
    [
        (b"{", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b'{"prompt":"x"}', "missing_model", "model"),
        (b'{"model":"","prompt":"x"}', "missing_model", "model"),
        (b'{"model":"m"}', "missing_prompt", "prompt"),
        (b'{"model":"m","prompt":[]}', "invalid_value", "prompt"),
        (b'{"model":"m","prompt":{"a":1}}', "invalid_type", "prompt"),
        (b'{"model":"m","prompt":"x","n":"two"}', "invalid_type", "n"),
        (b'{"model":"' + b"m" * 300 + b'","prompt":"x"}', "invalid_value", "model"),
        (b'{"model":"m","prompt":"\xff"}', "invalid_json", None),
        (b'{"model":"m","prompt":"x","odd":' + b"[" * 100_000, "invalid_json", None),
    ],
)
def test_what_cannot_be_read_is_refused(sent: bytes, code: str, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        DIALECT.parse(sent)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_a_prompt_is_the_one_turn_of_a_conversation() -> None:
    request = parse(
        stop="END", logprobs=2, temperature=0.5, seed=1, best_of=4, n=2, suffix=None, odd=1
    )
    said = DIALECT.read(request)
    assert said.turns == (Turn(role="user", parts=(Text(text="Once"),)),)
    assert (said.stop, said.logprobs, said.top_logprobs, said.seed, said.n) == (
        ("END",),
        True,
        2,
        1,
        2,
    )
    assert said.max_output_tokens == DEFAULT_MAX_TOKENS
    assert said.drops == ("odd", "best_of")
    assert said.system == ()


def test_a_suffix_is_told_to_the_model() -> None:
    (told,) = DIALECT.read(parse(suffix="the end")).system
    assert "----\nthe end\n----" in told.text


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2]], ["a", "b"], ""])
def test_what_is_no_single_text_is_for_vendors_with_completions(prompt: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        DIALECT.read(parse(prompt=prompt))
    assert caught.value.param == "prompt"


def test_each_prompt_becomes_a_request() -> None:
    parts = split(parse(prompt=["a", "b"], n=2))
    assert [json.loads(bytes(part.fields["prompt"])) for part in parts] == ["a", "b"]
    assert [part.choices for part in parts] == [2, 2]
    assert [DIALECT.read(part).turns[0].parts for part in parts] == [
        (Text(text="a"),),
        (Text(text="b"),),
    ]
    one = parse(prompt="a")
    assert split(one) == [one]
    assert [json.loads(bytes(p.fields["prompt"])) for p in split(parse(prompt=[[1], [2]]))] == [
        [1],
        [2],
    ]


def test_a_relayed_request_has_the_clients_own_bytes() -> None:
    request = DIALECT.parse(
        b'{"model":"a","model":"b","prompt":"\\u00e4","odd":1.0,"stream":true,'
        b'"stream_options":{"x":1}}'
    )
    assert request.model == "b"
    fields = DIALECT.relay(request, model="vendor/m", output_limit=5).fields
    assert fields["model"] == "vendor/m"
    assert fields["max_tokens"] == 5
    assert bytes(fields["prompt"]) == b'"\\u00e4"'  # type: ignore[call-overload]
    assert bytes(fields["odd"]) == b"1.0"  # type: ignore[call-overload]
    options = json.loads(msgspec.json.encode(fields["stream_options"]))
    assert options == {"x": 1, "include_usage": True}


# ── answers ──────────────────────────────────────────────────────────────────────────────────────

USAGE = Usage(input_tokens=3, output_tokens=4, requests=1)


def answer_of(*texts: str, stop: StopReason = StopReason.END) -> Answer:
    choices = tuple(
        AnswerChoice(index=at, parts=(Text(text=text),), stop=stop) for at, text in enumerate(texts)
    )
    return Answer(id="a", model="v", choices=choices, usage=USAGE)


def test_a_whole_answer_is_written_as_the_api_has_it() -> None:
    written = json.loads(DIALECT.write_answer(answer_of(" upon", stop=StopReason.LENGTH), about()))
    assert written["object"] == "text_completion"
    assert (written["id"], written["model"], written["created"]) == ("a", "v", 7)
    assert written["choices"] == [
        {"text": " upon", "index": 0, "logprobs": None, "finish_reason": "length"}
    ]
    assert written["usage"]["total_tokens"] == 7


def test_an_echo_repeats_the_prompt_before_each_choice() -> None:
    request = parse(echo=True, n=2)
    written = json.loads(DIALECT.write_answer(answer_of("!", "?"), about(request)))
    assert [choice["text"] for choice in written["choices"]] == ["Once!", "Once?"]


def test_logprobs_say_where_their_tokens_are() -> None:
    tokens = (
        TokenLogprob(token=" up", logprob=-0.1, top=((" up", -0.1), (" a", -2.0))),
        TokenLogprob(token="on", logprob=-0.2),
    )
    choice = AnswerChoice(parts=(Text(text=" upon"),), stop=StopReason.END, logprobs=tokens)
    request = parse(echo=True, logprobs=2)
    raw = DIALECT.write_answer(Answer(choices=(choice,)), about(request))
    told = json.loads(raw)["choices"][0]["logprobs"]
    assert told["text_offset"] == [4, 7]
    assert told["top_logprobs"][0] == {" up": -0.1, " a": -2.0}
    assert DIALECT.read_answer(raw, provider="p").choices[0].logprobs == tokens


@given(st.lists(words, min_size=1, max_size=3))
def test_an_answer_survives_being_written_and_read(texts: list[str]) -> None:
    answer = answer_of(*texts)
    assert DIALECT.read_answer(DIALECT.write_answer(answer, about()), provider="p") == answer


@pytest.mark.parametrize("sent", [b"<html>", b"{}", b'{"choices":3}', b'{"error":{"message":"x"}}'])
def test_an_answer_that_is_none_is_the_vendors_fault(sent: bytes) -> None:
    with pytest.raises(UpstreamError):
        DIALECT.read_usage(sent, provider="p")
    with pytest.raises(UpstreamError):
        DIALECT.read_answer(sent, provider="p")


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


def streamed(answer: Answer, request: ChatRequest | None = None) -> bytes:
    encoder = DIALECT.encoder(about(request))
    return b"".join(encoder.encode(event) for event in events_of(answer)) + encoder.last()


def decoded(parts: list[bytes]) -> Answer:
    gathering, decoder = Gathering(), DIALECT.decoder(provider="p")
    for part in parts:
        for event in decoder.feed(part):
            gathering.add(event)
    for event in decoder.end():
        gathering.add(event)
    return gathering.answer()


@given(st.lists(words, min_size=1, max_size=3), st.lists(st.integers(0, 900), max_size=8))
def test_a_stream_says_what_the_answer_says_however_it_is_cut(
    texts: list[str], cuts: list[int]
) -> None:
    answer = answer_of(*texts)
    stream = streamed(answer)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert decoded([stream[a:b] for a, b in pairwise(places)]) == answer


def test_a_stream_begins_with_the_echo() -> None:
    stream = streamed(answer_of("!"), parse(echo=True))
    assert decoded([stream]).choices[0].parts == (Text(text="Once!"),)


def follow(stream: bytes, *, wants_usage: bool) -> tuple[bytes, Usage | None, bool]:
    follower = DIALECT.follower(about(wants_usage=wants_usage), provider="p")
    follower.keep(max_chars=100)
    out = b"".join(follower.feed(stream)) + b"".join(follower.end())
    assert json.loads(follower.answer())["choices"][0]["text"] == " upon"
    return out + follower.last(), follower.usage, follower.is_done


def test_a_relayed_stream_is_the_vendors_own_bytes() -> None:
    stream = streamed(answer_of(" upon"))
    assert follow(stream, wants_usage=True) == (stream, USAGE, True)
    out, usage, _ = follow(stream, wants_usage=False)
    assert b"usage" not in out
    assert usage == USAGE
    assert out.endswith(b"data: [DONE]\n\n")


def test_an_annotation_is_in_the_event_with_the_usage() -> None:
    for face in (DIALECT.follower(about(), provider="p"), DIALECT.encoder(about())):
        face.annotate = lambda usage: b'{"out":%d}' % usage.output_tokens
        if hasattr(face, "feed"):
            out = b"".join(face.feed(streamed(answer_of(" upon"))))
        else:
            out = b"".join(face.encode(event) for event in events_of(answer_of(" upon")))
        last = json.loads(out.strip().split(b"data: ")[-1])
        assert (last["choices"], last["prism"]) == ([], {"out": 4})


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b'data: {"choices":[{"text":"a","index":0,"finish_reason":null}]}\n\n',
        b"data: {nonsense\n\n",
        b'data: {"error":{"message":"broke"}}\n\n',
    ],
)
def test_a_stream_that_breaks_off_is_an_error(stream: bytes) -> None:
    with pytest.raises(UpstreamError):
        decoded([stream])


@given(st.binary(max_size=80))
def test_garbage_is_the_vendors_fault_or_nothing(garbage: bytes) -> None:
    decoder = DIALECT.decoder(provider="p")
    with contextlib.suppress(UpstreamError):
        list(decoder.feed(b"data: " + garbage + b"\n\n"))


# ── several prompts ──────────────────────────────────────────────────────────────────────────────


def test_the_answers_to_several_prompts_are_one() -> None:
    bodies = [
        DIALECT.write_answer(answer_of(*texts), about()) for texts in (("a", "b"), ("c", "d"))
    ]
    whole = json.loads(merged(bodies, choices_each=2))
    assert [(one["index"], one["text"]) for one in whole["choices"]] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
        (3, "d"),
    ]
    assert whole["usage"]["prompt_tokens"] == 6


def test_streams_are_numbered_through() -> None:
    part = Renumbering(first_choice=2)
    stream = streamed(answer_of("a", "b"))
    out = b"".join(part.feed(stream))
    assert part.usage == USAGE
    assert not part.has_failed
    assert b"[DONE]" not in out
    events = [json.loads(line[6:]) for line in out.decode().split("\n\n") if line]
    assert {choice["index"] for event in events for choice in event["choices"]} == {2, 3}
    assert all(event["choices"] for event in events)
    told = json.loads(usage_event(part.head, USAGE)[6:])
    assert (told["object"], told["choices"]) == ("text_completion", [])
    failing = Renumbering(first_choice=0)
    assert list(failing.feed(b'data: {"error":{"message":"x"}}\n\n'))
    assert failing.has_failed
