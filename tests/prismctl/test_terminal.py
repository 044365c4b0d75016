"""A person at a real terminal (a pty), with the real ``prismd`` behind."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prismctl.processes import PATIENCE_S, PRISMCTL, Home, Screen, Up, up


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    person = Home(tmp_path_factory.mktemp("home"))
    with up(person, "--no-detect"):
        yield person


def test_a_new_key_is_shown_in_a_friendly_block_once(home: Home) -> None:
    screen = Screen(home, "keys", "create", "tty")
    assert screen.end() == 0
    [secret] = re.findall(r"sk-prism-\w+", screen.text)
    assert f"\x1b[32;1m{secret}\x1b[0m" in screen.text
    assert "Its secret, shown this once:" in screen.text


def test_revoke_asks_and_obeys_the_answer(home: Home) -> None:
    home.run("keys", "create", "ask")
    screen = Screen(home, "keys", "revoke", "ask")
    screen.until("for ever? [y/N] ")
    screen.type("n\n")
    assert screen.end() == 1
    assert "nothing was changed" in screen.text
    assert home.json("keys", "get", "ask")["status"] == "active"
    screen = Screen(home, "keys", "revoke", "ask")
    screen.until("[y/N] ")
    screen.type("y\n")
    assert screen.end() == 0
    assert home.json("keys", "get", "ask")["status"] == "revoked"


def test_ctrl_c_at_the_question_is_130_and_changes_nothing(home: Home) -> None:
    home.run("keys", "create", "break")
    screen = Screen(home, "keys", "revoke", "break")
    screen.until("[y/N] ")
    screen.type("\x03")
    assert screen.end() == 130
    assert home.json("keys", "get", "break")["status"] == "active"


def test_no_input_never_asks(home: Home) -> None:
    home.run("keys", "create", "noask")
    screen = Screen(home, "keys", "revoke", "noask", "--no-input")
    assert screen.end() == 2
    assert "add --yes" in screen.text


def test_a_table_is_aligned_and_coloured_and_no_color_is_obeyed(home: Home) -> None:
    screen = Screen(home, "keys", "list")
    assert screen.end() == 0
    assert "\x1b[32m● active" in screen.text
    screen = Screen(home, "keys", "list", "--no-color")
    assert screen.end() == 0
    assert "● active" in screen.text
    assert "\x1b[" not in screen.text


def test_login_asks_without_showing_the_token(home: Home, tmp_path: Path) -> None:
    url = home.json("contexts", "list")["data"][0]["url"]
    token = (home.data_dir / "admin-token").read_text().strip()
    screen = Screen(Home(tmp_path), "auth", "login", "--url", url)
    screen.until("Admin token: ")
    screen.type(f"{token}\n")
    assert screen.end() == 0
    assert token not in screen.text
    assert "signed in to default" in screen.text


def test_a_conversation_goes_on_until_ctrl_d(home: Home) -> None:
    screen = Screen(home, "chat", "-m", "fake/echo")
    screen.until("> ")
    screen.type("first\n")
    screen.until("fake/echo · ")
    screen.until("> ")
    screen.type("second\n")
    screen.until("fake/echo · ")
    screen.until("> ")
    screen.type("\x04")
    assert screen.end() == 0


def test_ctrl_c_ends_an_answer_but_not_the_conversation(home: Home) -> None:
    screen = Screen(home, "chat", "-m", "fake/lorem+tokens=500+rate=5")
    screen.until("> ")
    screen.type("go on for ever\n")
    screen.until("go on for ever\r\n")
    screen.until(" ")
    screen.type("\x03")
    screen.until("this question is forgotten")
    screen.until("> ")
    screen.type("\x04")
    assert screen.end() == 0


def test_tail_shows_a_call_as_it_ends_and_ctrl_c_ends_it(home: Home) -> None:
    model = "fake/lorem+tokens=3"  # of this test alone: the gateway has calls of others, too
    screen = Screen(home, "tail", "--model", model)
    screen.until("ERROR")
    assert home.run("chat", "-m", model, "hello").returncode == 0
    screen.until("ok 200")
    screen.until(model)
    screen.type("\x03")
    assert screen.end() == 130
    assert "rror:" not in screen.text
    screen = Screen(home, "tail", "--since", "1h", "-n", "1", "--model", model)
    assert screen.end() == 0
    assert screen.text.count("ok 200") == 1


def test_top_is_drawn_in_place_and_ctrl_c_ends_it(home: Home) -> None:
    screen = Screen(home, "top", "--interval", "1s")
    screen.until("req/s")
    assert home.run("chat", "-m", "fake/echo", "hello").returncode == 0
    screen.until("fake/echo")
    screen.type("\x03")
    assert screen.end() == 130
    assert re.search(r"\x1b\[\d+A", screen.text)
    assert "rror:" not in screen.text


def test_a_list_is_watched_until_ctrl_c(home: Home) -> None:
    screen = Screen(home, "keys", "list", "-w", "300ms")
    screen.until("prismctl keys list · every 0.3 s")
    assert home.run("keys", "create", "watched").returncode == 0
    screen.until("watched")
    screen.type("\x03")
    assert screen.end() == 130
    assert "rror:" not in screen.text


def test_a_protected_context_asks_for_its_name(home: Home) -> None:
    assert home.run("keys", "create", "guarded").returncode == 0
    assert home.run("contexts", "set", "local", "--protected").returncode == 0
    try:
        screen = Screen(home, "keys", "block", "guarded", "--yes")
        screen.until("Type local to go on: ")
        screen.type("y\n")
        assert screen.end() == 1
        assert "\x1b[31;1m▲ PROTECTED" in screen.text
        assert home.json("keys", "get", "guarded")["status"] == "active"
        screen = Screen(home, "keys", "block", "guarded")
        screen.until("Type local to go on: ")
        screen.type("local\n")
        assert screen.end() == 0
        assert home.json("keys", "get", "guarded")["status"] == "blocked"
        screen = Screen(home, "dashboard", "--write")
        screen.until("Type local to go on: ")
        screen.type("\n")
        assert screen.end() == 1
    finally:
        off = ("contexts", "set", "local", "--no-protected", "--yes-protected", "local")
        assert home.run(*off).returncode == 0


def test_tail_and_watch_wait_for_a_gateway_that_is_started_again(tmp_path: Path) -> None:
    person = Home(tmp_path)
    with up(person, "--no-detect") as first:
        port = first.gateway["url"].rpartition(":")[2]
        tail = Screen(person, "tail")
        tail.until("ERROR")
        status = Screen(person, "status", "-w", "300ms")
        status.until("● ready")
    status.until("cannot reach")
    tail.until("the line is lost")
    again = Up(person, "--no-detect", "--port", port)
    try:
        tail.until("connected again")
        assert person.run("chat", "-m", "fake/echo", "hello").returncode == 0
        tail.until("ok 200")
        status.until("● ready")
    finally:
        again.stop()
    for screen in (tail, status):
        screen.type("\x03")
        assert screen.end() == 130


def test_a_reader_of_tail_who_goes_away_ends_it_silently(home: Home) -> None:
    words = [*PRISMCTL, "tail", "--topics", "call,tick", "-o", "json"]
    tail = subprocess.Popen(
        words, env=home.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert tail.stdout is not None
    assert tail.stderr is not None
    assert tail.stdout.readline().startswith('{"type":"tick"')
    tail.stdout.close()
    assert tail.wait(PATIENCE_S) == 0
    assert tail.stderr.read() == ""
    tail.stderr.close()


def test_ctrl_c_stops_up_cleanly(tmp_path: Path) -> None:
    screen = Screen(Home(tmp_path), "up", "--port", "0", "--no-detect")
    screen.until("Ctrl-C stops it.")
    screen.type("\x03")
    assert screen.end() == 0
    assert "stopping …" in screen.text
    assert "rror" not in screen.text
