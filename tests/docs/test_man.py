"""The manual pages: nothing in them is taken for roff, mandoc is content, nothing is left out."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismctl.cli import load
from prismctl.main import COMMANDS
from prismctl.params import global_params
from prismd.config.model import Config
from tests.generate import __main__ as generate
from tests.generate.readme import _fields
from tests.generate.roff import Page, bold

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "man").iterdir())
needs_mandoc = pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")


def shown(source: str) -> str:
    """Return what a reader sees, as one line."""
    result = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=900"],
        input=source, capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    return " ".join(re.sub(r".\x08", "", result.stdout).split())


def page_of(*paragraphs: str) -> Page:
    page = Page("x", 1, "x 0.1.0", "2026-01-01", "a page")
    page.heading("description")
    page.text(*paragraphs)
    return page


@needs_mandoc
def test_mandoc_has_nothing_to_say() -> None:
    result = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "style", *PAGES],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (result.stdout + result.stderr, result.returncode) == ("", 0)


@needs_mandoc
@pytest.mark.parametrize(
    "text",
    [
        r"a back\slash, \fB no font \fR and \n no number",
        ".TH at the beginning, and .PP within",
        "'br is a request as well",
        "--flags-with-hyphens and -o",
        "\"quoted\" 'quoted' ^caret ~/tilde #number",
        "→ … ≤ é 漢",
    ],
)
def test_text_is_shown_as_it_is(text: str) -> None:
    page = page_of(text, f"again: {text}")
    page.terms([(bold(text), text)])
    page.examples([text])
    source = page.source_text()
    assert source.isascii()
    assert shown(source).count(text) == 5, source


@needs_mandoc
@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="`"), min_size=1)
)
def test_any_word_is_shown_as_it_is(word: str) -> None:
    assert f"begin {word} end" in shown(page_of(f"begin {word} end", word).source_text())


@needs_mandoc
def test_backquotes_become_bold() -> None:
    source = page_of("See `keys list` and ``/-/``.").source_text()
    assert r"\fBkeys list\fR" in source
    assert "See keys list and /-/." in shown(source)


@needs_mandoc
@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_and_example_of_a_command_is_on_its_page(name: str) -> None:
    text = shown((ROOT / "man" / f"prismctl-{name}.1").read_text())
    command = load(name)
    verbs = getattr(command, "commands", {name: command})
    for verb in verbs.values():
        for param in verb.params:
            words = [word for word in param.opts if word.startswith("-") and word != "--help"]
            assert all(word in text for word in words)
        for example in verb.epilog.splitlines():
            assert " ".join(example.split()) in text


@needs_mandoc
def test_the_programs_page_names_every_command_and_global_flag() -> None:
    text = shown((ROOT / "man" / "prismctl.1").read_text())
    assert [name for name in COMMANDS if f"prismctl-{name}(1)" not in text] == []
    assert [p.opts for p in global_params() if not all(one in text for one in p.opts)] == []


@needs_mandoc
def test_every_setting_is_on_the_page_of_the_configuration() -> None:
    text = shown((ROOT / "man" / "prism.yaml.5").read_text())
    names = re.findall(r"(?m)^\| `([^`]+)`", "\n".join(_fields(Config, "")))
    assert len(names) > 50
    assert [name for name in names if name not in text and name != "model_map"] == []
    assert "server.max_request_body_size (size; default 20MiB)" in text
    assert "server.port (number, 0 to 65,535; default 8080)" in text


def test_what_is_not_current_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = {"man/a.1": "new\n", "man/b.1": "b\n"}
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "files", lambda: iter(content.items()))
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    assert generate.main() == 1
    monkeypatch.setattr("sys.argv", ["generate"])
    assert generate.main() == 0
    (tmp_path / "man" / "gone.1").write_text("of a command that is no more")
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    assert generate.main() == 1
    monkeypatch.setattr("sys.argv", ["generate"])
    assert generate.main() == 0
    assert sorted(path.name for path in (tmp_path / "man").iterdir()) == ["a.1", "b.1"]
