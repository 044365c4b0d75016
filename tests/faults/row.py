"""What a row of the table says: a fault, and the outcomes that a caller gets."""

from dataclasses import dataclass

from tests.faults.proxy import Fault

DEADLINE_S = 1.0
"""How long the tested gateway waits for what does not come."""
PATIENT_S = 10.0
"""How long it waits where waiting is not what is tested: the machine may be busy."""

PROXY = "http://{proxy}/v1"
HTTPS = "https://{proxy}/v1"
NOBODY = "http://{nobody}/v1"
NO_NAME = f"http://{'a.' * 130}invalid/v1"
"""A name that is too long to be one, so that no resolver needs to be asked."""


@dataclass(frozen=True)
class Answered:
    """The answer, as if nothing were wrong."""

    def __str__(self) -> str:
        return "the answer"


@dataclass(frozen=True)
class Refused:
    """An error with a status of its own: nothing of an answer has gone to the caller."""

    status: int
    code: str
    says: str
    """Part of the message."""
    type: str = "upstream_error"
    retry_after: tuple[str, ...] = ()
    """What the header may be."""

    def __str__(self) -> str:
        header = f", `retry-after: {self.retry_after[-1]}`" if self.retry_after else ""
        return f"{self.status} `{self.code}`{header}"


@dataclass(frozen=True)
class Cut:
    """The stream up to there, then an error event, and no end marker."""

    code: str
    says: str
    type: str = "upstream_error"

    def __str__(self) -> str:
        return f"its beginning, then the error `{self.code}`"


Outcome = Answered | Refused | Cut


@dataclass(frozen=True)
class Row:
    """One thing that a provider does."""

    name: str
    """It is the provider's id, too."""
    does: str
    """For operators: what the provider does."""
    fault: Fault
    plain: Outcome | None
    """None: only a stream can be like that."""
    stream: Outcome
    tries_next: bool = True
    """Whether another provider is tried where the answer would be an error."""
    url: str = PROXY
    is_asked: bool = True
    """Whether it waits for a request before it does what it does."""
    has_certificate: bool = False
    """Whether it has one; it is self-signed."""
    is_hurried: bool = False
    """Whether it has only the short deadline, although its answer comes."""

    @property
    def deadline_s(self) -> float:
        """How long the gateway waits for its answer, or for a stream's first event."""
        outcomes = (self.plain, self.stream)
        is_late = any(getattr(outcome, "code", None) == "gateway_timeout" for outcome in outcomes)
        return DEADLINE_S if self.is_hurried or is_late else PATIENT_S


ANSWERED = Answered()


def both(
    name: str,
    does: str,
    fault: Fault,
    outcome: Outcome,
    *,
    tries_next: bool = True,
    url: str = PROXY,
    is_asked: bool = True,
    has_certificate: bool = False,
) -> Row:
    """Return a row whose outcome is the same without and with a stream."""
    return Row(name, does, fault, outcome, outcome, tries_next, url, is_asked, has_certificate)
