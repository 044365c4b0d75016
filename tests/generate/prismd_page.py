"""The manual page of prismd, from its argument parser."""

import argparse
from collections.abc import Iterator

from prismd import __version__
from prismd.main import _parser
from tests.generate import DATE
from tests.generate.roff import Page, bold, italic

EXIT_CODES = [
    ("0", "Done, or stopped as asked."),
    ("1", "Something unexpected happened."),
    ("2", "The command line or the configuration is wrong; every fault is named with its line."),
    ("3", "The databases cannot be used: they are broken, newer than this version, or not ours."),
    ("4", "Another prismd runs on this data directory."),
    ("8", "`prismd verify` found something wrong."),
]
SIGNALS = [
    ("SIGTERM, SIGINT", "Let running calls end (`server.shutdown_timeout`), then stop."),
    ("SIGHUP", "Read the configuration again; it is put in force whole or not at all."),
]
FILES = [
    ("state.db", "Keys, ledger, usage, audit."),
    ("traffic.db", "Decision traces of calls, kept for 7 days."),
    ("master.key", "Key of what is sealed in the databases. Keep a copy in a safe place."),
    ("admin-token", "The token of the admin API below /-/."),
    ("backups/", "Verified copies of state.db."),
    ("ballast", "Space that is given back when the disk is full."),
]


def page() -> Page:
    """Return the page."""
    page = Page("prismd", 8, f"prismd {__version__}", DATE, "the Prism gateway daemon")
    commands = dict(_commands(_parser()))
    page.heading("synopsis")
    page.synopsis(_usage(name, parser) for name, (parser, _) in commands.items())
    page.heading("description")
    page.text(
        "`prismd` is one process with one data directory: an OpenAI-style API in front of any LLM "
        "provider, with virtual keys, limits, routing and a durable record of what every call used "
        "and cost.",
        "It is configured by `prism.yaml`(5) and operated with `prismctl`(1).",
    )
    page.heading("commands")
    for name, (parser, about) in commands.items():
        page.subheading(f"prismd {name}")
        page.text(about[:1].upper() + about[1:] + ".")
        page.terms(_terms(parser))
    page.heading("exit status")
    page.terms((bold(code), text) for code, text in EXIT_CODES)
    page.heading("signals")
    page.terms((bold(name), text) for name, text in SIGNALS)
    page.heading("files")
    page.text(
        "All state is in the data directory: `--data-dir`, else `server.data_dir`, else the user's "
        "data directory of this system (on Linux `~/.local/share/prism`). It is for its owner "
        "alone (0700)."
    )
    page.terms((italic(name), text) for name, text in FILES)
    page.heading("examples")
    page.examples(
        [
            "prismd init --data-dir /var/lib/prism",
            "prismd check /etc/prism/prism.yaml",
            "prismd serve --config /etc/prism/prism.yaml",
        ]
    )
    page.see([("prism.yaml", 5), ("prismctl", 1)])
    return page


def _commands(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, tuple[argparse.ArgumentParser, str]]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            about = {choice.dest: choice.help or "" for choice in action._get_subactions()}
            for name, inner in action.choices.items():
                yield name, (inner, about[name])


def _usage(name: str, parser: argparse.ArgumentParser) -> str:
    words = [bold(f"prismd {name}")]
    for action in _own(parser):
        word = bold(action.option_strings[0]) if action.option_strings else ""
        value = "" if action.nargs == 0 else italic(_place(action))
        both = f"{word} {value}".strip()
        words.append(both if action.required else f"[{both}]")
    return " ".join(words)


def _terms(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in _own(parser):
        words = ", ".join(bold(word) for word in action.option_strings)
        value = "" if action.nargs == 0 else italic(_place(action))
        yield f"{words} {value}".strip(), action.help or ""


def _own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [one for one in parser._actions if not isinstance(one, argparse._HelpAction)]


def _place(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())
