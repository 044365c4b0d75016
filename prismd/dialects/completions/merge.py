"""The answers to several prompts as one: choices counted through, usage summed up."""

from collections.abc import Iterator, Sequence

import msgspec

from prismd.dialects.openai.usage import ABSENT, is_null, usage_body, usage_of
from prismd.kernel import jsonio, sse
from prismd.kernel.sse import DONE, SseDecoder
from prismd.wire.common import Usage

Raw = msgspec.Raw

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_choices = msgspec.json.Decoder(list[dict[str, Raw]]).decode


def merged(bodies: Sequence[bytes], *, choices_each: int) -> bytes:
    """Put whole answers together, in the order of their prompts.

    Args:
        bodies: Answers, one per prompt.
        choices_each: How many choices each of them has.
    """
    whole = _decode_fields(bodies[0])
    choices: list[dict[str, Raw]] = []
    usages: list[Usage | None] = []
    for at, body in enumerate(bodies):
        fields = _decode_fields(body)
        choices += _renumbered(fields.get("choices", ABSENT), at * choices_each)
        usages.append(usage_of(fields.get("usage", ABSENT)))
    total = summed(usages)
    usage = {} if total is None else {"usage": usage_body(total)}
    return jsonio.encode({**whole, "choices": choices, **usage})


def summed(usages: Sequence[Usage | None]) -> Usage | None:
    """Add up what calls used; None if one of them does not say."""
    total = [0] * len(Usage.__struct_fields__)
    for usage in usages:
        if usage is None:
            return None
        total = [have + int(more) for have, more in zip(total, _counts(usage), strict=True)]
    named = dict(zip(Usage.__struct_fields__, total, strict=True))
    return msgspec.convert(named | {"is_estimated": bool(named["is_estimated"])}, Usage)


def _counts(usage: Usage) -> tuple[int, ...]:
    return tuple(int(getattr(usage, name)) for name in Usage.__struct_fields__)


class Renumbering:
    """The stream for one of several prompts, on its way into one for all."""

    def __init__(self, *, first_choice: int) -> None:
        self.usage: Usage | None = None
        self.has_failed = False
        """Whether it ended with an error: nothing may follow that."""
        self.head: dict[str, Raw] = {}
        """What its events begin with."""
        self._first = first_choice
        self._sse = SseDecoder()

    def feed(self, events: bytes) -> Iterator[bytes]:
        """Take whole events; yield those of the merged stream."""
        for event in self._sse.feed(events):
            if event.data and event.data != DONE and (out := self._passed(event.data)):
                yield out

    def _passed(self, data: bytes) -> bytes:
        fields = _decode_fields(data)
        if not is_null(fields.get("error", ABSENT)) and "choices" not in fields:
            self.has_failed = True
            return sse.encode(data)
        choices = _renumbered(fields.get("choices", ABSENT), self._first)
        if (usage := usage_of(fields.get("usage", ABSENT))) is not None:
            self.usage = usage
        self.head = self.head or {name: fields[name] for name in fields if name not in _OWN}
        if not choices:
            return b""
        return sse.encode(jsonio.encode({**fields, "choices": choices}))


_OWN = ("choices", "usage", "prism")


def usage_event(head: dict[str, Raw], usage: Usage) -> bytes:
    """Write the event that tells what all prompts used."""
    return sse.encode(jsonio.encode({**head, "choices": [], "usage": usage_body(usage)}))


def _renumbered(raw: Raw, first: int) -> list[dict[str, Raw]]:
    if is_null(raw):
        return []
    choices = _decode_choices(raw)
    for choice in choices:
        index = int(bytes(choice.get("index", Raw(b"0"))))
        choice["index"] = Raw(b"%d" % (first + index))
    return choices
