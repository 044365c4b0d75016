"""One run of the program: its flags, and what they lead to, each opened on first use."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prismctl import clock, contexts, credentials
from prismctl.contexts import Context, Contexts
from prismctl.errors import NotSignedIn, UsageProblem
from prismctl.guard import Guard
from prismctl.output import ask, tty
from prismctl.output.human import Look
from prismctl.output.render import Captured, Format, Output

if TYPE_CHECKING:
    from prismctl.client.admin import Admin
    from prismctl.client.http import Http
    from prismctl.client.openai import OpenAI
    from prismctl.output.progress import Waiting
    from prismctl.output.query import Query


PATIENCE_S = 600.0
"""How long an answer may take that a gateway has to work for."""


@dataclass(slots=True)
class Flags:
    """The global flags, as they were given; the options' callback fills them in."""

    context: str | None = None
    url: str | None = None
    output: Format = Format.TABLE
    fields: str | None = None
    jq: str | None = None
    token_file: str | None = None
    timeout: float | None = None
    """Seconds."""
    color: tty.Color | None = None
    no_color: bool = False
    no_pager: bool = False
    no_input: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    yes: bool = False
    yes_protected: str | None = None
    """The name of the protected context in which a change is agreed to."""
    dry_run: bool = False
    watch: float | None = None
    """Seconds between two looks; None for a single one."""


@dataclass
class Session:
    """Flags, and all that commands need. Owns its clients: ``close`` closes them."""

    flags: Flags = field(default_factory=Flags)
    _clients: list["Http"] = field(default_factory=list)
    _captured: Captured | None = None
    _waiting: "Waiting | None" = None

    @cached_property
    def terminal(self) -> tty.Terminal:
        """The terminal, looked at once."""
        color: tty.Color = "never" if self.flags.no_color else self.flags.color or "auto"
        return tty.detect(color, os.environ)

    @cached_property
    def out(self) -> Output:
        """Where answers go."""
        terminal = self.terminal
        is_at_once = self.flags.no_pager or self.flags.watch is not None
        has_pager = terminal.is_out_tty and terminal.is_in_tty and not is_at_once
        names = (self.flags.fields or "").split(",")
        return Output(
            format=self._format(),
            query=self._query,
            fields=tuple(name.strip() for name in names if name.strip()),
            terminal=terminal,
            look=Look(terminal.is_out_tty, terminal.is_unicode, clock.now()),
            is_quiet=self.flags.quiet,
            captured=self._captured,
            pager=(lambda text: tty.page(text, os.environ)) if has_pager else None,
        )

    def look_again(self, captured: Captured | None = None) -> None:
        """Forget how the terminal was: it may have another size by now, and time has passed.

        From now on what is written goes to ``captured``, if that is given.
        """
        self._captured = captured
        for name in ("terminal", "out"):
            self.__dict__.pop(name, None)

    @cached_property
    def _query(self) -> "Query | None":
        if self.flags.jq is None:
            return None
        from prismctl.output.query import Query

        return Query(self.flags.jq)

    def _format(self) -> Format:
        """Return the format: ``--jq`` means JSON.

        Raises:
            UsageProblem: another one was asked for with it.
        """
        form = self.flags.output
        if self.flags.jq is None or form in (Format.JSON, Format.JSONL):
            return form
        if form is not Format.TABLE:
            msg = f"--jq is for JSON: it does not go with -o {form}"
            raise UsageProblem(msg, hint="leave -o out, or use -o jsonl")
        return Format.JSON

    @property
    def is_asking(self) -> bool:
        """Whether somebody can be asked."""
        terminal = self.terminal
        return terminal.is_in_tty and terminal.is_err_tty and not self.flags.no_input

    @cached_property
    def contexts(self) -> Contexts:
        """The named gateways."""
        return contexts.load()

    @cached_property
    def named_context(self) -> Context | None:
        """The context of ``--context``, ``PRISMCTL_CONTEXT``, or the current one."""
        name = self.flags.context or os.environ.get("PRISMCTL_CONTEXT") or self.contexts.current
        return self.contexts.get(name) if name else None

    @cached_property
    def gateway(self) -> Context:
        """The gateway to talk to. A foreign ``--url`` never gets a context's credentials.

        Raises:
            UsageProblem: none was chosen.
        """
        url = self.flags.url or os.environ.get("PRISMCTL_URL")
        if url is None:
            if self.named_context is None:
                raise UsageProblem(
                    "no gateway is chosen",
                    hint="start one here: prismctl up; or name one: prismctl contexts set NAME URL",
                )
            return self.named_context
        url = contexts.check_url(url)
        known = self.named_context
        if known is not None and _origin(known.url) == _origin(url):
            return replace(known, url=url)
        return Context(name="(--url)", url=url)

    @cached_property
    def protection(self) -> str | None:
        """The name of the protected context that the gateway is of, by whatever way it is named."""
        if self.gateway.is_protected:
            return self.gateway.name
        origin = _origin(self.gateway.url)
        return next(
            (
                context.name
                for context in self.contexts.by_name.values()
                if context.is_protected and _origin(context.url) == origin
            ),
            None,
        )

    @cached_property
    def guard(self) -> Guard:
        """What lets changes through, or does not."""
        return Guard(self)

    def confirm(self, question: str, *facts: str) -> None:
        """Return if the person agrees to a change of the gateway.

        Args:
            question: What would be done; one line without a question mark.
            facts: What will be different then, each one line; said before it is asked.

        Raises:
            UsageProblem: nobody can be asked, and it was not agreed to on the command line.
            PrismctlError: the answer is no.
        """
        is_asked = self.protection is not None and self.flags.yes_protected is None
        if self.flags.dry_run or (self.is_asking and (is_asked or not self.flags.yes)):
            for fact in facts:
                self.out.note(f"  {fact}", "dim")
        if self.flags.dry_run:
            self.out.note(f"not done: {question}")
        elif self.protection is not None:
            self.guard.allow(self.protection, question)
        else:
            ask.confirm(question, is_asking=self.is_asking, is_agreed=self.flags.yes)

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """Return a block in which something may take long: ten minutes, unless --timeout says less.

        On a terminal it says what goes on. The clients must be opened in it. Who watches would see
        nothing move: there an answer has as long as any.
        """
        flags = self.flags
        if flags.watch is None:
            flags.timeout = flags.timeout or PATIENCE_S
        is_shown = self.terminal.is_err_tty and self._captured is None
        if not is_shown or flags.quiet or flags.debug:
            return nullcontext()
        from prismctl.output.progress import Waiting

        self._waiting = Waiting(what, self.terminal, self.out.progress)
        return self._waiting

    def hush(self) -> None:
        """Clear the line of ``waiting``: somebody is to be asked."""
        if self._waiting is not None:
            self._waiting.stop()

    @cached_property
    def admin(self) -> "Admin":
        """The admin API, with the admin token."""
        from prismctl.client.admin import Admin

        return Admin(self.open(self.gateway.url, self.token))

    @cached_property
    def openai(self) -> "OpenAI":
        """The inference API, with the virtual key."""
        from prismctl.client.openai import OpenAI

        return OpenAI(self.open(self.gateway.url, self._key()))

    def open(self, url: str, token: str | None) -> "Http":
        """Open a client that ``close`` closes."""
        from prismctl.client.http import DEFAULT_TIMEOUT_S, Http

        timeout_s = self.flags.timeout or DEFAULT_TIMEOUT_S
        http = Http(
            url,
            token=token,
            timeout_s=timeout_s,
            log=self._log if self.flags.debug else None,
            before=self.guard.before,
        )
        self._clients.append(http)
        return http

    def close(self) -> None:
        """Close what was opened."""
        for client in self._clients:
            client.close()

    @property
    def token_source(self) -> str:
        """Where the admin token comes from; empty if there is none."""
        if self.flags.token_file:
            return "--token-file"
        given = os.environ.get("PRISMCTL_TOKEN", "").strip()
        return "PRISMCTL_TOKEN" if given else self.gateway.token or ""

    @cached_property
    def token(self) -> str:
        """The admin token.

        Raises:
            NotSignedIn: there is none.
        """
        source = self.token_source
        if self.flags.token_file:
            return self._said(source, credentials.read_secret(self.flags.token_file))
        if source == "PRISMCTL_TOKEN":
            return self._said(source, os.environ[source].strip())
        if not source:
            msg = f"there is no admin token for {self.gateway.url}"
            raise NotSignedIn(msg, hint="prismctl auth login, or set PRISMCTL_TOKEN")
        return self._said(source, credentials.resolve(source))

    def _key(self) -> str:
        given = os.environ.get("PRISMCTL_API_KEY", "").strip()
        if given:
            return self._said("PRISMCTL_API_KEY", given)
        reference = self.gateway.key
        if reference is None:
            msg = f"there is no virtual key for {self.gateway.url}"
            raise NotSignedIn(msg, hint="prismctl auth login --key, or set PRISMCTL_API_KEY")
        return self._said(reference, credentials.resolve(reference))

    def _said(self, source: str, secret: str) -> str:
        if self.flags.verbose or self.flags.debug:
            self.out.note(f"{self.gateway.name}: {self.gateway.url}, credential from {source}")
        return secret

    def _log(self, line: str) -> None:
        sys.stderr.write(self.terminal.paint_err(line, "dim") + "\n")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port
