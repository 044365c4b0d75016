"""What a provider can do wrong, and what a caller gets then: tested, and printed in the README.

Each row is tested without and with a stream, and with and without a second provider of the model.
"""

from collections.abc import Iterator
from email.utils import formatdate
from itertools import chain
from time import time

from tests.faults import spoil
from tests.faults.row import ANSWERED, HTTPS, NO_NAME, NOBODY, Cut, Refused, Row, both
from tests.scripted_vendor import FOR_EVER_S, STREAM_HEAD, Step, event, plain

IDLE_S = 0.6
"""How long the tested gateway waits for a stream's next bytes."""


def _status(status: int, outcome: Refused, *, tries_next: bool = True) -> Row:
    answer = plain({"error": {"message": "Not now."}}, status=status)
    name = f"status-{status}"
    return both(name, f"answers {status}", spoil.instead(answer), outcome, tries_next=tries_next)


def _failed(status: int, *, tries_next: bool = True) -> Row:
    outcome = Refused(502, f"provider_{status}", f"failed with status {status}: Not now.")
    return _status(status, outcome, tries_next=tries_next)


def _limited(name: str, does: str, retry_after: str, expected: tuple[str, ...]) -> Row:
    answer = plain({"error": {"message": "Slow."}}, status=429, retry_after=retry_after)
    told = Refused(429, "provider_429", "Slow.", "rate_limit_error", expected)
    return both(name, f"answers 429 with `retry-after` {does}", spoil.instead(answer), told)


def _limited_until(seconds: int) -> Iterator[Step]:
    date = formatdate(time() + seconds, usegmt=True)
    yield plain({"error": {"message": "Slow."}}, status=429, retry_after=date)


def _broken(says: str) -> Refused:
    return Refused(502, "provider_connection_broken", says)


def _invalid(says: str) -> Refused:
    return Refused(502, "invalid_upstream_response", says)


UNREACHABLE = Refused(502, "provider_unreachable", "cannot be reached: no connection")
CLOSED = _broken("broke off: ")
TOO_LATE = Refused(504, "gateway_timeout", "did not answer within ", "gateway_timeout")
SILENT = Cut("gateway_timeout", "sent nothing for 0.6 s", "gateway_timeout")
BROKEN = Cut("provider_connection_broken", "broke off: ")
NOT_COMPLETE = "ended the stream before the answer was complete"
BUSY = {"message": "Too busy.", "code": "busy"}
NO_COMPLETION = "answered with something that is no chat completion"
NOT_JSON = "sent an event that is no JSON chunk"

CONNECTING = (
    both("refuses", "refuses the connection", spoil.nothing, UNREACHABLE, url=NOBODY),
    both("no-name", "has a name that is not found", spoil.nothing, UNREACHABLE, url=NO_NAME),
    both(
        "untrusted",
        "has a certificate that is not trusted",
        spoil.nothing,
        UNREACHABLE,
        url=HTTPS,
        has_certificate=True,
    ),
    both(
        "no-tls",
        "speaks HTTP where `base_url` says HTTPS",
        spoil.instead(plain("?", status=400)),
        UNREACHABLE,
        url=HTTPS,
        is_asked=False,
    ),
    both(
        "reset-tls",
        "resets the connection while TLS is agreed on",
        spoil.instead(0.05, None),
        UNREACHABLE,
        url=HTTPS,
        is_asked=False,
    ),
)
NO_HEAD = (
    both("reset", "resets the connection instead of an answer", spoil.instead(None), CLOSED),
    both("closes", "closes the connection instead of an answer", spoil.instead(), CLOSED),
    both("half-head", "breaks off within the head", spoil.instead(b"HTTP/1.1 200 OK\r\n"), CLOSED),
    both("no-http", "answers what is not HTTP", spoil.instead(b"\xff hello\r\n\r\n"), CLOSED),
    both("silent", "does not answer", spoil.instead(FOR_EVER_S), TOO_LATE),
    both("half-silent", "stops within the head", spoil.instead(b"HTTP/1.1", FOR_EVER_S), TOO_LATE),
    both(
        "continues",
        "says `100 Continue` first",
        spoil.before(b"HTTP/1.1 100 Continue\r\n\r\n"),
        ANSWERED,
    ),
    both(
        "only-continues",
        "says `100 Continue` and nothing more",
        spoil.instead(b"HTTP/1.1 100 Continue\r\n\r\n", FOR_EVER_S),
        TOO_LATE,
    ),
)
STATUSES = (
    _status(
        400,
        Refused(400, "provider_400", "Not now.", "invalid_request_error"),
        tries_next=False,
    ),
    _status(401, Refused(502, "provider_auth_failed", "refused the gateway's own credential")),
    _limited("limited-s", "in seconds", "7", ("7",)),
    both(
        "limited-date",
        "answers 429 with `retry-after` as a date",
        lambda _: _limited_until(30),
        Refused(429, "provider_429", "Slow.", "rate_limit_error", ("29", "30")),
    ),
    _limited("limited-far", "beyond a day", "1e400", ("86400",)),
    *map(_failed, (500, 502, 503)),
    _failed(529, tries_next=False),
    both(
        "moved",
        "answers with a redirect",
        spoil.instead(plain("", status=307, location="http://127.0.0.1:9/v1")),
        Refused(502, "provider_redirected", "Redirects are not followed"),
    ),
)
BODIES = (
    Row(
        "reset-midway",
        "resets the connection in the midst of the answer",
        spoil.midway(0.05, None),
        CLOSED,
        BROKEN,
    ),
    Row(
        "ends-midway",
        "closes the connection in the midst of the answer",
        spoil.midway(),
        CLOSED,
        Cut("upstream_closed_early", NOT_COMPLETE),
    ),
    Row(
        "silent-midway",
        "stops in the midst of the answer",
        spoil.midway(FOR_EVER_S),
        TOO_LATE,
        SILENT,
    ),
    both(
        "head-only",
        "sends the head and stops",
        spoil.until(spoil.HEAD_END, FOR_EVER_S),
        TOO_LATE,
    ),
    Row(
        "head-reset",
        "sends the head and resets the connection",
        spoil.until(spoil.HEAD_END, 0.05, None),
        CLOSED,
        CLOSED,
    ),
    Row(
        "drips",
        "sends a byte per second",
        spoil.drip(1.0),
        TOO_LATE,
        TOO_LATE,
    ),
    both("bytes", "sends each byte for itself", spoil.in_pieces(), ANSWERED),
    both("chunks", "sends each byte as a chunk", spoil.chunked(1), ANSWERED),
    Row(
        "half-json",
        "sends JSON that is cut",
        spoil.swap(b'"stop"', b'"st'),
        _invalid(NO_COMPLETION),
        Cut("invalid_upstream_response", NOT_JSON),
    ),
    Row(
        "not-utf8",
        "sends bytes that are not UTF-8",
        spoil.swap(b'two"', b'tw\xff"'),
        _invalid(NO_COMPLETION),
        Cut("invalid_upstream_response", NOT_JSON),
    ),
    Row(
        "wrong-type",
        "answers under another content type",
        spoil.retype("text/html"),
        ANSWERED,
        _invalid(NO_COMPLETION),
    ),
    both(
        "page",
        "answers 200 with a page of HTML",
        spoil.instead(plain(b"<html>Welcome</html>", content_type="text/html")),
        _invalid(NO_COMPLETION),
    ),
    both(
        "error-200",
        "answers 200 with an error of the code `busy`",
        spoil.instead(plain({"error": BUSY})),
        Refused(502, "busy", "answered with an error: Too busy."),
    ),
    both(
        "gzip-bomb",
        "compresses the answer, which was not asked for",
        spoil.gzip_bomb(16),
        _broken("is compressed (gzip)"),
    ),
    Row(
        "huge",
        "sends a body of more than 64 MiB, or an event of more than 8 MiB",
        spoil.huge(65),
        _broken("the body is larger than"),
        _invalid("sent an event that is too large"),
    ),
)
EVENTS = (
    Row("crlf", "ends lines with CR LF", spoil.swap(b"\n", b"\r\n"), None, ANSWERED),
    Row(
        "slow",
        "sends a whole stream, but takes longer for it than for its first event",
        spoil.now_and_then(0.4),
        None,
        ANSWERED,
        is_hurried=True,
    ),
    Row(
        "one-newline",
        "leaves out the blank line between events",
        spoil.swap(b"\n\n", b"\n"),
        None,
        _invalid(NOT_JSON),
    ),
    Row(
        "no-done",
        "leaves out the `[DONE]` behind a complete answer",
        spoil.swap(b"data: [DONE]\n\n", b""),
        None,
        ANSWERED,
    ),
    Row(
        "only-comments",
        "sends comments in place of events, and ends",
        spoil.instead(STREAM_HEAD, b": alive\n\n" * 5),
        None,
        Refused(502, "upstream_closed_early", NOT_COMPLETE),
    ),
    Row(
        "endless-comments",
        "sends comments in place of events, without end",
        spoil.endless_comments(0.05),
        None,
        TOO_LATE,
    ),
    Row(
        "error-first",
        "sends an error of the code `busy` as the first event",
        spoil.instead(STREAM_HEAD, event(error=BUSY)),
        None,
        Refused(502, "busy", "answered with an error: Too busy."),
    ),
    Row(
        "error-later",
        "sends an error of the code `busy` as a later event",
        spoil.swap(b"data: [DONE]", event(error=BUSY) + b"data: [DONE]"),
        None,
        Cut("busy", "answered with an error: Too busy."),
    ),
)
ROWS = tuple(chain(CONNECTING, NO_HEAD, STATUSES, BODIES, EVENTS))


def as_markdown() -> str:
    """Return the table for operators."""
    lines = [
        "| the provider | the caller gets | with `stream: true` | the next provider is tried |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.does} | {row.plain or '-'} | {row.stream} | {_next(row)} |" for row in ROWS]
    return "\n".join(lines)


def _next(row: Row) -> str:
    can = {isinstance(outcome, Refused) for outcome in (row.plain, row.stream) if outcome}
    if not row.tries_next or can == {False}:
        return "no"
    return "not once a stream has begun" if isinstance(row.stream, Cut) else "yes"
