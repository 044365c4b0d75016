"""What the models say, and how it is cut and counted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.providers.fake import MODELS, tokens, vendor
from prismd.providers.fake.engine import perform
from prismd.providers.fake.script import Ask, Finish, Turn

TOOL = {
    "type": "function",
    "function": {"name": "look_up_the_weather", "parameters": {"type": "object"}},
}


def post(model: str, messages: list[dict[str, Any]] | None = None, **body: Any) -> tuple[int, Any]:
    if messages is None:
        messages = [{"role": "user", "content": "Hello, world"}]
    request = json.dumps({"model": model, "messages": messages, **body}).encode()
    reply = vendor.answer("POST", "/chat/completions", {}, request)
    return reply.status, json.loads(b"".join(frame.data for frame in reply.frames))


def choice(model: str, messages: list[dict[str, Any]] | None = None, **body: Any) -> Any:
    status, answer = post(model, messages, **body)
    assert status == 200, answer
    return answer["choices"][0]


def text(model: str, messages: list[dict[str, Any]] | None = None, **body: Any) -> str:
    return str(choice(model, messages, **body)["message"]["content"])


def test_echo_says_the_last_user_message() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "second"},
        {"role": "assistant", "content": "yes"},
    ]
    assert text("echo", messages) == "second"
    assert text("echo", messages[:1]) == "Be brief."


def test_echo_names_the_parts_that_are_no_text() -> None:
    parts = [
        {"type": "text", "text": "see "},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "input_audio", "input_audio": {}},
        {"type": "file", "file": {}},
    ]
    assert text("echo", [{"role": "user", "content": parts}]) == "see [image][audio][file]"


def test_models_answer_with_or_without_the_prefix() -> None:
    assert text("fake/echo") == text("echo")
    assert post("fake/echo")[1]["model"] == post("echo")[1]["model"] == "fake/echo"


@pytest.mark.parametrize("length", [1, 2, 3, 17, 60, 999])
def test_lorem_has_exactly_the_wanted_length(length: int) -> None:
    _, answer = post(f"lorem+tokens={length}")
    assert answer["usage"]["completion_tokens"] == length
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_lorem_depends_on_prompt_and_seed_only() -> None:
    other = [{"role": "user", "content": "another"}]
    assert text("lorem") == text("lorem", temperature=0.3)
    assert len({text("lorem"), text("lorem", seed=1), text("lorem", other)}) == 3


def test_n_gives_several_choices_and_all_are_counted() -> None:
    _, answer = post("lorem", n=3)
    assert [found["index"] for found in answer["choices"]] == [0, 1, 2]
    assert len({found["message"]["content"] for found in answer["choices"]}) == 3
    assert answer["usage"]["completion_tokens"] == 180


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_tokens_cuts(name: str) -> None:
    body: dict[str, Any] = {name: 5}
    _, answer = post("lorem", **body)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


def test_an_answer_of_exactly_the_limit_is_not_cut() -> None:
    assert choice("echo", max_tokens=3)["finish_reason"] == "stop"


def test_a_name_of_a_tool_is_never_cut() -> None:
    found = choice("tools", tools=[TOOL], max_tokens=1)
    assert found["finish_reason"] == "length"
    assert "tool_calls" not in found["message"]


@pytest.mark.parametrize(("stop", "left"), [(", ", "Hello"), (["zzz", "w"], "Hello, "), ("", None)])
def test_stop_ends_the_text_before_it(stop: Any, left: str | None) -> None:
    found = choice("echo", stop=stop)
    assert found["message"]["content"] == (left or "Hello, world")
    assert found["finish_reason"] == "stop"


def test_tools_calls_the_first_tool() -> None:
    second = {"type": "function", "function": {"name": "second"}}
    found = choice("tools", tools=[TOOL, second])
    assert found["finish_reason"] == "tool_calls"
    assert found["message"]["content"] is None
    [call] = found["message"]["tool_calls"]
    assert call["function"] == {"name": "look_up_the_weather", "arguments": "{}"}
    assert call["id"].startswith("call_")


def test_tools_calls_the_tool_that_is_forced() -> None:
    second = {"type": "function", "function": {"name": "second"}}
    forced = {"type": "function", "function": {"name": "second"}}
    found = choice("tools", tools=[TOOL, second], tool_choice=forced)
    assert [call["function"]["name"] for call in found["message"]["tool_calls"]] == ["second"]


@pytest.mark.parametrize("body", [{}, {"tools": [TOOL], "tool_choice": "none"}, {"tools": []}])
def test_tools_answers_in_words_without_a_tool(body: dict[str, Any]) -> None:
    assert text("tools", **body) == "Hello, world"


def test_tools_quotes_what_the_tool_said() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    assert text("tools", messages, tools=[TOOL]) == "The tool answered: sunny"
    assert choice("tools", messages, tools=[TOOL], tool_choice="required")["message"]["tool_calls"]


def test_json_obeys_the_format() -> None:
    schema = {"type": "object", "properties": {"n": {"const": 3}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(text("json", response_format=wanted)) == {"n": 3}
    assert json.loads(text("json", response_format={"type": "json_object"})) == {
        "message": "Hello, world"
    }
    assert text("json", response_format={"type": "text"}) == "Hello, world"


def test_reason_counts_its_reasoning() -> None:
    _, answer = post("reason")
    message = answer["choices"][0]["message"]
    thought = message["reasoning_content"]
    usage = answer["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == tokens.count(thought)
    assert usage["completion_tokens"] == tokens.count(thought) + tokens.count(message["content"])


def test_usage_counts_every_message_and_tool() -> None:
    def prompt_tokens(**body: Any) -> int:
        return int(post("echo", **body)[1]["usage"]["prompt_tokens"])

    one = [{"role": "user", "content": "Hello, world"}]
    assert prompt_tokens(messages=one) == 3 + 4 + 3
    assert prompt_tokens(messages=one * 2) == 3 + 2 * (4 + 3)
    assert prompt_tokens(messages=one, tools=[TOOL]) > prompt_tokens(messages=one)
    usage = post("echo")[1]["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0


@pytest.mark.parametrize(
    ("body", "status", "param", "code"),
    [
        ({"messages": []}, 400, "messages", "invalid_value"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "messages[0].role", None),
        ({"messages": [{"role": "user", "content": None}]}, 400, "messages[0].content", None),
        ({"messages": [{"role": "user", "content": 7}]}, 400, "messages[0].content", None),
        ({"messages": "hello"}, 400, "messages", None),
        ({"model": "gpt-7"}, 404, "model", "model_not_found"),
        ({"max_tokens": 0}, 400, "max_tokens", "integer_below_min_value"),
        ({"max_completion_tokens": -1}, 400, "max_completion_tokens", None),
        ({"n": 0}, 400, "n", None),
        ({"n": 129}, 400, "n", None),
        ({"stop": ["a"] * 5}, 400, "stop", None),
        ({"tool_choice": "required"}, 400, "tool_choice", None),
        ({"tool_choice": {"function": {"name": "x"}}, "tools": [TOOL]}, 400, "tool_choice", None),
        ({"response_format": {"type": "xml"}}, 400, "response_format.type", None),
        ({"response_format": {"type": "json_schema"}}, 400, "response_format.json_schema", None),
        ({"model": "echo+rate=0"}, 400, "model", "invalid_fake_setting"),
    ],
)
def test_what_a_vendor_refuses_is_refused(
    body: dict[str, Any], status: int, param: str, code: str | None
) -> None:
    got, answer = post(**{"model": "echo", **body})
    assert got == status
    error = answer["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert code is None or error["code"] == code


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":"echo"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    reply = vendor.answer("POST", "/chat/completions", {}, body)
    assert reply.status == 400
    assert "error" in json.loads(reply.frames[0].data)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("tools", {"tools": [{"function": {"name": "f", "parameters": {"$ref": "#/nowhere"}}}]}),
        ("tools", {"tools": [{"function": {"name": "f", "parameters": False}}]}),
        ("json", {"json_schema": {"name": "x", "schema": {"type": "object", "allOf": [False]}}}),
    ],
)
def test_a_schema_that_cannot_be_obeyed_is_refused(model: str, body: dict[str, Any]) -> None:
    if model == "json":
        body = {"response_format": {"type": "json_schema", **body}}
    status, answer = post(model, **body)
    assert status == 400
    assert "Invalid schema" in answer["error"]["message"]


@given(st.text())
def test_tokens_joined_are_the_text(anything: str) -> None:
    found = tokens.split(anything)
    assert "".join(found) == anything
    assert all(found)


@given(
    said=st.text(min_size=1, max_size=80),
    limit=st.integers(1, 30),
    model=st.sampled_from(["echo", "lorem", "reason", "json"]),
    chunk=st.integers(1, 5),
)
def test_a_script_is_deterministic_and_within_the_limit(
    said: str, limit: int, model: str, chunk: int
) -> None:
    ask = Ask(turns=(Turn("user", said),), input_tokens=1, max_tokens=limit)
    script = perform(ask, MODELS[model], tokens_per_piece=chunk)
    assert script == perform(ask, MODELS[model], tokens_per_piece=chunk)
    assert script.usage.output_tokens <= limit
    [found] = script.choices
    assert all(piece.tokens <= chunk for piece in found.pieces)
    if found.finish is Finish.LENGTH:
        assert script.usage.output_tokens == limit
