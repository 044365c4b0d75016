"""What can go wrong, as kinds: each kind knows its exit code; ``cli.run`` prints it, once.

PrismctlError            1
├ UsageProblem           2   the command line
├ ConfigProblem          2   contexts, credentials files, a config of the gateway
├ NotSignedIn            3   no credential to send
├ NotThere               4   nothing has this id or name
├ Busy                   5   a port or a data directory is somebody else's
├ Unreachable            6   no answer, or not in time
├ CheckFailed            8   what was checked is not well
├ Interrupted          130   Ctrl-C
└ ApiError               by the HTTP status of the gateway's answer
"""

from http import HTTPStatus
from typing import ClassVar

from prismctl.exits import ExitCode
from prismctl.jsontext import Json, Object, pick


class PrismctlError(Exception):
    """The command cannot go on; the message is one line for the person at the terminal."""

    exit_code: ExitCode = ExitCode.FAILED
    code: str = "failed"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        """What to do about it, one line."""

    def as_object(self) -> Object:
        """Return what ``-o json`` prints on stderr."""
        details: Object = {"message": self.message, "code": self.code}
        if self.hint:
            details["hint"] = self.hint
        return {"error": details | {"exit_code": int(self.exit_code)}}


class UsageProblem(PrismctlError):
    """The command line does not say what can be done."""

    exit_code = ExitCode.USAGE
    code = "usage"


class ConfigProblem(PrismctlError):
    """A file of prismctl, or a configuration of the gateway, cannot be used."""

    exit_code = ExitCode.USAGE
    code = "bad_config"


class NotSignedIn(PrismctlError):
    """There is no credential for what was asked."""

    exit_code = ExitCode.DENIED
    code = "no_credential"


class NotThere(PrismctlError):
    """Nothing has this id or name."""

    exit_code = ExitCode.NOT_FOUND
    code = "not_found"


class Busy(PrismctlError):
    """A port or a data directory belongs to another process."""

    exit_code = ExitCode.CONFLICT
    code = "busy"


class Unreachable(PrismctlError):
    """The gateway cannot be reached, or did not answer in time."""

    exit_code = ExitCode.UNREACHABLE
    code = "unreachable"


class CheckFailed(PrismctlError):
    """The answer is printed, and what it says is not well."""

    exit_code = ExitCode.CHECK_FAILED
    code = "check_failed"


class Interrupted(PrismctlError):
    """The person pressed Ctrl-C."""

    exit_code = ExitCode.INTERRUPTED
    code = "interrupted"


class ApiError(PrismctlError):
    """The gateway answered with an error."""

    _EXITS: ClassVar[dict[int, ExitCode]] = {
        HTTPStatus.UNAUTHORIZED: ExitCode.DENIED,
        HTTPStatus.FORBIDDEN: ExitCode.DENIED,
        HTTPStatus.NOT_FOUND: ExitCode.NOT_FOUND,
        HTTPStatus.CONFLICT: ExitCode.CONFLICT,
        HTTPStatus.PRECONDITION_FAILED: ExitCode.CONFLICT,
        HTTPStatus.PAYMENT_REQUIRED: ExitCode.LIMIT_REACHED,
        HTTPStatus.TOO_MANY_REQUESTS: ExitCode.LIMIT_REACHED,
    }

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type_: str,
        code: str,
        param: str | None,
        request_id: str | None,
        retry_after: str | None = None,
        body: Json = None,
    ) -> None:
        super().__init__(message, hint=_hint(code, retry_after, body))
        self.status = status
        self.type = type_
        self.code = code
        self.param = param
        self.request_id = request_id
        self.body = body
        """The whole answer, where it is JSON: not every one is an error envelope."""
        is_ours = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        self.exit_code = self._EXITS.get(status, ExitCode.USAGE if is_ours else ExitCode.FAILED)

    def as_object(self) -> Object:
        """Return the gateway's error, with what prismctl knows besides."""
        details: Object = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
            "status": self.status,
            "request_id": self.request_id,
        }
        if self.hint:
            details["hint"] = self.hint
        return {"error": details | {"exit_code": int(self.exit_code)}}


_HINTS = {
    "admin_token_on_api": "give this context a virtual key: prismctl auth login --key",
    "api_key_on_admin": "give this context an admin token: prismctl auth login",
    "missing_api_key": "sign in: prismctl auth login",
    "invalid_api_key": "see what is sent: prismctl auth status",
    "invalid_admin_token": "see what is sent: prismctl auth status",
    "version_mismatch": "somebody changed it meanwhile: look again, then repeat the command",
    "model_not_found": "see what there is: prismctl models list",
    "key_not_found": "see what there is: prismctl keys list",
    "request_not_found": "only requests of the last days are kept; the id is in x-request-id",
    "budget_not_found": "see what there is: prismctl budgets list",
    "budget_exceeded": "see which: prismctl budgets list",
    "budget_exists": "somebody made it meanwhile: repeat the command to change it",
    "price_not_found": "see what was set: prismctl prices list",
    "model_not_priced": "give it a price: prismctl prices set MODEL input=USD output=USD",
    "ledger_mismatch": "see what is wrong: prismctl ledger verify",
    "not_managed": "make it prepaid first: prismctl keys update KEY --managed",
    "bodies_not_stored": "keep them from now on: logging.request_logging.include_bodies: true",
    "insufficient_credits": "add some: prismctl credits add KEY AMOUNT",
}


def _hint(code: str, retry_after: str | None, body: Json) -> str | None:
    if code == "budget_exceeded" and pick(body, "error.scope"):
        # Not in how many seconds: that may be in weeks, or never.
        scope, subject = pick(body, "error.scope"), pick(body, "error.subject")
        wait = f"wait until {ends}, or " if (ends := pick(body, "error.resets_at")) else ""
        window = pick(body, "error.window")
        return f"{wait}raise it: prismctl budgets set {scope}:{subject} USD/{window}"
    if retry_after:
        return f"try again in {retry_after} s"
    return _HINTS.get(code)
