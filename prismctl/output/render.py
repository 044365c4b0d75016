"""The one place that writes: data to stdout in the chosen format, everything else to stderr."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from prismctl import nearest
from prismctl.errors import ApiError, PrismctlError, UsageProblem
from prismctl.jsontext import Json, Object, as_objects, dumps, has, pick
from prismctl.output import data, safe, table
from prismctl.output.human import Look, plain
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.output.tty import Terminal


class Format(StrEnum):
    """What ``-o`` takes."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    CSV = "csv"
    NAME = "name"


_FOR_PEOPLE = (Format.TABLE, Format.WIDE)


@dataclass(slots=True)
class Captured:
    """What was written while somebody looked at it before it is shown."""

    data: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What would have gone to stderr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where and how this command's answer goes."""

    format: Format
    fields: tuple[str, ...]
    terminal: "Terminal"
    look: Look
    is_quiet: bool
    pager: Callable[[str], bool] | None
    """Shows text longer than the screen; None where there is none."""
    query: Callable[[Json], str] | None = None
    """``--jq``: makes text of what ``-o json`` or ``-o jsonl`` would write."""
    captured: Captured | None = None
    """Takes everything in the place of stdout and stderr."""

    @property
    def is_for_people(self) -> bool:
        """Whether the format is a table, so that text of another shape may replace it."""
        return self.format in _FOR_PEOPLE and not self.fields

    @property
    def is_drawn(self) -> bool:
        """Whether rows become a table in a terminal, where totals and drawings may join them."""
        return self.format in _FOR_PEOPLE and self.look.is_people

    def shows(self, field: str) -> bool:
        """Say whether the output of an object holds a field that no column shows."""
        if self.fields:
            return field in self.fields and self.format is not Format.NAME
        return self.format in (Format.JSON, Format.JSONL, Format.YAML)

    def list(self, answer: Object, view: View) -> None:
        """Show the API's list object."""
        rows = as_objects(answer.get(view.rows))
        if not rows and self.format in (*_FOR_PEOPLE, Format.NAME):
            self.note(view.empty)
            return
        self._check_fields(rows)
        if self.format in (Format.JSON, Format.YAML):
            chosen: list[Json] = [self._selected(row) for row in rows]
            self._structured({**answer, view.rows: chosen} if self.fields else answer)
        elif self.format in _FOR_PEOPLE:
            self._table(rows, view)
        else:
            self._lines(rows, view)

    def item(self, answer: Object, view: View) -> None:
        """Show one object."""
        self._check_fields([answer])
        if self.format in (Format.JSON, Format.YAML):
            self._structured(self._selected(answer))
        elif self.format in _FOR_PEOPLE:
            columns = self._columns(view, is_wide=True)
            if self.look.is_people:
                self.write(table.described(answer, columns, self.look, self.terminal))
            else:
                self.write(table.tabbed_fields(answer, columns, self.look))
        else:
            self._lines([answer], view)

    def laid_out(self, rows: Sequence[Object], columns: Sequence[Column]) -> str:
        """Return a table for people, as a part of a text."""
        shown = [column for column in columns if not column.is_wide]
        return table.aligned(rows, shown, self.look, self.terminal, may_leave_out=True)

    def value(self, value: Json) -> None:
        """Write any JSON value: as a line with ``jsonl``, as YAML with ``yaml``, else indented."""
        if self.format is Format.JSONL:
            self.write(self._jsonl([value]))
        else:
            self._structured(value)

    def write(self, text: str) -> None:
        """Write finished text to stdout: to the pager if it is longer than the screen."""
        is_long = text.count("\n") >= self.terminal.height
        if is_long and self.pager is not None and self.pager(text):
            return
        self.stream(text)

    def stream(self, text: str) -> None:
        """Write a piece of text to stdout, at once. A reader who went away ends the program."""
        if self.captured is not None:
            self.captured.data.append(text)
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads any more: what is buffered must not complain at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None

    def remark(self, text: str) -> None:
        """Write a piece of finished text to stderr."""
        if self.captured is not None:
            self.captured.remarks.append(text)
        else:
            sys.stderr.write(text)

    def progress(self, text: str) -> None:
        """Write a piece of a line on stderr that will be gone soon."""
        sys.stderr.write(text)
        sys.stderr.flush()

    def note(self, text: str, *styles: str) -> None:
        """Say something on stderr; ``--quiet`` leaves it out."""
        if not self.is_quiet:
            self.remark(f"{self.terminal.paint_err(safe.block(text), *styles)}\n")

    def warn(self, text: str) -> None:
        """Say on stderr what should not be missed."""
        label = self.terminal.paint_err("warning:", "yellow")
        self.remark(f"prismctl: {label} {safe.block(text)}\n")

    def error(self, problem: PrismctlError) -> None:
        """Say on stderr why the command failed: as an object with ``-o json``."""
        if self.format in (Format.JSON, Format.JSONL) and self.query is None:
            indent = 2 if self.format is Format.JSON else None
            self.remark(safe.in_json(dumps(problem.as_object(), indent=indent)) + "\n")
            return
        label = self.terminal.paint_err("error:", "red", "bold")
        lines = [f"prismctl: {label} {safe.block(problem.message)}"]
        if problem.hint:
            lines.append(f"{self.terminal.paint_err('hint:', 'cyan')} {safe.line(problem.hint)}")
        if isinstance(problem, ApiError) and problem.request_id:
            lines.append(f"request id: {safe.line(problem.request_id)}")
        self.remark("\n".join(lines) + "\n")

    def _columns(self, view: View, *, is_wide: bool) -> Sequence[Column]:
        if self.fields:
            shown = {column.field: column for column in view.columns}
            return [shown.get(name) or Column(name.upper(), name) for name in self.fields]
        return [
            column
            for column in view.columns
            if (is_wide or not column.is_wide) and (column.field or self.is_drawn)
        ]

    def _table(self, rows: Sequence[Object], view: View) -> None:
        columns = self._columns(view, is_wide=self.format is Format.WIDE)
        if self.look.is_people:
            may_leave_out = self.format is Format.TABLE and not self.fields
            self.write(
                table.aligned(rows, columns, self.look, self.terminal, may_leave_out=may_leave_out)
            )
        else:
            self.write(table.tabbed(rows, columns, self.look))

    def _lines(self, rows: Sequence[Object], view: View) -> None:
        if self.format is Format.JSONL:
            self.write(self._jsonl([self._selected(row) for row in rows]))
        elif self.format is Format.NAME:
            names = (plain(pick(row, view.name), self.look) for row in rows)
            self.write("".join(f"{safe.line(name)}\n" for name in names))
        else:
            fields = [column.field for column in self._columns(view, is_wide=True)]
            self.write(data.to_csv(rows, fields, self.look))

    def _structured(self, value: Json) -> None:
        if self.format is Format.YAML:
            self.write(data.to_yaml(value))
        else:
            self.write(self.query(value) if self.query else data.to_json(value))

    def _jsonl(self, values: Sequence[Json]) -> str:
        return "".join(map(self.query, values)) if self.query else data.to_jsonl(values)

    def _selected(self, row: Object) -> Object:
        return data.select(row, self.fields) if self.fields else row

    def _check_fields(self, rows: Sequence[Object]) -> None:
        for name in self.fields:
            if rows and not any(has(row, name) for row in rows):
                known = _paths(rows)
                hint = nearest.hint(name, known, otherwise=nearest.one_of(known))
                msg = f"there is no field {name!r} here"
                raise UsageProblem(msg, hint=hint)


def _paths(rows: Iterable[Object]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return list(names)
