"""The configuration in force, what has changed since the last look, and what a reload would do."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from prismctl.commands.config_views import STATE
from prismctl.jsontext import Json, Object, as_object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.tui import keys, settings, values
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Change, Cockpit, Pane, Subject
from prismctl.tui.screens import answers
from prismctl.tui.settings import Line, Setting
from prismctl.tui.widgets.detail import Detail
from prismctl.tui.widgets.sheet import Sheet

PATH, CHECK_PATH = "/-/config", "/-/config/check"
MAX_LINES = 20_000
MAX_PROBLEMS = 50
MAX_ASKED = 6
"""Changes in the question before a reload: it must fit a small screen."""
_SECRETS = ("env:", "file:", "cred:")


class Config(Pane):
    """The eighth screen."""

    contexts: ClassVar[tuple[str, ...]] = ("config", "subject")
    BINDINGS = keys.bindings("config")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._body: Object = {}
        self._problem = ""
        self._changes: list[Setting] = []
        """Since the last look."""
        self._reloaded_s = 0.0
        """When the newest reload that was told of happened."""
        self._words = ""
        self._drawn: tuple[object, ...] = ()
        self._facts, self._sheet = Sheet(), Sheet()
        self._facts.add_class("facts")
        self._facts.border_title = looks.text("Configuration")
        self._box = VerticalScroll(self._sheet)

    def compose(self) -> ComposeResult:
        """Facts over the text."""
        with Vertical():
            yield self._facts
            yield self._box

    @property
    def subject(self) -> Subject | None:
        """The configuration."""
        body = self._body
        return Subject(id=as_text(body.get("hash")), body=body, view=STATE) if body else None

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        return ("config", "show")

    @property
    def filter(self) -> str:
        """The words that lines must have."""
        return self._words

    def narrow(self, words: str) -> None:
        """Show only lines with these words, and their sections."""
        self._words = words
        self._box.scroll_home(animate=False)
        self.cockpit.redraw()

    def show(self, board: Board) -> None:
        """Draw it, if there is something new to draw."""
        self._hear(board)
        self._problem = answers.problem(board, PATH)
        body = board.known(PATH)
        if body is not None:
            self._take(body)
        look = self.cockpit.look
        now = int(look.now.timestamp()) // 60 if self._body else 0
        recorded = self.cockpit.feed.is_recorded
        state = (self._body.get("hash"), id(body), self._problem, len(self._changes), now,
                 self._words, recorded)  # fmt: skip
        if state == self._drawn:
            return
        self._drawn = state
        waiting = f"asking the gateway {looks.glyphs(look).more}"
        said = self._problem or ("the recording holds no configuration" if recorded else waiting)
        facts = _facts(self._body, look) if self._body else [looks.text(said, "dim")]
        if self._problem and self._body:
            facts.append(looks.line((human.state("failed", look), "bad"), f" {self._problem}"))
        self._facts.show(lambda width, _: looks.lines([looks.fitted(row, width, look)
                                                       for row in facts]))  # fmt: skip
        found = settings.lines(as_object(self._body.get("config")))[:MAX_LINES]
        shown = settings.narrowed(found, self._words)
        rows = [*_since(self._changes, look), *(_yaml(row) for row in shown)]
        if self._words and not shown:
            rows.append(looks.text(f"nothing matches /{self._words} - esc shows all", "dim"))
        self._sheet.show(lambda _width, _height: looks.lines(rows if self._body else []))
        self._facts.styles.height = len(facts) + 2
        count = f"{len(shown):,} of {len(found):,}" if self._words else f"{len(found):,} lines"
        self._box.border_title = looks.line(
            ("In force ", "bold"),
            (count if self._body else "", "dim"),
            (f" /{self._words}" if self._words else "", "accent"),
        )

    def _hear(self, board: Board) -> None:
        """Ask at once when a reload is told of."""
        told = max((one.ts_s for one in board.notices if one.topic == "config"), default=0.0)
        if told > self._reloaded_s:
            if self._reloaded_s:
                self.cockpit.feed.refresh()
            self._reloaded_s = told

    def _take(self, body: Object) -> None:
        if self._body and body.get("hash") != self._body.get("hash"):
            old, new = self._body.get("config"), body.get("config")
            self._changes = _joined(self._changes, list(settings.differences(old, new)))
        self._body = body

    def action_dismiss_changes(self) -> None:
        """Put away what has changed."""
        self._changes = []
        self.cockpit.redraw()

    def action_check_file(self) -> None:
        """Say what a reload would do."""
        self.cockpit.look_up(CHECK_PATH, lambda admin: admin.check_config(None), self._tell)

    def _tell(self, answer: Object) -> None:
        self.app.push_screen(Detail("The file on the gateway's disk", verdict(answer,
                                                                  self.cockpit.look)))  # fmt: skip

    def action_reload_config(self) -> None:
        """Put the file in force, after a look at what that would change."""
        self.cockpit.look_up(CHECK_PATH, lambda admin: admin.check_config(None), self._confirm)

    def _confirm(self, answer: Object) -> None:
        if "error" in answer or not answer.get("is_valid"):
            self._tell(answer)
            return
        look = self.cockpit.look
        told = _told(answer)
        lines = [f"{one.path}: {_was(one, look)}" for one in told[:MAX_ASKED]]
        if told[MAX_ASKED:]:
            lines.append(f"and {len(told) - MAX_ASKED:,} more; x shows all")
        restart = human.plain(answer.get("needs_restart"), look)
        if not lines:
            lines = ["nothing: the file on the disk is what is in force"]
        if restart:
            lines.append(f"in force only after a restart: {restart}")
        self.cockpit.ask(
            Change(
                title="Put the file on the gateway's disk in force?",
                lines=lines,
                command=("config", "reload"),
                make=lambda admin: admin.reload(),
                done="the configuration was read again",
            )
        )


def _facts(body: Object, look: Look) -> list[Content]:
    """Draw what is known of a configuration, and what is wrong with the newest one."""
    source = human.plain(body.get("source"), look) or "none: only defaults"
    loaded = human.when(body.get("loaded_at"), look)
    rows = [
        looks.line(
            ("source ", "dim"),
            source,
            ("   hash ", "dim"),
            human.short_hash(body.get("hash"), look),
            ("   loaded ", "dim"),
            loaded,
        )
    ]
    restart = human.plain(body.get("needs_restart"), look)
    if restart:
        word = human.state("warning", look).partition(" ")[0]
        rows.append(looks.line((f"{word} needs restart: ", "warn"), restart))
    error = as_object(body.get("last_error"))
    if error:
        when = human.when(error.get("at"), look)
        rows.append(
            looks.line(
                (f"{human.state('refused', look)} ", "bad"),
                (f"{when}: the file was not put in force", "bad"),
            )
        )
        rows += [looks.line("  ", problem) for problem in _strings(error.get("problems"))[:5]]
    elif not restart:
        rows.append(looks.line((human.state("ok", look), "good"), " all of it is in force"))
    return rows


def _since(changes: Sequence[Setting], look: Look) -> list[Content]:
    """Draw what has changed since the last look."""
    if not changes:
        return []
    rows = [looks.line(("CHANGED SINCE THE LAST LOOK", "accent"), ("  bksp dismisses", "dim"))]
    for one in changes:
        rows += _signed(one, look)
    return [*rows, Content("")]


def _signed(setting: Setting, look: Look) -> list[Content]:
    """Draw one setting as lines that went and lines that came."""
    del look
    rows: list[Content] = []
    for sign, tone, value in (("-", "bad", setting.old), ("+", "good", setting.new)):
        if value is None:
            continue
        first, *more = settings.written(value)
        is_section = isinstance(value, dict | list) and bool(value)
        head = f"{sign} {setting.path}:" + ("" if is_section else f" {first}")
        rows.append(looks.text(head, tone))
        rows += [looks.text(f"{sign}   {text}", tone) for text in
                 ([first, *more] if is_section else more)]  # fmt: skip
    return rows


def _joined(known: list[Setting], newer: list[Setting]) -> list[Setting]:
    """Return changes after more changes: what is again as it was has not changed."""
    found = {one.path: one for one in known}
    for one in newer:
        before = found.get(one.path, one)
        found[one.path] = Setting(path=one.path, old=before.old, new=one.new)
    return [one for one in found.values() if one.old != one.new]


def verdict(answer: Object, look: Look) -> Content:
    """Draw what a look at the file on the disk has found."""
    error = as_text(as_object(answer.get("error")).get("message"))
    if error:
        return looks.line((human.state("failed", look), "bad"), f" not checked: {error}")
    if not answer.get("is_valid"):
        problems = _strings(answer.get("problems"))[:MAX_PROBLEMS]
        said = (" it cannot be put in force; what is in force stays", "bad")
        head = looks.line((human.state("refused", look), "bad"), said)
        return looks.lines([head, Content(""), *(looks.block(text) for text in problems)])
    told = _told(answer)
    if not told:
        return looks.line((human.state("ok", look), "good"), " it is what is in force")
    count = "one setting" if len(told) == 1 else f"{len(told):,} settings"
    rows = [looks.line((human.state("ok", look), "good"), f" a reload would change {count}")]
    rows.append(Content(""))
    for one in told:
        rows += _signed(one, look)
    restart = human.plain(answer.get("needs_restart"), look)
    if restart:
        rows += [Content(""), looks.line(("in force only after a restart: ", "warn"), restart)]
    return looks.lines(rows)


def _told(answer: Object) -> list[Setting]:
    return [
        Setting(path=as_text(one.get("path")), old=one.get("from"), new=one.get("to"))
        for one in values.objects(answer.get("changes"), MAX_LINES)
    ]


def _was(setting: Setting, look: Look) -> str:
    old, new = (human.plain(value, look) for value in (setting.old, setting.new))
    if setting.old is None:
        return f"new: {new}"
    return f"removed: {old}" if setting.new is None else f"{old} {looks.glyphs(look).arrow} {new}"


def _yaml(row: Line) -> Content:
    """Draw a line of the configuration: names apart from values, secrets apart from both."""
    tone = "warn" if row.value.startswith(_SECRETS) else "dim" if row.value == "null" else ""
    name = f"{row.name}:" if row.name else ""
    gap = " " if name and row.value else ""
    return looks.line(" " * row.depth, (row.mark, "dim"), (name, "accent"), gap, (row.value, tone))


def _strings(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
