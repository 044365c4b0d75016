import io
import sys

import pytest

from prismctl.output import tty


class Fake(io.StringIO):
    def __init__(self, *, is_tty: bool) -> None:
        super().__init__()
        self.is_tty = is_tty

    def isatty(self) -> bool:
        return self.is_tty


@pytest.mark.parametrize(
    ("color", "env", "is_tty", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"CLICOLOR_FORCE": "1"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "0"}, False, False),
        ("auto", {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"CLICOLOR_FORCE": "1"}, True, False),
    ],
)
def test_colour(
    monkeypatch: pytest.MonkeyPatch,
    color: tty.Color,
    env: dict[str, str],
    is_tty: bool,
    expected: bool,
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Fake(is_tty=is_tty))
    terminal = tty.detect(color, env)
    assert terminal.is_out_colored is expected
    assert terminal.paint_out("x", "red") == ("\x1b[31mx\x1b[0m" if expected else "x")


def test_the_pager_of_the_person_gets_the_text(capfd: pytest.CaptureFixture[str]) -> None:
    assert tty.page("hello\n", {"PRISMCTL_PAGER": "sed s/hello/paged/", "PAGER": "false"})
    assert capfd.readouterr().out == "paged\n"


@pytest.mark.parametrize("command", ["cat", "a-pager-that-is-not-there --x"])
def test_without_a_pager_the_text_is_still_to_be_printed(command: str) -> None:
    assert not tty.page("hello\n", {"PAGER": command})
