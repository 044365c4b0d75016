"""A call as code that makes it again: a curl command, or Python with the OpenAI SDK.

The code goes through a shell or an interpreter, so whatever the call holds is quoted for it; and
what would command a terminal is written as an escape that means the same.
"""

import shlex
from decimal import Decimal
from enum import StrEnum

from prismctl.errors import PrismctlError
from prismctl.jsontext import Json, Object, as_text, dumps, loads
from prismctl.output import safe

PATHS = {"chat": "/v1/chat/completions"}
"""Where each operation is asked for."""
PLACEHOLDER = "…"
"""Stands for messages that were not kept."""

MAX_ARGUMENT = 100_000
"""Bytes; a system takes 131,072 in one argument of a command."""
_WIDTH = 88
_SDK_NAMES = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
        "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "n",
        "parallel_tool_calls", "prediction", "presence_penalty", "reasoning_effort",
        "response_format", "seed", "service_tier", "stop", "store", "stream", "stream_options",
        "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
        "web_search_options",
    }
)  # fmt: skip
"""What the SDK's own function takes; anything else goes into its ``extra_body``."""


class Sdk(StrEnum):
    """Libraries that code is written for."""

    PYTHON = "python"


def body_of(call: Object) -> tuple[Object, bool]:
    """Return what to send, and whether it is what was sent: else its messages are a placeholder.

    Raises:
        PrismctlError: what was kept is not the body of a call.
    """
    kept = call.get("request_body")
    if kept is None:
        body: Object = {
            "model": call.get("model"),
            "messages": [{"role": "user", "content": PLACEHOLDER}],
        }
        return body | ({"stream": True} if call.get("is_stream") else {}), False
    if isinstance(kept, str):
        try:
            kept = loads(kept)
        except ValueError:
            kept = None
    if not isinstance(kept, dict):
        msg = "the body that was kept of this call is not whole"
        raise PrismctlError(msg, hint="see it: prismctl requests get ID --bodies")
    return kept, True


def path_of(call: Object) -> str:
    """Return the path that a call was sent to.

    Raises:
        PrismctlError: there is no code for its kind.
    """
    operation = as_text(call.get("op"))
    if operation not in PATHS:
        msg = f"calls of the kind {operation!r} cannot be written as code yet"
        raise PrismctlError(msg)
    return PATHS[operation]


def as_curl(url: str, body: Object) -> str:
    """Return a command for any POSIX shell; the credential comes from the environment."""
    text = safe.in_json(dumps(body))
    is_long = len(text.encode(errors="replace")) > MAX_ARGUMENT
    data = "--data-binary @- <<'PRISM'" if is_long else f"--data-raw {shlex.quote(text)}"
    parts = [
        f"curl -sS {shlex.quote(safe.line(url))}",
        '-H "Authorization: Bearer $PRISMCTL_API_KEY"',
        "-H 'Content-Type: application/json'",
        data,
    ]
    # A line of its own cannot be in the text: JSON without indentation is one line.
    end = f"\n{text}\nPRISM\n" if is_long else "\n"
    return " \\\n  ".join(parts) + end


def as_python(base_url: str, body: Object) -> str:
    """Return a program that uses the OpenAI SDK."""
    arguments = {name: value for name, value in body.items() if name in _SDK_NAMES}
    if more := {name: value for name, value in body.items() if name not in _SDK_NAMES}:
        arguments["extra_body"] = more
    given = "".join(f"    {name}={_literal(value, 4)},\n" for name, value in arguments.items())
    if body.get("stream"):
        name = "stream"
        then = (
            "for chunk in stream:\n    if chunk.choices:\n"
            '        print(chunk.choices[0].delta.content or "", end="", flush=True)\nprint()\n'
        )
    else:
        name = "answer"
        then = "print(answer.choices[0].message.content)\n"
    key = 'api_key=os.environ["PRISMCTL_API_KEY"]'
    return (
        "import os\n\nfrom openai import OpenAI\n\n"
        f"client = OpenAI(base_url={_literal(base_url, 0)}, {key})\n"
        f"{name} = client.chat.completions.create(\n{given})\n{then}"
    )


def _literal(value: Json, indent: int) -> str:
    """Write a JSON value as Python: on a line if it is short."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict) and value:
        items = [f"{name!r}: {_literal(item, indent + 4)}" for name, item in value.items()]
        return _block("{}", items, indent)
    if isinstance(value, list) and value:
        return _block("[]", [_literal(item, indent + 4) for item in value], indent)
    # What cannot be printed, repr writes as an escape: controls, bidirectional marks, surrogates.
    return repr(value)


def _block(marks: str, items: list[str], indent: int) -> str:
    flat = f"{marks[0]}{', '.join(items)}{marks[1]}"
    if len(flat) + indent <= _WIDTH and "\n" not in flat:
        return flat
    margin = " " * (indent + 4)
    inner = "".join(f"{margin}{item},\n" for item in items)
    return f"{marks[0]}\n{inner}{' ' * indent}{marks[1]}"
