"""Structured output for vendors that have none."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.gather import Gathering, events_of
from prismd.dialects.json_tool import JsonToolEvents, unwrap_answer, with_json_tool
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    Conversation,
    JsonFormat,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolMode,
    ToolUse,
    Turn,
)

SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')
TURNS = (Turn(role="user", parts=(Text(text="hi"),)),)
WANTED = JsonFormat(schema=SCHEMA, name="answer")
CALL = ToolUse(id="1", name="json_answer", arguments='{"a":"b"}')
OTHER = ToolUse(id="2", name="f", arguments="{}")


def test_without_a_format_nothing_changes() -> None:
    plain = Conversation(turns=TURNS)
    assert with_json_tool(plain) == (plain, None)


def test_the_only_tool_is_forced() -> None:
    asked, name = with_json_tool(Conversation(turns=TURNS, json_format=WANTED))
    assert name == "json_answer"
    assert asked.json_format is None
    assert [(tool.name, bytes(tool.schema)) for tool in asked.tools] == [(name, bytes(SCHEMA))]
    assert asked.tool_choice == ToolChoice(mode=ToolMode.REQUIRED, names=(name,))


def test_beside_other_tools_the_model_chooses() -> None:
    tools = (Tool(name="json_answer"), Tool(name="f"))
    asked, name = with_json_tool(Conversation(turns=TURNS, tools=tools, json_format=WANTED))
    assert name == "json_answer_"
    assert [tool.name for tool in asked.tools] == ["json_answer", "f", "json_answer_"]
    assert asked.tool_choice == ToolChoice(mode=ToolMode.REQUIRED)
    none = ToolChoice(mode=ToolMode.NONE)
    asked, name = with_json_tool(
        Conversation(turns=TURNS, tools=tools, tool_choice=none, json_format=WANTED)
    )
    assert asked.tool_choice == ToolChoice(mode=ToolMode.REQUIRED, names=("json_answer_",))


def test_a_subset_of_tools_has_the_answer_too() -> None:
    some = ToolChoice(mode=ToolMode.AUTO, names=("f",))
    asked, _ = with_json_tool(
        Conversation(turns=TURNS, tools=(Tool(name="f"),), tool_choice=some, json_format=WANTED)
    )
    assert asked.tool_choice == ToolChoice(mode=ToolMode.REQUIRED, names=("f", "json_answer"))


parts = st.lists(st.sampled_from([Text(text="words"), CALL, OTHER]), max_size=4, unique=True)


@given(parts)
def test_a_stream_says_what_the_whole_answer_says(said: list[Text | ToolUse]) -> None:
    calls = [part for part in said if isinstance(part, ToolUse)]
    stop = StopReason.TOOL_USE if calls else StopReason.END
    answer = Answer(choices=(AnswerChoice(parts=tuple(said), stop=stop),))
    whole = unwrap_answer(answer, "json_answer")

    gathering, passing = Gathering(), JsonToolEvents("json_answer")
    for event in events_of(answer):
        for told in passing.passed(event):
            gathering.add(told)
    streamed = gathering.answer()
    assert streamed.choices[0].stop == whole.choices[0].stop
    order = str
    assert sorted(streamed.choices[0].parts, key=order) == sorted(whole.choices[0].parts, key=order)
    if CALL in said:
        assert Text(text=CALL.arguments) in whole.choices[0].parts
        assert Text(text="words") not in whole.choices[0].parts
    else:
        assert whole == answer
    is_only = calls == [CALL]
    assert whole.choices[0].stop is (StopReason.END if is_only or not calls else stop)


def test_a_second_call_of_the_answer_is_no_tool_of_the_callers() -> None:
    """It stays a call: nothing is lost, and a client can see what happened."""
    again = ToolUse(id="3", name="json_answer", arguments="{}")
    choice = AnswerChoice(parts=(CALL, again), stop=StopReason.TOOL_USE)
    gathering, passing = Gathering(), JsonToolEvents("json_answer")
    for event in events_of(Answer(choices=(choice,))):
        for told in passing.passed(event):
            gathering.add(told)
    assert gathering.answer().choices[0].parts == (Text(text=CALL.arguments), again)
