"""One run of ``tail``: what was before, what comes, and what the line does meanwhile."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from prismctl import spans
from prismctl.client.events import Events, FeedItem, State
from prismctl.commands.feed_lines import Lines
from prismctl.errors import Unreachable
from prismctl.jsontext import Json, Object, as_objects, as_text
from prismctl.output import data
from prismctl.output.render import Format

if TYPE_CHECKING:
    from prismctl.session import Session

BODIES = ("request_body", "response_body", "is_request_body_cut", "is_response_body_cut")
HISTORY = 10_000
"""How many calls ``--since`` shows at most: the newest of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    filters: dict[str, str]
    """Of calls, as the API names them."""
    ways: dict[str, str]
    """How the feed tells them."""
    topics: tuple[str, ...]
    """None for all."""
    start: datetime | None
    limit: int | None

    @property
    def has_calls(self) -> bool:
        """Whether calls are among what is shown."""
        return not self.topics or "call" in self.topics


class Following:
    """One run: what was before, what comes, and what the line does meanwhile."""

    def __init__(self, session: "Session", asked: Asked) -> None:
        self._session = session
        self._asked = asked
        self._out = session.out
        self._lines = Lines(session.out.look, session.terminal)
        self._is_json = session.flags.output is Format.JSONL
        self._count = 0
        self._shown: set[str] = set()
        """Ids of the calls of ``--since``: the feed may tell them once more."""
        self._was_connected = self._is_connected = False

    def run(self) -> None:
        """Follow until the limit, or for ever."""
        events = Events(self._session.admin.http)
        filters = self._asked.filters | self._asked.ways
        unread = 0
        for item in events.follow(topics=self._asked.topics, filters=filters):
            if events.malformed > unread:
                unread = events.malformed
                self._out.note(f"events that nobody can read: {unread}", "dim")
            if not self._take(item):
                return

    def _take(self, item: FeedItem) -> bool:
        """Show an item; False after the last."""
        if isinstance(item, State):
            return self._turn(item)
        if item.topic == "gap":
            self._gap(item.body)
            return True
        is_shown = item.topic == "call" and item.body.get("request_id") in self._shown
        return is_shown or self._show(item.body)

    def _turn(self, state: State) -> bool:
        if state.kind == "connected":
            is_first, self._was_connected = not self._was_connected, True
            if not is_first and not self._is_connected:
                self._out.note("connected again", "dim")
            self._is_connected = True
            return self._begin() if is_first else True
        if state.kind == "lost":
            if not self._was_connected:
                raise Unreachable(
                    state.message,
                    hint="is the gateway running? start one here with: prismctl up",
                )
            if self._is_connected:
                self._out.note(f"the line is lost: {state.message}; trying again", "yellow")
            self._is_connected = False
        return True

    def _begin(self) -> bool:
        """Show the titles, and what was before: read now that the feed runs, so without a hole."""
        asked = self._asked
        if not self._is_json and asked.has_calls:
            self._out.stream(self._lines.head())
        if asked.start is None or not asked.has_calls:
            return True
        since = spans.written(asked.start)
        answer = self._session.admin.requests(limit=HISTORY, since=since, **asked.filters)
        rows = as_objects(answer.get("data"))
        self._shown = {as_text(row.get("id")) for row in rows}
        if answer.get("has_more"):
            self._out.note(f"only the newest {HISTORY:,} calls are shown", "dim")
        return all(self._show(self._told(row)) for row in reversed(rows))

    def _told(self, row: Object) -> Object:
        """Return a call of the list as the feed would have told it, with what is kept of it."""
        event = as_event(row)
        if "bodies" not in self._asked.ways or not row.get("has_bodies"):
            return event
        call = self._session.admin.request(as_text(row.get("id")), has_bodies=True)
        return event | {name: call[name] for name in BODIES if name in call}

    def _gap(self, body: Object) -> None:
        if self._is_json:
            self._write(body)
        else:
            self._out.stream(self._lines.line(body))

    def _show(self, event: Object) -> bool:
        if self._is_json:
            self._write(event)
            return self._goes_on()
        if isinstance(left := event.get("left_out"), int) and left > 0:
            calls = "call" if left == 1 else "calls"
            self._out.stream(self._lines.aside(f"{left:,} more {calls}"))
        self._fit()
        self._out.stream(self._lines.line(event) + self._lines.bodies(event))
        return self._goes_on()

    def _fit(self) -> None:
        """Lay lines out anew if the terminal has another width by now."""
        if not self._out.look.is_people:
            return
        width = self._session.terminal.width
        self._session.look_again()
        if self._session.terminal.width != width:
            self._lines = Lines(self._session.out.look, self._session.terminal)
            if self._asked.has_calls:
                self._out.stream(self._lines.head())

    def _goes_on(self) -> bool:
        self._count += 1
        return self._count != self._asked.limit

    def _write(self, event: Object) -> None:
        fields = self._out.fields
        self._out.value(data.select(event, fields) if fields else event)


def as_event(request: Object) -> Object:
    """Return a call of a list as the feed would have told it."""
    usage: Json = request.get("usage")
    counts = usage if isinstance(usage, dict) else request
    left_out = ("id", "object", "created_at", "ts_s", "usage", "cost")
    rest = {name: value for name, value in request.items() if name not in left_out}
    tokens = {name: counts.get(name) for name in ("input_tokens", "output_tokens")}
    return {
        "type": "call",
        "ts_s": request.get("ts_s"),
        "request_id": request.get("id"),
        **rest,
        **tokens,
    }
