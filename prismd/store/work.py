"""Units of work for the writer: closures, and the entries that every call writes.

A unit is run in the writer's thread, perhaps more than once, until it is in a transaction that was
committed, or refused; then it tells in the event loop how it ended.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

from prismd.kernel.errors import Overloaded
from prismd.store.db import Tx

log = logging.getLogger("prism.store")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Written(asyncio.Future[T]):
    """The end of a write. Who is cancelled while waiting for it waits on, and is cancelled then.

    What has been queued cannot be called back, so nobody may act as if it had not been written.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002  # the signature is asyncio's
        """Refuse: the task that asks is cancelled when the write is done."""
        return False


class Unit:
    """What all units have: how they ended, and who waits for it."""

    __slots__ = ("error", "waiter")

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.waiter: Written[object] | None = None

    def run(self, tx: Tx) -> None:
        """Do the work, perhaps once more; in the writer's thread."""
        raise NotImplementedError

    def parts(self) -> "Sequence[Unit]":
        """Return what is to be run one by one where it could not be written together."""
        return (self,)

    def end(self, error: Exception | None) -> None:
        """Note that it is in the transaction, or why not; in the writer's thread."""
        self.error = error

    def tell(self) -> None:
        """Hand over how it ended; in the event loop, once."""
        raise NotImplementedError


class Closure(Unit, Generic[T_co]):
    """Work that is a function of a transaction."""

    __slots__ = ("_result", "_work")

    def __init__(self, work: Callable[[Tx], T_co]) -> None:
        super().__init__()
        self._work = work
        self._result: T_co | None = None

    def run(self, tx: Tx) -> None:
        """Call it."""
        self._result = self._work(tx)

    def tell(self) -> None:
        """Hand over its result, or its error; one that nobody waits for is logged."""
        if self.waiter is None:
            if isinstance(self.error, Overloaded):
                log.warning("a write that nobody waits for is lost: %s", self.error)
            elif self.error is not None:
                log.error("a write that nobody waits for failed", exc_info=self.error)
        elif self.error is not None:
            self.waiter.set_exception(self.error)
        else:
            self.waiter.set_result(cast("T_co", self._result))


class Entry(Unit):
    """A write that can be done together with others of its kind, which costs far less.

    One that lingers is kept back for a moment, because what follows it under its name may make it
    needless. Nothing but entries that say so overtakes it.
    """

    __slots__ = ("lingers", "name")

    def __init__(self, name: str, *, lingers: bool = False) -> None:
        """Say what an entry is about.

        Args:
            name: Entries of one name are written in their order, without a gap.
            lingers: Whether it may wait for what follows it.
        """
        self.error = None
        self.waiter = None
        self.name = name
        self.lingers = lingers

    @property
    def may_overtake(self) -> bool:
        """Whether it may be written before the lingering entries of other names."""
        return True

    def take_along(self, before: "Entry") -> bool:  # noqa: ARG002  # for those that can
        """Take over what lingered under the same name; False if it must be written by itself."""
        return False

    def __call__(self, tx: Tx) -> None:
        """Write it alone."""
        raise NotImplementedError

    @staticmethod
    def together(tx: Tx, entries: "Sequence[Entry]") -> None:
        """Write entries that share this function, as if one by one in their order.

        Raises:
            Exception: that is not possible; what it wrote is undone, and each is written alone.
        """
        raise NotImplementedError

    def run(self, tx: Tx) -> None:
        """Write it alone, in the writer's thread."""
        self(tx)

    def tell(self) -> None:
        """Hand over how it ended; a fault in what hears of it is not the waiter's."""
        try:
            self.told(self.error)
        except Exception:
            log.exception("what follows the write of %s has failed", self.name)
        waiter = self.waiter
        if waiter is None or waiter.done():  # one that was refused may be queued once more
            return
        if self.error is not None:
            waiter.set_exception(self.error)
        else:
            waiter.set_result(None)

    def told(self, error: Exception | None) -> None:
        """Hear, in the event loop, that it is durable, or why it was not written."""
