"""The exit codes of prismctl, their one source: ``prismctl help exit-codes`` is made from this."""

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """Why the program ended. Each member's ``__doc__`` is what the help topic says about it."""

    def __new__(cls, value: int, doc: str) -> Self:
        """Keep the text beside the number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.__doc__ = doc
        return member

    OK = 0, "Everything that was asked for is done."
    FAILED = 1, "The gateway failed, or something unexpected happened."
    USAGE = 2, "The command line, a request or a configuration is wrong."
    DENIED = 3, "Not signed in, or not allowed."
    NOT_FOUND = 4, "There is no such object."
    CONFLICT = 5, "The object has changed, or its state does not allow this."
    UNREACHABLE = 6, "The gateway cannot be reached, or did not answer in time."
    CHECK_FAILED = (
        8,
        "A check failed: status, doctor, providers health, or a verify.",
    )
    LIMIT_REACHED = 9, "A rate limit, a budget or the credits are used up."
    DIFFERENT = (
        10,
        "Differences found: config diff; with --exit-code, config check and requests replay.",
    )
    INTERRUPTED = 130, "Interrupted with Ctrl-C."
