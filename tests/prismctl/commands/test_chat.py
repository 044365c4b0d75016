import json
from dataclasses import replace
from typing import Any

import pytest

from tests.prismctl import stub as canned
from tests.prismctl.stub import KEY, Canned, StubGateway, listing
from tests.prismctl.support import PEOPLE, Run

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
LAST = {"usage": USAGE, "prism": {"request_id": "req_7", "cost": 0.000013}}
CALL = {"index": 0, "function": {"name": "weather", "arguments": '{"city":'}}
REST = {"index": 0, "function": {"arguments": '"Rome"}'}}


def chunk(**delta: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"index": 0, "delta": delta}]}


def stream(*chunks: dict[str, Any], is_done: bool = True) -> Canned:
    lines = [f"data: {json.dumps(one)}\n\n" for one in chunks] + ["data: [DONE]\n\n"] * is_done
    return Canned("".join(lines).encode(), headers={"x-request-id": "req_7"})


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    answer = stream(chunk(content="Hel"), chunk(content="lo\x1b[2J"), LAST)
    stub.on("POST", "/v1/chat/completions", answer)
    return stub


def test_the_answer_is_on_stdout_and_its_cost_on_stderr(cli: Run, gateway: StubGateway) -> None:
    result = cli("chat", "-m", "m", "hello", "there", "--system", "Be brief.")
    assert result.out == "Hello\\x1b[2J\n"
    assert result.err == "m-1 · 9 in, 2 out · $0.000013\n"
    sent = gateway.last("POST")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.json() == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello there"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_without_a_message_it_is_read_from_stdin(cli: Run, gateway: StubGateway) -> None:
    cli("chat", "-m", "m", stdin="a diff\n")
    assert gateway.last("POST").json()["messages"][0]["content"] == "a diff"
    cli("chat", "-m", "m", "explain", "-", stdin="a diff\n")
    assert gateway.last("POST").json()["messages"][0]["content"] == "explain a diff"


@pytest.mark.parametrize("words", [("-o", "csv"), ("--fields", "id")])
def test_what_an_answer_cannot_be_is_2(
    cli: Run, gateway: StubGateway, words: tuple[str, ...]
) -> None:
    assert cli("chat", "-m", "m", "hello", *words).code == 2
    assert gateway.sent == []


def test_an_empty_message_is_2(cli: Run, gateway: StubGateway) -> None:
    assert cli("chat", "-m", "m", stdin=" \n").code == 2
    assert gateway.sent == []


def test_not_streamed_the_cost_is_in_a_header(cli: Run, gateway: StubGateway) -> None:
    whole = {"model": "m-1", "choices": [{"message": {"content": "Hi"}}], "usage": USAGE}
    gateway.on("POST", "/v1/chat/completions", Canned(whole, headers={"x-prism-cost": "0.5"}))
    result = cli("chat", "-m", "m", "hello", "--no-stream")
    assert (result.out, result.err) == ("Hi\n", "m-1 · 9 in, 2 out · $0.5\n")
    assert json.loads(cli("chat", "-m", "m", "hello", "-o", "json").out) == whole


def test_jsonl_is_the_chunks_as_they_come(cli: Run, gateway: StubGateway) -> None:
    lines = cli("chat", "-m", "m", "hello", "-o", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == [
        chunk(content="Hel"),
        chunk(content="lo\x1b[2J"),
        LAST,
    ]


def test_tool_calls_are_put_together(cli: Run, gateway: StubGateway) -> None:
    pieces = stream(chunk(tool_calls=[CALL]), chunk(tool_calls=[REST]))
    gateway.on("POST", "/v1/chat/completions", pieces)
    assert cli("chat", "-m", "m", "rain?").out == '→ weather({"city":"Rome"})\n'


def test_a_gateway_that_does_not_tell_the_cost_still_answers(
    cli: Run, gateway: StubGateway
) -> None:
    gateway.on("POST", "/v1/chat/completions", stream(chunk(content="Hi"), {"usage": USAGE}))
    result = cli("chat", "-m", "m", "hello")
    assert (result.code, result.err) == (0, "m-1 · 9 in, 2 out\n")
    assert [one.path for one in gateway.sent] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (stream(chunk(content="Hal"), is_done=False), "closed before the answer was complete"),
        (stream(chunk(content="Hal"), {"error": {"message": "Upstream died."}}), "Upstream died."),
        (Canned(b"data: {broken\n\n"), "an event that is not JSON"),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(
    cli: Run, gateway: StubGateway, answer: Canned, said: str
) -> None:
    gateway.on("POST", "/v1/chat/completions", answer)
    result = cli("chat", "-m", "m", "hello")
    assert result.code == 1
    assert "the answer broke off" in result.err
    assert said in result.err


@pytest.mark.parametrize(
    ("models", "chosen"),
    [(["only-one"], "only-one"), (["a", "fake/echo", "b"], "fake/echo"), (["a", "b"], None)],
)
def test_without_a_model_the_obvious_one_is_asked(
    cli: Run, gateway: StubGateway, models: list[str], chosen: str | None
) -> None:
    gateway.on("GET", "/v1/models", listing(*({"id": name} for name in models)))
    result = cli("chat", "hello")
    if chosen is None:
        assert result.code == 2
        assert "there are: a, b" in result.err
    else:
        assert gateway.last("POST").json()["model"] == chosen
        assert f"model: {chosen}" in result.err


def test_a_conversation_keeps_what_was_said(
    cli: Run, gateway: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = canned.error(429, "rate_limit_exceeded", "Slow down.")
    said = stream(chunk(content="Hello"))
    gateway.on("POST", "/v1/chat/completions", said, refused, said)
    lines = iter(["one", "", "two", "three"])

    def typed(prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    result = cli("chat", "-m", "m", terminal=replace(PEOPLE, is_in_tty=True))
    assert result.code == 0
    assert result.out == "Hello\nHello\n\n"
    assert "Slow down." in result.err
    asked = [one["content"] for one in gateway.last("POST").json()["messages"]]
    assert asked == ["one", "Hello", "three"]


def test_a_call_that_failed_says_how_to_see_why(cli: Run, stub: StubGateway) -> None:
    stub.on("POST", "/v1/chat/completions", canned.error(502, "provider_500", "It broke."))
    for words in (("hi",), ("hi", "--no-stream")):
        result = cli("chat", "-m", "m", *words)
        assert result.code == 1
        assert "hint: why: prismctl requests explain req_1\n" in result.err
    stub.on("POST", "/v1/chat/completions", canned.error(401, "no_such", "Who?"))
    assert "explain" not in cli("chat", "-m", "m", "hi").err
