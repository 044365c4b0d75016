"""``prismctl chat``: one question, or a conversation, through the gateway with the virtual key."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl.commands import lookup
from prismctl.commands.chat_turn import Turn
from prismctl.errors import PrismctlError, UsageProblem
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import Json, as_objects, as_text
from prismctl.output.render import Format

if TYPE_CHECKING:
    from prismctl.session import Session

app = top_verb()

DEMO_MODEL = "fake/echo"


@verb(
    app,
    "chat",
    "prismctl chat -m gpt-5 'Why is the sky blue?'",
    "git diff | prismctl chat --system 'Write a commit message' > message.txt",
)
def chat(
    ctx: typer.Context,
    *,
    message: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MESSAGE…]", help="The question; - is stdin; none: stdin or talk"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model to ask", metavar="ID")
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="How the model should behave", metavar="TEXT")
    ] = None,
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Print the answer when it is whole")
    ] = False,
) -> None:
    """Ask a model. The answer is on stdout, what it used and cost on stderr.

    Without a message in a terminal it is a conversation; Ctrl-D ends it.
    """
    session = session_of(ctx)
    if session.out.fields or session.out.format in (Format.YAML, Format.CSV, Format.NAME):
        raise UsageProblem("an answer is text, -o json or -o jsonl, and has no --fields")
    question = _question(session, message or [])
    start: list[Json] = [{"role": "system", "content": system}] if system else []
    turn = Turn(session, _model(session, model), is_streaming=not no_stream)
    if question is not None:
        with lookup.saying_near_models(turn.model, session.openai.models):
            turn.ask([*start, {"role": "user", "content": question}])
        return
    _talk(turn, start)


def _question(session: "Session", words: list[str]) -> str | None:
    """Return what to ask; None for a conversation."""
    if not words and session.terminal.is_in_tty:
        if session.flags.no_input:
            raise UsageProblem("there is no message")
        return None
    piped = sys.stdin.read() if not words or "-" in words else ""
    question = " ".join(piped if word == "-" else word for word in words or ["-"]).strip()
    if not question:
        raise UsageProblem("the message is empty")
    return question


def _model(session: "Session", given: str | None) -> str:
    """Return the model to ask: the given one, the only one, or the demo model of a dev gateway."""
    chosen = given or os.environ.get("PRISMCTL_MODEL")
    if chosen:
        return chosen
    names = [as_text(row.get("id")) for row in as_objects(session.openai.models().get("data"))]
    if DEMO_MODEL in names or len(names) == 1:
        chosen = DEMO_MODEL if DEMO_MODEL in names else names[0]
        session.out.note(f"model: {chosen} (choose with -m)")
        return chosen
    some = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")  # noqa: PLR2004
    raise UsageProblem("which model?", hint=f"-m MODEL, or PRISMCTL_MODEL; there are: {some}")


def _talk(turn: Turn, messages: list[Json]) -> None:
    """Ask again and again, with all that was said; Ctrl-C ends an answer, Ctrl-D the talk."""
    import readline  # noqa: F401 - importing it gives input() editing and history

    if turn.session.out.format in (Format.JSON, Format.JSONL):
        raise UsageProblem("a conversation has no JSON form: give a message")
    turn.session.out.note(f"talking to {turn.model}; Ctrl-D ends")
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            sys.stdout.write("\n")
            return
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            continue
        if not question:
            continue
        asked: list[Json] = [*messages, {"role": "user", "content": question}]
        try:
            answer = turn.ask(asked)
        except KeyboardInterrupt:
            turn.session.out.note("\n(stopped; this question is forgotten)")
        except PrismctlError as error:
            turn.session.out.error(error)
        else:
            messages = [*asked, {"role": "assistant", "content": answer}]
