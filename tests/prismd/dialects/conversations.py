"""Conversations and answers for the tests of dialects: examples and hypothesis strategies."""

import msgspec
from hypothesis import strategies as st

from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    StopReason,
    Text,
    Thinking,
    ToolUse,
)

words = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
"""What a model may say, in any script."""
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
tool_ids = st.from_regex(r"call_[a-zA-Z0-9]{1,12}", fullmatch=True)
arguments = st.dictionaries(names, st.one_of(words, st.integers(-9, 9), st.booleans())).map(
    lambda value: msgspec.json.encode(value).decode()
)

tool_uses = st.builds(ToolUse, id=tool_ids, name=names, arguments=arguments)
tool_use_lists = st.lists(tool_uses, max_size=3, unique_by=lambda use: use.id)

usages = st.builds(
    Usage,
    input_tokens=st.integers(100, 10_000),
    output_tokens=st.integers(100, 10_000),
    cached_input_tokens=st.integers(0, 100),
    requests=st.just(1),
)


@st.composite
def answers(draw: st.DrawFn, *, has_thinking: bool = False, has_usage: bool = True) -> Answer:
    """Return answers of one choice that every dialect can say."""
    parts: list[Text | Thinking | ToolUse] = []
    if has_thinking and draw(st.booleans()):
        parts.append(Thinking(text=draw(words), signature=draw(st.just("c2lnbmVk"))))
    if draw(st.booleans()):
        parts.append(Text(text=draw(words)))
    calls = draw(tool_use_lists)
    stop = (
        StopReason.TOOL_USE if calls else draw(st.sampled_from([StopReason.END, StopReason.LENGTH]))
    )
    choice = AnswerChoice(parts=(*parts, *calls), stop=stop)
    usage = draw(usages) if has_usage else None
    return Answer(id="answer-1", model="some-model", choices=(choice,), usage=usage)
