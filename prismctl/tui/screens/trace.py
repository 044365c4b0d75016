"""How one call was decided: identity → route → limits → attempts → cost, as a waterfall of time."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from prismctl.jsontext import Object, as_object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.tui import figures, values
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Pane, Subject
from prismctl.tui.screens.call_views import CALL
from prismctl.tui.widgets.sheet import Sheet

MAX_STEPS = 200
_STAGES = {
    "permit": "identity",
    "plan": "route",
    "reserve": "limits",
    "attempt": "attempts",
    "settle": "answer+cost",
    "refused": "refused",
    "replay": "replay",
}
_NAME, _MS = 11, 9
"""Cells of the first two columns."""


class Trace(Pane):
    """One call. The board's event is shown until the gateway has told the rest."""

    contexts: ClassVar[tuple[str, ...]] = ("subject",)

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._request = ""
        self._call: Object = {}
        self._problem = ""
        self._sheet = Sheet()
        self._box = VerticalScroll(self._sheet)
        self._drawn: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """A box that scrolls."""
        yield self._box

    @property
    def subject(self) -> Subject | None:
        """The call."""
        return Subject(id=self._request, body=self._call, view=CALL) if self._call else None

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        return ("requests", "get", self._request) if self._request else ("requests", "list")

    def enter(self, argument: str) -> None:
        """Ask for the trace of a call."""
        if not argument:
            return
        if argument != self._request:
            self._call = {}
            self._box.scroll_home(animate=False)
        self._request, self._problem, self._drawn = argument, "", ()
        self.cockpit.read(f"/-/requests/{_segment(argument)}", self._take)

    def _take(self, answer: Object) -> None:
        if "error" in answer:
            self._problem = as_text(as_object(answer.get("error")).get("message"))
        elif answer.get("id") == self._request:
            usage = as_object(answer.get("usage"))
            self._call = {**self._call, **usage, **answer, "request_id": self._request}
        self._drawn = ()
        self.cockpit.redraw()

    def show(self, board: Board) -> None:
        """Draw the call, if there is something new to draw."""
        for call in board.calls if not self._call else ():
            if call.get("request_id") == self._request:
                self._call = dict(call)
        state = (self._request, len(self._call), self._problem)
        if state == self._drawn:
            return
        self._drawn, look = state, self.cockpit.look
        self._box.border_title = looks.line(("Trace ", "bold"), (self._request, "dim"))
        call, problem = self._call, self._problem
        if not self._request:
            problem = "open a call in Traffic with enter, or type :trace ID"
        elif not call and not problem:
            problem = f"asking the gateway {looks.glyphs(look).more}"
        said = [looks.text(problem, "yellow")] if problem else []
        self._sheet.show(
            lambda width, _: looks.lines([*(drawn(call, width, look) if call else []), *said])
        )


def drawn(call: Object, width: int, look: Look) -> list[Content]:
    """Draw a call."""
    rows = [*_facts(call, width, look)]
    stages = values.objects(call.get("stages"), MAX_STEPS)
    if stages:
        rows += [Content(""), looks.text("DECISIONS", "accent"), *_waterfall(stages, width, look)]
    attempts = values.objects(call.get("attempts"), MAX_STEPS)
    if attempts:
        rows += [Content(""), looks.text("ATTEMPTS", "accent"), *_attempts(attempts, look)]
    lines = values.objects(call.get("price_lines"), MAX_STEPS)
    if lines or call.get("cost_nano_usd") is not None:
        rows += [Content(""), looks.text("COST", "accent"), *_bill(call, lines, look)]
    return rows


def _facts(call: Object, width: int, look: Look) -> list[Content]:
    status = figures.status(call.get("status"), look)
    head = looks.line(
        (status, figures.status_tone(call.get("status"))),
        "  ",
        (human.plain(call.get("model"), look), "bold"),
        (f" {looks.glyphs(look).arrow} ", "dim"),
        human.plain(call.get("provider"), look) or "no provider",
        (f" ({call.get('upstream_model')})" if call.get("upstream_model") else "", "dim"),
    )
    if call.get("error_code"):
        head = head + looks.text(f"  {human.plain(call.get('error_code'), look)}", "red")
    pairs = [
        ("key", human.plain(call.get("key_name") or call.get("key_id"), look)),
        ("owner", human.plain(call.get("owner"), look)),
        ("org", human.plain(call.get("org_id"), look)),
        (
            "time",
            human.plain(call.get("created_at"), look) or figures.clock(call.get("ts_s"), look),
        ),
        ("total", figures.millis(call.get("latency_ms"), look)),
        ("first byte", figures.millis(call.get("first_byte_ms"), look)),
        ("tokens", figures.tokens(call, look)),
        ("cost", figures.cost(call.get("cost_nano_usd"), look)),
        ("stream", _stream(call)),
        ("usage", human.plain(call.get("usage_source"), look)),
        ("tags", human.labels(call.get("tags"), look) if call.get("tags") else ""),
    ]
    shown = [(name, text) for name, text in pairs if text]
    columns = 2 if width >= 60 else 1  # noqa: PLR2004 - cells
    cells = width // columns
    rows = [head, Content("")]
    for at in range(0, len(shown), columns):
        parts = [
            looks.fitted(looks.line((f"{name:<{_NAME}}", "dim"), text), cells - 1, look) + " "
            for name, text in shown[at : at + columns]
        ]
        rows.append(Content("").join(parts))
    return rows


def _stream(call: Object) -> str:
    if not call.get("is_stream"):
        return "no"
    return "whole" if call.get("is_complete") else "cut off"


def _waterfall(stages: Sequence[Object], width: int, look: Look) -> list[Content]:
    """Draw each stage as a bar: where it began, how long it took; and what it decided under it."""
    glyphs = looks.glyphs(look)
    whole_ms = sum(max(0.0, values.real(stage.get("ms"))) for stage in stages)
    room = max(10, width - _NAME - _MS - 2)
    rows: list[Content] = []
    began_ms = 0.0
    for stage in stages:
        name, ms = values.text(stage.get("stage")), max(0.0, values.real(stage.get("ms")))
        start = round(began_ms / whole_ms * room) if whole_ms else 0
        length = max(1, round(ms / whole_ms * room)) if whole_ms else 1
        start = min(start, room - 1)
        length = min(length, room - start)
        tone = "bad" if name == "refused" else "good" if name == "attempt" else "accent"
        rows.append(
            looks.line(
                (
                    f"{_STAGES.get(name, name)[:_NAME]:<{_NAME}}",
                    "bad" if name == "refused" else "bold",
                ),
                f"{figures.seconds(ms / 1000):>{_MS}}  ",
                (glyphs.rest * start, "track"),
                (glyphs.full * length, tone),
                (glyphs.rest * (room - start - length), "track"),
            )
        )
        detail = human.labels(_said(as_object(stage.get("detail"))), look)
        if detail:
            words = looks.text(detail, "dim")
            indent = " " * (_NAME + _MS + 2)
            rows.append(looks.fitted(indent + words, width, look))
        began_ms += ms
    return rows


def _said(detail: Object) -> Object:
    """Return what a stage decided, without what says nothing."""
    found: Object = {}
    for name, value in detail.items():
        if value in (None, [], {}, ""):
            continue
        if name.endswith("_nano_usd") and isinstance(value, int):
            found[name.removesuffix("_nano_usd")] = f"${values.whole(value) / 1e9:.6f}"
        else:
            found[name] = value
    return found


def _attempts(attempts: Sequence[Object], look: Look) -> list[Content]:
    glyphs = looks.glyphs(look)
    rows: list[Content] = []
    for at, attempt in enumerate(attempts):
        outcome = human.plain(attempt.get("outcome"), look)
        status, took = attempt.get("status"), attempt.get("latency_ms")
        answered = "no answer" if status is None else figures.status(status, look)
        where = "/".join(human.plain(attempt.get(name), look) for name in ("provider", "model"))
        is_ok = outcome == "ok"
        rows.append(
            looks.line(
                (f"{glyphs.last if at == len(attempts) - 1 else glyphs.branch} ", "dim"),
                (f"{answered:<10}", "good" if is_ok else "bad"),
                where,
                (f"  {outcome}", "dim" if is_ok else "bad"),
                ("" if took is None else f"  {figures.millis(took, look)}", "dim"),
            )
        )
    return rows


def _bill(call: Object, lines: Sequence[Object], look: Look) -> list[Content]:
    rows = [
        looks.line(
            f"{human.plain(line.get('unit'), look):<24}",
            f"{human.number(line.get('quantity'), look):>12}",
            (f" x {human.pico_dollars(line.get('price_pico_usd'), look):<16}", "dim"),
            f"{human.pico_dollars(line.get('amount_pico_usd'), look):>14}",
        )
        for line in lines
    ]
    total = human.dollars(call.get("cost"), look) or figures.cost(call.get("cost_nano_usd"), look)
    if call.get("cost_nano_usd") is None:
        total = human.state("no price", look)
    source = human.plain(call.get("price_source"), look)
    said = f"  price from {source}" if source else ""
    rows.append(looks.line((f"{'total':<55}{total:>14}", "bold"), (said, "dim")))
    return rows


def _segment(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
