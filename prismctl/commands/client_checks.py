"""What only the client can look at: this machine's clock, files and versions, and the way there."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from prismctl import __version__, clock, contexts
from prismctl.errors import ConfigProblem, PrismctlError
from prismctl.jsontext import Object, as_text

if TYPE_CHECKING:
    from prismctl.client.http import Answer
    from prismctl.session import Session

SKEW_S = 5
"""How far two clocks may be apart: the time of a message is in it, too."""
SOON_DAYS = 14
"""How long a certificate must hold, so that there is time to renew it."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Asked(NamedTuple):
    """What came of asking the gateway."""

    answer: "Answer | None"
    at: datetime
    """When the answer was here."""
    problem: PrismctlError | None
    """Why there is none."""


def look(session: "Session", asked: Asked) -> list[Object]:
    """Return the checks of this machine, in the form of the gateway's own."""
    checks = [*_gateway(session, asked), *_files(session), *_way(session)]
    if asked.answer is not None:
        checks += [*_versions(session), *_clock(asked.answer, asked.at)]
        checks += _certificate(session)
    return checks


def _check(name: str, message: str, fix: str | None = None, *, state: str = "ok") -> Object:
    return {"id": f"client.{name}", "state": state, "message": message, "fix": fix}


def _gateway(session: "Session", asked: Asked) -> Iterator[Object]:
    problem = asked.problem
    if problem is not None:
        fix = problem.hint or "see: prismctl auth status"
        yield _check("gateway", problem.message, fix, state="failed")
        return
    yield _check("gateway", f"it answers; the admin token is from {session.token_source}")


def _files(session: "Session") -> Iterator[Object]:
    references = {
        reference
        for context in session.contexts.by_name.values()
        for reference in (context.token, context.key)
        if reference is not None and reference.startswith("file:")
    }
    paths = sorted(Path(reference.removeprefix("file:")) for reference in references)
    is_sound = True
    for path in paths:
        try:
            contexts.check_private(path)
        except OSError as error:
            is_sound = False
            told = f"a context refers to {path}: {error.strerror}"
            yield _check("secrets", told, "prismctl auth login", state="warning")
        except ConfigProblem as problem:
            is_sound = False
            yield _check("secrets", problem.message, problem.hint, state="failed")
    if is_sound:
        told = f"{len(paths)} files with secrets, for you only" if paths else "no secrets in files"
        yield _check("secrets", told.replace("1 files", "1 file"))


def _versions(session: "Session") -> Iterator[Object]:
    theirs = as_text(session.admin.capabilities().get("version"))
    if theirs in ("", __version__):
        yield _check("versions", f"prismctl and prismd are {__version__}")
        return
    told = f"prismctl is {__version__}, the gateway is {theirs}"
    fix = f"install prismctl {theirs} here, or {__version__} there"
    yield _check("versions", told, fix, state="warning")


def _clock(answer: "Answer", at: datetime) -> Iterator[Object]:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return
    apart_s = (theirs - at).total_seconds()
    if abs(apart_s) < SKEW_S:
        yield _check("clock", "the gateway's clock and this one agree")
        return
    which = "ahead of" if apart_s > 0 else "behind"
    told = f"the gateway's clock is {abs(apart_s):,.0f} s {which} this one"
    fix = "switch on time synchronisation (timedatectl set-ntp true) on both machines"
    yield _check("clock", told, fix, state="warning")


def _way(session: "Session") -> Iterator[Object]:
    parts = urlsplit(session.gateway.url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        told = f"{session.gateway.url} is not encrypted: the admin token is sent as it is"
        fix = "put TLS before the gateway, then: prismctl contexts set NAME https://HOST"
        yield _check("tls", told, fix, state="warning")


def _certificate(session: "Session") -> Iterator[Object]:
    url = session.gateway.url
    ends = session.admin.http.certificate_end() if url.startswith("https:") else None
    if ends is None:
        return
    days = (ends - clock.now()).days
    told = f"the certificate of {urlsplit(url).hostname} holds for {days} more days"
    if days < SOON_DAYS:
        yield _check("tls", told, "renew it where TLS ends, and load it again", state="warning")
    else:
        yield _check("tls", told)
