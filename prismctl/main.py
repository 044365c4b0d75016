"""The entry point and the table of commands: a module is imported when its command is run.

Nothing heavy may be imported here: ``--version`` answers before Typer is loaded.
"""

import sys
from typing import NamedTuple

from prismctl import __version__


class Entry(NamedTuple):
    """A row of the table."""

    target: str
    """``module:app``, where ``app`` is a Typer."""
    help: str
    group: str


RUN, WATCH, MANAGE = "Run and talk", "Watch, and ask why", "Manage"
BOOKS, TOOL = "Look up", "This program"

COMMANDS = {
    "up": Entry("prismctl.commands.up:app", "Start a gateway on this machine", RUN),
    "chat": Entry("prismctl.commands.chat:app", "Talk to a model through the gateway", RUN),
    "api": Entry("prismctl.commands.api:app", "Send a request as it is", RUN),
    "dashboard": Entry(
        "prismctl.commands.dashboard:app", "All of it on one screen, as it happens", WATCH
    ),
    "status": Entry("prismctl.commands.status:app", "How the gateway is", WATCH),
    "top": Entry("prismctl.commands.top:app", "Who is busy now, and what it costs", WATCH),
    "tail": Entry("prismctl.commands.tail:app", "Calls as they end, a line each", WATCH),
    "requests": Entry("prismctl.commands.requests:app", "Calls, and why each went its way", WATCH),
    "routes": Entry("prismctl.commands.routes:app", "Where a call would go", WATCH),
    "doctor": Entry("prismctl.commands.doctor:app", "What should be looked after", WATCH),
    "keys": Entry("prismctl.commands.keys:app", "Virtual keys: make, limit, revoke", MANAGE),
    "credits": Entry("prismctl.commands.credits:app", "Prepaid credits of keys", MANAGE),
    "budgets": Entry("prismctl.commands.budgets:app", "Spending limits", MANAGE),
    "prices": Entry("prismctl.commands.prices:app", "What models cost", MANAGE),
    "config": Entry("prismctl.commands.config:app", "The gateway's configuration", MANAGE),
    "backup": Entry("prismctl.commands.backup:app", "Copies of the gateway's state", MANAGE),
    "usage": Entry("prismctl.commands.usage:app", "What was used, and what it cost", BOOKS),
    "ledger": Entry("prismctl.commands.ledger:app", "Balances, postings, their proof", BOOKS),
    "audit": Entry("prismctl.commands.audit:app", "Who changed what", BOOKS),
    "models": Entry("prismctl.commands.models:app", "Models and their prices", BOOKS),
    "providers": Entry("prismctl.commands.providers:app", "Providers and their health", BOOKS),
    "auth": Entry("prismctl.commands.auth:app", "Sign in to a gateway", TOOL),
    "contexts": Entry("prismctl.commands.contexts:app", "Named gateways", TOOL),
    "completion": Entry("prismctl.commands.completion:app", "Completion for your shell", TOOL),
    "help": Entry("prismctl.commands.help:app", "Help on a command or a topic", TOOL),
    "version": Entry("prismctl.commands.version:app", "Versions of client and gateway", TOOL),
}


def main() -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"prismctl {__version__}\n")
        return 0
    from prismctl.cli import run

    return run(arguments)
