"""What ``prismctl help TOPIC`` says. The exit codes come from their enum."""

from collections.abc import Callable

from prismctl.exits import ExitCode

_ENVIRONMENT = """\
Environment variables; a flag on the command line is stronger than each of them.

  PRISMCTL_URL         gateway to use; instead of --url
  PRISMCTL_CONTEXT     gateway to use, by name; instead of --context
  PRISMCTL_TOKEN       admin token; stronger than the one a context refers to
  PRISMCTL_API_KEY     virtual key for `chat` and for `api` under /v1/
  PRISMCTL_MODEL       model for `chat`; instead of --model
  PRISMCTL_CONFIG_DIR  directory of contexts.toml and credentials
  PRISMCTL_PAGER       pager; else PAGER, else less -FRX
  NO_COLOR             no colour (no-color.org)
  CLICOLOR_FORCE       colour even in a pipe
  TERM=dumb            no colour
  COLUMNS, LINES       size of the terminal, where it does not say itself
  PRISMD               the daemon that `up` and `config check` run
  PRISM_DATA_DIR       data directory of `up`; instead of --data-dir
"""

_FORMATTING = """\
Data goes to stdout, everything else to stderr. In a terminal: aligned tables, times as "3h ago".
In a pipe: tab-separated with a header, times and numbers as the API writes them.

  -o table   the default
  -o wide    more columns
  -o json    the API's object, unchanged
  -o jsonl   a line of JSON per object
  -o yaml    the same as YAML
  -o csv     all columns of -o wide, named as the API names the fields
  -o name    only ids (or names): for xargs
  --fields   only these fields, in this order, in every format: --fields id,usage.input_tokens
  --jq       what a jq expression makes of the JSON, texts raw: --jq '.data[].name'
             (needs the library jq: pip install 'jq>=1.11,<2'; beyond 2^53 numbers lose digits)
  --watch    look again and again, -w 5s; in a terminal drawn in place, in a pipe a line of JSON
             for each object that has changed (with -o jsonl everywhere); Ctrl-C ends it

`tail` and `top` have formats of their own: lines as things happen; -o json is a line per event.

Errors are lines on stderr; with -o json (or jsonl) an object {"error": {...}} on stderr.
Control characters, escape sequences and bidirectional marks of texts from elsewhere are shown as
\\x1b or \\u202e, never sent to the terminal.
"""

_CONFIG = """\
prismctl keeps its own files in $PRISMCTL_CONFIG_DIR, else in your configuration directory
(on Linux ~/.config/prismctl). They must be yours alone: 0600, the directory 0700.

  contexts.toml   named gateways: url, where credentials are kept, protected or not
  credentials/    secrets that `auth login` kept in files, one per file
  cache/          what TAB offers, a few seconds old; in your own cache directory (on Linux
                  ~/.cache/prismctl) if the variable is not set

A context refers to its secrets: token for the admin API, key for `chat`. A reference is
env:NAME, file:/path or keyring:account. Order for the admin token: --token-file (- is stdin),
PRISMCTL_TOKEN, the context. A --url with another host never gets a context's secrets.

A context may be protected: prismctl contexts set prod --protected. There each command that
changes something asks for the context's name to be typed in full; --yes is not enough. Where
nobody can be asked: --yes-protected prod. A --url of the same gateway is protected as well.
With --dry-run no command changes the gateway: the first request that would is shown instead.

The gateway's own configuration is prism.yaml: prismctl config show | check | diff | reload
"""


def _exit_codes() -> str:
    lines = [f"  {int(code):>3}  {code.__doc__}" for code in ExitCode]
    return "\n".join(["Exit codes; scripts may rely on them.", "", *lines, ""])


TOPICS: dict[str, Callable[[], str]] = {
    "environment": lambda: _ENVIRONMENT,
    "formatting": lambda: _FORMATTING,
    "exit-codes": _exit_codes,
    "config": lambda: _CONFIG,
}
