"""Words of the gateway's lists, kept on disk for a few seconds, fetched without anybody waiting.

A list that is old is fetched in a process of its own, which is waited for a moment. If it takes
longer (a far gateway, a locked keyring), what is there is offered, and the next TAB has the rest.
Nothing here fails: no gateway, no credential and no directory to write to are all no words.
"""

import hashlib
import json
import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from prismctl import clock, contexts
from prismctl.complete import lists
from prismctl.complete.lists import Word
from prismctl.session import Session

FRESH_S = 15.0
EMPTY_FRESH_S = 2.0
"""For a list that could not be had: the gateway may be there in a moment."""
WAIT_S = 0.3
"""How long a TAB waits for a fetch."""
_FETCH_S = 5.0
_GIVE_UP_S = 20


def read(session: Session, name: str) -> list[Word]:
    """Return the words of a list, at most a few seconds old unless fetching takes longer."""
    file = _file(session.gateway.url, name)
    words, age_s = _kept(file)
    if age_s > (FRESH_S if words else EMPTY_FRESH_S) and hasattr(os, "fork"):
        _fetch(session, name, file, words)
        words, _ = _kept(file)
    return words


def _file(url: str, name: str) -> Path:
    gateway = hashlib.sha256(url.encode()).hexdigest()[:16]
    return _directory() / "complete" / f"{gateway}-{name}.json"


def _directory() -> Path:
    if "PRISMCTL_CONFIG_DIR" in os.environ:
        return contexts.config_dir() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("prismctl")


def _kept(file: Path) -> tuple[list[Word], float]:
    """Return the words in a file and their age in seconds; none, and older than all, without it."""
    try:
        words = [(kind, value, about) for kind, value, about in json.loads(file.read_bytes())]
        return words, clock.now().timestamp() - file.stat().st_mtime
    except (OSError, ValueError, TypeError):
        return [], float("inf")


def _fetch(session: Session, name: str, file: Path, old: list[Word]) -> None:
    """Fetch in a child; return when it is done, or after a moment."""
    ours, its = os.pipe()
    if os.fork() == 0:
        os.close(ours)
        _work(session, name, file, old)
    os.close(its)
    # Its end of the pipe is closed when it ends, however it ends.
    select.select([ours], [], [], WAIT_S)
    os.close(ours)


def _work(session: Session, name: str, file: Path, old: list[Word]) -> NoReturn:
    """Fetch and keep a list, and end the process; nothing of it is seen or waited for."""
    try:
        os.setsid()
        signal.alarm(_GIVE_UP_S)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        words = old
        session.flags.timeout = _FETCH_S
        with suppress(Exception):
            words = lists.fetch(session.admin, name)
        # Kept as new even if it could not be had, so that not every TAB tries again.
        contexts.write_private(file, json.dumps(words))
    finally:
        os._exit(0)
