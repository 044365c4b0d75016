"""One question and its answer: what is printed where. Knows nothing of conversations."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from prismctl.errors import ApiError
from prismctl.jsontext import Json, Object, as_object, as_objects, as_text, pick
from prismctl.output import human, safe
from prismctl.output.render import Format

if TYPE_CHECKING:
    from prismctl.session import Session


@contextmanager
def _saying_why() -> Iterator[None]:
    """Let the error of a call that has a trace say how to see it."""
    try:
        yield
    except ApiError as error:
        if error.request_id and not error.hint and error.status != HTTPStatus.UNAUTHORIZED:
            error.hint = f"why: prismctl requests explain {error.request_id}"
        raise


@dataclass
class Turn:
    """Ask one model, over and over if needed."""

    session: "Session"
    model: str
    is_streaming: bool = True

    def ask(self, messages: list[Json]) -> str:
        """Ask, print the answer, say what it cost; return the answer's text.

        Raises:
            PrismctlError: there is no answer, or not all of it.
        """
        is_whole = self.session.out.format is Format.JSON or not self.is_streaming
        with _saying_why():
            return self._ask_whole(messages) if is_whole else self._ask_streamed(messages)

    def _ask_streamed(self, messages: list[Json]) -> str:
        out = self.session.out
        parts, model = _Parts(), self.model
        usage: Json = None
        cost: str | None = None
        with self.session.openai.stream_chat(self._body(messages)) as stream:
            for chunk in stream.chunks:
                usage = pick(chunk, "usage") or usage
                if (told := pick(chunk, "prism.cost")) is not None:
                    cost = human.plain(told, out.look)
                model = as_text(chunk.get("model")) or model
                if out.format is Format.JSONL:
                    out.value(chunk)
                    continue
                for piece in parts.take(chunk):
                    out.stream(safe.block(piece))
        if out.format is not Format.JSONL:
            self._end(parts.text(), parts.calls())
        self._say_usage(model, usage, cost)
        return parts.text()

    def _body(self, messages: list[Json]) -> Object:
        return {"model": self.model, "messages": messages}

    def _ask_whole(self, messages: list[Json]) -> str:
        out = self.session.out
        answer = self.session.openai.chat(self._body(messages))
        content = answer.object()
        choices = as_objects(content.get("choices"))
        message = as_object(choices[0].get("message")) if choices else {}
        text = as_text(message.get("content"))
        if out.format in (Format.JSON, Format.JSONL):
            out.value(content)
        else:
            out.stream(safe.block(text))
            self._end(text, as_objects(message.get("tool_calls")))
        model = as_text(content.get("model")) or self.model
        self._say_usage(model, content.get("usage"), _cost_of(answer.headers))
        return text

    def _end(self, text: str, calls: list[Object]) -> None:
        """Finish the last line, and print the tools that the model wants called."""
        lines = [
            f"{as_text(pick(call, 'function.name'))}({as_text(pick(call, 'function.arguments'))})"
            for call in calls
        ]
        if text and not text.endswith("\n"):
            self.session.out.stream("\n")
        self.session.out.stream("".join(f"→ {safe.line(line)}\n" for line in lines))

    def _say_usage(self, model: str, usage: Json, cost: str | None) -> None:
        asked, said = pick(usage, "prompt_tokens"), pick(usage, "completion_tokens")
        facts = [model]
        if asked is not None:
            facts.append(f"{asked} in, {said} out")
        if cost is not None:
            facts.append(f"${cost}")
        self.session.out.note(" · ".join(facts), "dim")


@dataclass
class _Parts:
    """The pieces of a streamed answer, put together."""

    _text: list[str] = field(default_factory=list)
    _calls: dict[int, Object] = field(default_factory=dict)

    def take(self, chunk: Object) -> Iterator[str]:
        """Take a chunk; yield the text in it."""
        for choice in as_objects(chunk.get("choices")):
            delta = choice.get("delta")
            for call in as_objects(pick(delta, "tool_calls")):
                self._add_call(call)
            text = as_text(pick(delta, "content"))
            if text:
                self._text.append(text)
                yield text

    def text(self) -> str:
        """Return all text so far."""
        return "".join(self._text)

    def calls(self) -> list[Object]:
        """Return the tool calls, as a whole answer would hold them."""
        return list(self._calls.values())

    def _add_call(self, piece: Object) -> None:
        given = piece.get("index")
        index = given if isinstance(given, int) else 0
        known = as_object(self._calls.get(index, {}).get("function"))
        function: Object = {
            name: as_text(known.get(name)) + as_text(pick(piece, f"function.{name}"))
            for name in ("name", "arguments")
        }
        self._calls[index] = {"function": function}


def _cost_of(headers: Mapping[str, str]) -> str | None:
    return headers.get("x-prism-cost")
