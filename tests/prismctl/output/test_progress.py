"""What takes long says so on a terminal, and leaves nothing behind."""

import threading

import pytest

from prismctl.output import progress
from prismctl.output.progress import Waiting
from prismctl.session import PATIENCE_S, Flags, Session
from tests.prismctl.stub import StubGateway
from tests.prismctl.support import PEOPLE, Run

CLEAR = "\r\x1b[K"


class Written:
    """A terminal that says when something was written to it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.has_come = threading.Event()

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        if len(self.texts) == 2:
            self.has_come.set()


def test_the_line_turns_and_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    written = Written()
    with Waiting("summing", PEOPLE, written):
        assert written.has_come.wait(10)
    assert written.texts[:2] == [f"{CLEAR}⠋ summing, 0 s", f"{CLEAR}⠙ summing, 0 s"]
    assert written.texts[-1] == CLEAR


def test_it_can_be_cleared_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    written = Written()
    waiting = Waiting("summing", PEOPLE, written)
    with waiting:
        assert written.has_come.wait(10)
        waiting.stop()
        count = len(written.texts)
        assert written.texts[-1] == CLEAR
    assert len(written.texts) == count


def test_what_is_quick_says_nothing() -> None:
    written = Written()
    with Waiting("summing", PEOPLE, written):
        pass
    assert written.texts == []


@pytest.mark.parametrize("words", [(), ("--quiet",), ("--debug",)])
def test_a_pipe_and_quiet_see_nothing(
    cli: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    stub.on("GET", "/-/usage", {"object": "list", "data": [], "totals": {}})
    terminal = {"terminal": PEOPLE} if words else {}
    assert CLEAR not in cli("usage", "report", *words, **terminal).err


def test_who_waits_is_patient_unless_told() -> None:
    session = Session()
    session.waiting("x")
    assert session.flags.timeout == PATIENCE_S
    session.flags.timeout = 3.0
    session.waiting("x")
    assert session.flags.timeout == 3.0
    watching = Session(flags=Flags(watch=2.0))
    watching.waiting("x")
    assert watching.flags.timeout is None
