"""How things look: text with tones, glyphs and their ASCII fall-backs; nothing from elsewhere raw.

Everything drawn passes ``text`` or the table's ``cells``: what could command a terminal is visible
instead, and square brackets are never markup, because ``Content`` is built, not parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from prismctl.output import human, safe
from prismctl.output.human import Look

TONES = {
    "green": "$tone-good",
    "yellow": "$tone-warn",
    "red": "$tone-bad",
    "dim": "$tone-dim",
    "cyan": "$tone-accent",
    "bold": "bold",
    "good": "$tone-good",
    "warn": "$tone-warn",
    "bad": "$tone-bad",
    "accent": "$tone-accent",
    "number": "bold $foreground",
    "track": "$track",
    "edge": "$edge",
    **{f"series-{number}": f"$series-{number}" for number in range(1, 7)},
}
"""Names of tones, those of ``output`` among them, to styles of the theme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """Signs, for terminals that can show them and for those that cannot."""

    more: str
    dot: str
    arrow: str
    up: str
    down: str
    cursor: str
    mark: str
    levels: str
    """Eighths of a bar, from nothing to full."""
    full: str
    rest: str
    branch: str
    last: str


UNICODE = Glyphs(
    more="…",
    dot="·",
    arrow="→",
    up="▲",
    down="▼",
    cursor="▌",
    mark="◆",
    levels=" ▁▂▃▄▅▆▇█",
    full="█",
    rest="─",
    branch="├─",
    last="└─",
)
ASCII = Glyphs(
    more="~",
    dot="-",
    arrow="->",
    up="^",
    down="v",
    cursor=">",
    mark="*",
    levels=" .:-=+*#@",
    full="#",
    rest="-",
    branch="|-",
    last="`-",
)


def glyphs(look: Look) -> Glyphs:
    """Return the signs that the terminal can show."""
    return UNICODE if look.is_unicode else ASCII


def text(words: str, tone: str = "") -> Content:
    """Return harmless text on one line, in a tone."""
    clean = safe.line(words)
    return Content.styled(clean, TONES[tone]) if tone and clean else Content(clean)


def block(words: str, tone: str = "") -> Content:
    """Return harmless text of many lines, in a tone."""
    clean = safe.block(words).expandtabs(4)
    return Content.styled(clean, TONES[tone]) if tone and clean else Content(clean)


def line(*parts: tuple[str, str] | str | Content) -> Content:
    """Return harmless text of parts, each with or without a tone."""
    found = [
        part if isinstance(part, Content) else text(*((part,) if isinstance(part, str) else part))
        for part in parts
    ]
    return Content("").join(found)


def lines(rows: Sequence[Content]) -> Content:
    """Return rows, one under the other."""
    return Content("\n").join(rows)


def state(word: str, look: Look) -> Content:
    """Return a state: glyph, word and colour."""
    return text(human.state(word, look), human.tone(word))


def fitted(content: Content, width: int, look: Look, *, is_right: bool = False) -> Content:
    """Return the text in exactly so many cells."""
    if content.cell_length > width:
        more = glyphs(look).more
        return content.truncate(max(0, width - len(more))) + more
    pad = width - content.cell_length
    return content.pad_left(pad) if is_right else content.pad_right(pad)
