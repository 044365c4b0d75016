"""Gentle traffic on the fake models, so that every view of a fresh gateway has something to show.

It has a key of its own, and the same calls come round and round: what is seen is repeatable.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count, cycle

from prismctl.client.http import Http
from prismctl.client.openai import OpenAI
from prismctl.errors import ApiError, PrismctlError
from prismctl.jsontext import Object

_WEATHER: Object = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the round."""

    model: str
    question: str
    fake: Mapping[str, str] = field(default_factory=dict)
    """Pace and faults: headers ``x-prism-fake-*`` of the fake provider."""
    more: Object = field(default_factory=dict)
    """Further fields of the request."""
    is_stream: bool = False


_CALLS: tuple[Call, ...] = (
    Call("fake/echo", "How do I reset my password?"),
    Call(
        "fake/lorem",
        "Write a product description.",
        {"tokens": "80", "rate": "200"},
        is_stream=True,
    ),
    Call("fake/json", "Extract the order.", more={"response_format": {"type": "json_object"}}),
    Call("fake/echo", "Translate: good morning", {"latency": "120ms"}, is_stream=True),
    Call("fake/tools", "Will it rain in Lisbon?", more={"tools": [_WEATHER]}),
    Call("fake/reason", "Which of the two is cheaper?", is_stream=True),
    Call("fake/lorem", "Summarise the meeting.", {"tokens": "40", "latency": "300ms"}),
)
_FAULT = Call("fake/echo", "One too many.", {"status": "429", "retry-after": "1"})
_FAULT_EVERY = 30
_PAUSES_S = (0.3, 0.7, 0.4, 0.9, 0.5)
"""Not a divisor of the number of calls: the rhythm shifts."""


class Demo:
    """The traffic, in a thread of its own. ``stop`` ends it within the current call."""

    def __init__(self, url: str, key: str) -> None:
        self._http = Http(url, token=key, timeout_s=10.0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the traffic and close the connection."""
        self._stopping.set()
        self._thread.join(timeout=5.0)
        self._http.close()

    def _run(self) -> None:
        api = OpenAI(self._http)
        for number, call, pause_s in zip(count(1), cycle(_CALLS), cycle(_PAUSES_S), strict=False):
            try:
                self._make(api, _FAULT if number % _FAULT_EVERY == 0 else call)
            except ApiError:
                # Some of these calls are meant to fail; errors are part of the show.
                pass
            except PrismctlError:
                return
            if self._stopping.wait(pause_s):
                return

    def _make(self, api: OpenAI, call: Call) -> None:
        body: Object = {
            "model": call.model,
            "messages": [{"role": "user", "content": call.question}],
            **call.more,
        }
        headers = {f"x-prism-fake-{name}": value for name, value in call.fake.items()}
        if not call.is_stream:
            api.chat(body, headers)
            return
        with api.stream_chat(body, headers) as stream:
            for _ in stream.chunks:
                if self._stopping.is_set():
                    return
