"""The colours. Good, warning and bad differ in brightness too, so that no eye mixes them up.

The hues are those of Okabe and Ito's palette, which colour-blind people tell apart. ``ansi`` has no
colour of its own: it takes the sixteen of the terminal.
"""

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

_DARK = Theme(
    name="prism-dark",
    primary="#56B4E9",
    secondary="#A99CF5",
    accent="#56B4E9",
    success="#2BC8A0",
    warning="#E9B949",
    error="#FF7A5C",
    foreground="#D5DCE8",
    background="#0B0F17",
    surface="#0F1521",
    panel="#18202F",
    dark=True,
    variables={
        "tone-good": "#2BC8A0",
        "tone-warn": "#E9B949",
        "tone-bad": "#FF7A5C",
        "tone-dim": "#7485A0",
        "tone-accent": "#56B4E9",
        "edge": "#2A3750",
        "edge-lit": "#56B4E9",
        "title": "#A9C7E8",
        "bar": "#121927",
        "cursor": "#1E3A58",
        "cursor-text": "#FFFFFF",
        "cursor-style": "none",
        "chip": "bold #0B0F17 on #56B4E9",
        "chip-warn": "bold #0B0F17 on #E9B949",
        "chip-bad": "bold #0B0F17 on #FF7A5C",
        "track": "#1E293B",
    },
)
_LIGHT = Theme(
    name="prism-light",
    primary="#0072B2",
    secondary="#6A4FC7",
    accent="#0072B2",
    success="#00795A",
    warning="#9A6700",
    error="#C03A10",
    foreground="#1B2430",
    background="#FBFCFE",
    surface="#F4F7FB",
    panel="#E9EEF5",
    dark=False,
    variables={
        "tone-good": "#00795A",
        "tone-warn": "#8A5C00",
        "tone-bad": "#C03A10",
        "tone-dim": "#5F6F86",
        "tone-accent": "#0072B2",
        "edge": "#C3CEDD",
        "edge-lit": "#0072B2",
        "title": "#30506F",
        "bar": "#E9EEF5",
        "cursor": "#CFE5F5",
        "cursor-text": "#0B1520",
        "cursor-style": "none",
        "chip": "bold #FFFFFF on #0072B2",
        "chip-warn": "bold #FFFFFF on #8A5C00",
        "chip-bad": "bold #FFFFFF on #C03A10",
        "track": "#DDE5EF",
    },
)
_ANSI = Theme(
    name="ansi",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_magenta",
    accent="ansi_cyan",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "tone-good": "ansi_green",
        "tone-warn": "ansi_yellow",
        "tone-bad": "ansi_red",
        "tone-dim": "ansi_bright_black",
        "tone-accent": "ansi_cyan",
        "edge": "ansi_bright_black",
        "edge-lit": "ansi_cyan",
        "title": "ansi_cyan",
        "bar": "ansi_default",
        "cursor": "ansi_blue",
        "cursor-text": "ansi_bright_white",
        "cursor-style": "none",
        "chip": "bold ansi_black on ansi_cyan",
        "chip-warn": "bold ansi_black on ansi_yellow",
        "chip-bad": "bold ansi_black on ansi_red",
        "track": "ansi_bright_black",
    },
)
PLAIN = replace(
    _ANSI,
    name="plain",
    variables={
        **_ANSI.variables,
        "cursor-style": "reverse",
        "chip": "bold reverse",
        "chip-warn": "bold reverse",
        "chip-bad": "bold reverse",
    },
)
"""Without any colour, for ``NO_COLOR``: what is lit is reversed."""
THEMES = {"dark": _DARK, "light": _LIGHT, "ansi": _ANSI}
"""By the word that ``--theme`` takes."""
