"""A JSON format for vendors that have none: a tool is offered whose call is the answer.

``with_json_tool`` asks for the call; ``unwrap_answer`` and ``JsonToolEvents`` make it the text of
the answer again. Pure.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    Conversation,
    Event,
    Finished,
    StopReason,
    Text,
    TextDelta,
    Tool,
    ToolArguments,
    ToolChoice,
    ToolMode,
    ToolStarted,
    ToolUse,
)

_OBJECT = msgspec.Raw(b'{"type":"object"}')


def with_json_tool(conversation: Conversation) -> tuple[Conversation, str | None]:
    """Ask for the call of a tool in place of a JSON format.

    Returns:
        The conversation without its ``json_format``, and the name of the tool whose call is the
        answer. With tools of the caller's own the model chooses between them and the answer.
        None: there is no format to replace.
    """
    wanted = conversation.json_format
    if wanted is None:
        return conversation, None
    name = _unused_name(conversation)
    about = wanted.description or "Give the final answer to the user by calling this tool."
    tool = Tool(name=name, description=about, schema=wanted.schema or _OBJECT)
    given = conversation.tool_choice
    is_free = given is None or given.mode is not ToolMode.NONE
    if conversation.tools and is_free:
        choice = ToolChoice(mode=ToolMode.REQUIRED)
        if given is not None and given.names:
            choice = replace(choice, names=(*given.names, name))
    else:
        choice = ToolChoice(mode=ToolMode.REQUIRED, names=(name,))
    tools = (*conversation.tools, tool)
    return replace(conversation, json_format=None, tools=tools, tool_choice=choice), name


def _unused_name(conversation: Conversation) -> str:
    name = "json_answer"
    while any(tool.name == name for tool in conversation.tools):
        name += "_"
    return name


def unwrap_answer(answer: Answer, json_tool: str) -> Answer:
    """Turn the call of the tool of ``with_json_tool`` into the text of the answer."""
    return replace(answer, choices=tuple(_unwrapped(one, json_tool) for one in answer.choices))


def _unwrapped(choice: AnswerChoice, json_tool: str) -> AnswerChoice:
    calls = [part for part in choice.parts if isinstance(part, ToolUse)]
    answer = next((call for call in calls if call.name == json_tool), None)
    if answer is None:
        return choice
    # What was said beside the answer is no JSON.
    kept = (part for part in choice.parts if not isinstance(part, Text))
    parts = tuple(Text(text=answer.arguments) if part is answer else part for part in kept)
    is_end = choice.stop is StopReason.TOOL_USE and calls == [answer]
    return replace(choice, parts=parts, stop=StopReason.END if is_end else choice.stop)


class JsonToolEvents:
    """The same for a stream: the events of the call become words."""

    def __init__(self, json_tool: str) -> None:
        self._name = json_tool
        self._answers: dict[int, int] = {}
        """Choice → the index of the call that is the answer."""
        self._others: set[int] = set()
        """Choices with calls of other tools."""
        self._beside: dict[int, list[TextDelta]] = {}
        """Choice → what is said without a call: no JSON, unless no call comes."""

    def passed(self, event: Event) -> Iterator[Event]:
        """Take an event; yield what the client is told."""
        match event:
            case TextDelta():
                self._beside.setdefault(event.choice, []).append(event)
            case ToolStarted():
                yield from self._started(event)
            case ToolArguments():
                yield self._arguments(event)
            case Finished():
                yield from self._finished(event)
            case _:
                yield event

    def _started(self, event: ToolStarted) -> Iterator[Event]:
        if event.name == self._name and event.choice not in self._answers:
            self._answers[event.choice] = event.tool
            return
        self._others.add(event.choice)
        is_behind = event.tool > self._answers.get(event.choice, event.tool)
        yield replace(event, tool=event.tool - 1) if is_behind else event

    def _arguments(self, event: ToolArguments) -> Event:
        answer = self._answers.get(event.choice)
        if answer is None or event.tool < answer:
            return event
        if event.tool > answer:
            return replace(event, tool=event.tool - 1)
        return TextDelta(text=event.text, choice=event.choice)

    def _finished(self, event: Finished) -> Iterator[Event]:
        if event.choice not in self._answers:
            yield from self._beside.pop(event.choice, ())
            yield event
        elif event.stop is StopReason.TOOL_USE and event.choice not in self._others:
            yield replace(event, stop=StopReason.END)
        else:
            yield event
