"""The port to a database: reads on their own connections, writes as closures on the one writer.

SQL is literal text with named parameters, or numbered ones where many rows are written. A closure
given to ``write`` runs in a transaction on the writer's thread: it must touch nothing but its
``Tx`` and what it has captured. The rows that every call writes are entries instead
(``store/work``), which the writer can do together.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

Value = str | int | float | bytes | None
Params = Mapping[str, Value]
Values = tuple[Value, ...]
"""The parameters of one row, by their place in the statement."""
Row = Mapping[str, Value]
"""One row, by column name."""


class Tx(Protocol):
    """What a write closure may do."""

    def execute(self, sql: str, params: Params) -> int:
        """Run one statement; return how many rows it changed."""
        ...

    def execute_many(self, sql: str, rows: Sequence[Values]) -> int:
        """Run one statement per row of values; return how many rows were changed in all."""
        ...

    def row(self, sql: str, params: Params) -> Row | None:
        """Return the first row of a query."""
        ...


class Source(Protocol):
    """What can be read, and no more."""

    async def rows(self, sql: str, params: Params) -> list[Row]:
        """Return all rows of a query."""
        ...


class Database(Source, Protocol):
    """One database."""

    @property
    def is_healthy(self) -> bool:
        """Whether writes are still accepted."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether the disk is full: there is room to end what runs, but none to begin."""
        ...

    async def row(self, sql: str, params: Params) -> Row | None:
        """Return the first row of a query."""
        ...

    def write(self, work: Callable[[Tx], T]) -> Awaitable[T]:
        """Queue a closure, to run in a transaction after those queued before it.

        When what is returned is awaited, the effect is durable. It may be awaited later, or never.

        Raises:
            Overloaded: too many writes are waiting. StorageFull, StorageLocked: nothing of
            this closure is in the database. StorageFailed: the disk refused; nobody knows.
        """
        ...

    def write_soon(self, work: Callable[[Tx], None]) -> None:
        """Queue a closure or an entry without waiting for it; raises like ``write``."""
        ...

    async def aclose(self) -> None:
        """Write what is queued, checkpoint, close."""
        ...
