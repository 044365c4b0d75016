"""Manual pages in man(7): what is text stays text, however it looks to roff. Knows no program."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

WIDTH = 80
"""Longest line of source, in bytes: mandoc's rule."""
_SPECIAL = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    '"': r"\(dq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
}
_CODE = re.compile(r"``(.+?)``|`(.+?)`")
_SENTENCE_END = re.compile(r"(?<=[a-z0-9)\"`][.:;?!]) +(?=[A-Z`\"])")


def literal(text: str) -> str:
    """Escape text so that roff shows it as it is, in ASCII."""
    return "".join(_SPECIAL.get(char) or _ascii(char) for char in text)


def bold(text: str) -> str:
    """Return text as it is typed."""
    return rf"\fB{literal(text)}\fR"


def italic(text: str) -> str:
    """Return a place for a value."""
    return rf"\fI{literal(text)}\fR"


def prose(text: str) -> str:
    """Escape a sentence; what stands in backquotes is bold."""
    pieces, end = [], 0
    for code in _CODE.finditer(text):
        pieces += [literal(text[end : code.start()]), bold(code[1] or code[2])]
        end = code.end()
    return "".join([*pieces, literal(text[end:])])


def line(text: str) -> str:
    """Return escaped text as a line that is no request."""
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _ascii(char: str) -> str:
    return char if char.isascii() else f"\\[u{ord(char):04X}]"


@dataclass
class Page:
    """One page; what is added stands in it in that order."""

    name: str
    section: int
    source: str
    """Program and version: the foot of the page."""
    date: str
    about: str
    _lines: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.{self.section}"

    def heading(self, title: str) -> None:
        """Begin a section."""
        self._lines.append(f".SH {literal(title.upper())}")

    def subheading(self, title: str) -> None:
        """Begin a part of a section."""
        self._lines.append(f'.SS "{literal(title)}"')

    def text(self, *paragraphs: str) -> None:
        """Add prose."""
        for paragraph in paragraphs:
            self._gap()
            self._lines += _filled(paragraph)

    def terms(self, rows: Iterable[tuple[str, str]]) -> None:
        """Add a list of terms (escaped) and what each of them means."""
        for term, meaning in rows:
            self._lines += [".TP", line(term), *(_filled(meaning) or [r"\&"])]

    def synopsis(self, rows: Iterable[str]) -> None:
        """Add lines (escaped) that say how to call it."""
        self._block(list(rows))

    def examples(self, rows: Iterable[str]) -> None:
        """Add lines as they are typed."""
        self._gap()
        self._lines.append(".RS 4")
        self._block([literal(row) for row in rows])
        self._lines.append(".RE")

    def see(self, pages: Sequence[tuple[str, int]]) -> None:
        """End with other pages."""
        self.heading("see also")
        shown = [f".BR {literal(name)} ({section})" for name, section in pages]
        self._lines += [f"{one} ," for one in shown[:-1]] + shown[-1:]

    def source_text(self) -> str:
        """Return the page."""
        title = f'.TH {literal(self.name.upper())} {self.section} {self.date} "{self.source}" Prism'
        head = [
            r".\" Written by: python -m tests.generate. Do not edit.",
            title,
            ".nh",  # names of commands and files are words that must not be broken
            ".ad l",
            ".SH NAME",
            rf"{literal(self.name)} \- {prose(self.about)}",
        ]
        return "\n".join([*head, *self._lines, ""])

    def _gap(self) -> None:
        if not self._lines[-1].startswith((".SH", ".SS")):
            self._lines.append(".PP")

    def _block(self, rows: list[str]) -> None:
        self._lines += [".nf", *(line(row) for row in rows), ".fi"]


def _filled(text: str) -> list[str]:
    """Return prose as lines of source: each sentence begins one."""
    lines: list[str] = []
    for sentence in _SENTENCE_END.split(" ".join(text.split())):
        # Blanks within bold text stay together, so that no font reaches over a line.
        whole = prose(sentence)
        lines += textwrap.wrap(whole, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return [line(one) for one in lines]
