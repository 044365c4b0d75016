"""The fake's models. Each is a pure function from what is asked to the parts of one answer.

* ``echo``: the last user message again.
* ``lorem``: made-up text of a given length.
* ``tools``: a call of an offered tool, or several, with arguments that fit the schema.
* ``json``: an object as ``response_format`` wants it.
* ``reason``: some reasoning, then what ``echo`` says.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from prismd.kernel import jsonio
from prismd.providers.fake import tokens
from prismd.providers.fake.scalars import UnusableSchema
from prismd.providers.fake.schema import synthesise
from prismd.providers.fake.script import Ask, Part, PartKind, Refusal, ToolChoice, ToolOffer

Model = Callable[[Ask, int], Sequence[Part]]
"""The second argument is the index of the choice."""

_WORDS = [
    token.strip()
    for token in tokens.split(
        "lorem ipsum dolor sit amet elit sed do eiusmod tempor ut labore et dolore magna aliqua "
        "enim ad minim veniam quis nostrud ullamco laboris nisi ex ea commodo duis aute irure in "
        "velit esse cillum eu fugiat nulla pariatur sint non proident sunt culpa qui officia"
    )
]
"""Every word is one token."""

_SHORTEST_SENTENCE = 5
_SENTENCE_SPREAD = 8


def echo(ask: Ask, index: int) -> Sequence[Part]:  # noqa: ARG001  # all choices are the same
    """Say the last user message again."""
    return [Part(PartKind.TEXT, ask.last_user_text)]


def lorem(ask: Ask, index: int) -> Sequence[Part]:
    """Make up a text of ``lorem_tokens`` tokens from the prompt and the seed."""
    prompt = "\0".join(f"{turn.role}:{turn.text}" for turn in ask.turns)
    numbers = _numbers(f"{ask.seed}\0{index}\0{prompt}".encode(), ask.lorem_tokens)
    said: list[str] = []
    words_left = 0
    for number in numbers:
        if words_left:
            said.append(" " + _WORDS[number % len(_WORDS)])
            words_left -= 1
        else:
            said += ["."] if said else []
            said.append((" " if said else "") + _WORDS[number % len(_WORDS)].capitalize())
            words_left = _SHORTEST_SENTENCE + number % _SENTENCE_SPREAD
    return [Part(PartKind.TEXT, "".join([*said[: ask.lorem_tokens - 1], "."]))]


def _numbers(seed: bytes, amount: int) -> Sequence[int]:
    stream = hashlib.shake_128(seed).digest(2 * amount)
    return [int.from_bytes(stream[at : at + 2]) for at in range(0, len(stream), 2)]


def tools(ask: Ask, index: int) -> Sequence[Part]:
    """Call the first offered tool; say what it answered once it has.

    A choice of ``required`` is obeyed even after the tool's answer, as vendors do.
    """
    wants_call = ask.tools and ask.tool_choice is not ToolChoice.NONE
    if wants_call and (ask.tool_choice is ToolChoice.REQUIRED or ask.turns[-1].role != "tool"):
        return [
            part
            for tool in ask.tools[: ask.calls]
            for part in (
                Part(PartKind.TOOL_NAME, tool.name),
                Part(PartKind.TOOL_ARGUMENTS, _arguments(tool)),
            )
        ]
    if ask.turns[-1].role == "tool":
        return [Part(PartKind.TEXT, f"The tool answered: {ask.turns[-1].text}")]
    return echo(ask, index)


def _arguments(tool: ToolOffer) -> str:
    schema = tool.schema
    if isinstance(schema, Mapping) and "type" not in schema and "$ref" not in schema:
        schema = {**schema, "type": "object"}
    try:
        return jsonio.encode(synthesise(schema)).decode()
    except UnusableSchema as error:
        msg = f"Invalid schema for function '{tool.name}': {error}."
        raise Refusal(msg, param="tools", code="invalid_function_parameters") from None


def json_(ask: Ask, index: int) -> Sequence[Part]:
    """Obey ``response_format``, or call the tool that must be; else do as ``echo`` does."""
    if ask.json_format is None and ask.tools and ask.tool_choice is ToolChoice.REQUIRED:
        return tools(ask, index)
    if ask.json_format is None:
        return echo(ask, index)
    value: object = {"message": ask.last_user_text}
    if ask.json_format.schema is not None:
        try:
            value = synthesise(ask.json_format.schema)
        except UnusableSchema as error:
            msg = f"Invalid schema for response_format: {error}."
            raise Refusal(msg, param="response_format", code="invalid_json_schema") from None
    return [Part(PartKind.TEXT, jsonio.encode(value).decode())]


def reason(ask: Ask, index: int) -> Sequence[Part]:
    """Think about the last user message, then repeat it."""
    said = ask.last_user_text
    thought = f'The user says "{said}". I am a fake, so the best answer is to repeat it.'
    return [Part(PartKind.REASONING, thought), *echo(ask, index)]


MODELS: Mapping[str, Model] = {
    "echo": echo,
    "lorem": lorem,
    "tools": tools,
    "json": json_,
    "reason": reason,
}
"""In the order in which they are listed."""
