"""Who may call: status, credits, the tightest budget, and what was called lately."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult

from prismctl.commands.key_views import KEY
from prismctl.jsontext import Object, as_text
from prismctl.tui import values
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Subject, subject_at
from prismctl.tui.registry import KEYS_PATH
from prismctl.tui.screens import answers, key_rows
from prismctl.tui.screens.key_actions import KeyPane
from prismctl.tui.widgets.resource_table import ResourceTable

LATELY_S = 300.0
ASK_S = 10.0


class Keys(KeyPane):
    """The fourth screen."""

    contexts: ClassVar[tuple[str, ...]] = ("keys", "rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._table = ResourceTable(key_rows.KEYS, "Keys", cockpit.look)
        self._calls: Mapping[str, int] | None = None
        """As the gateway counted; None where it did not."""
        self._asked_s = -ASK_S

    def compose(self) -> ComposeResult:
        """The table."""
        yield self._table

    @property
    def table(self) -> ResourceTable:
        """The keys."""
        return self._table

    @property
    def chosen(self) -> Sequence[Object]:
        """The marked keys, or the one under the cursor."""
        return self._table.marked

    def changed(self) -> None:
        """Forget the marks."""
        self._table.unmark()

    @property
    def subject(self) -> Subject | None:
        """The key under the cursor."""
        return subject_at(self._table, KEY)

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        return ("keys", "list")

    def show(self, board: Board) -> None:
        """Draw the keys."""
        self.board = board
        self._count(board)
        rows = answers.rows(board, KEYS_PATH)
        self._table.problem = answers.problem(board, KEYS_PATH)
        calls = _lately(board) if self._calls is None else self._calls
        self._table.show(
            None if rows is None else key_rows.arranged(rows, calls), self.cockpit.look
        )

    def _count(self, board: Board) -> None:
        """Ask for what was called lately: the feed tells only samples of it."""
        if self.cockpit.feed.is_recorded or abs(board.now_s - self._asked_s) < ASK_S:
            return
        self._asked_s = board.now_s
        since = datetime.fromtimestamp(max(0.0, board.now_s - LATELY_S), UTC)
        self.cockpit.read(
            answers.usage(group_by="key", since=f"{since:%Y-%m-%dT%H:%M:%SZ}"), self._take
        )

    def _take(self, answer: Object) -> None:
        self._calls = None
        if "error" not in answer:
            self._calls = {
                as_text(row.get("key")): values.count(row.get("requests"))
                for row in values.objects(answer.get("data"), answers.MAX_ROWS)
            }

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open a key."""
        event.stop()
        self.cockpit.open(f"key {as_text(event.row.get('id'))}")


def _lately(board: Board) -> Mapping[str, int]:
    """Count the calls that the feed told of."""
    since_s = board.now_s - LATELY_S
    return Counter(
        as_text(call.get("key_id"))
        for call in board.calls
        if values.real(call.get("ts_s")) > since_s
    )
