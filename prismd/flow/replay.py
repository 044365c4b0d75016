"""One request, one effect: an ``Idempotency-Key`` makes it safe to send a request again.

The first call under a key takes a ``Claim``. Until its point of no return (``begin``: the provider
is asked, the change is made) the claim is in memory only, so a call that is refused before that —
by validation, a limit, a budget, a full queue — leaves no trace and its key is free again. From
there on a durable row says ``in_flight``; what the client is answered is sealed and written in the
transaction that settles the call, so that after a crash there is either the answer and the debit,
or neither. The same request then gets the same answer, for 24 hours.

* **Errors are kept, too,** once a provider was asked (as Stripe and the IETF draft have it): after
  a time-out nobody knows what the provider did, and failover has already tried what can be tried.
  The replay says ``x-should-retry: false``, so SDKs stop; who wants a new attempt uses a new key.
  Not kept are 429 and 503: they say that nothing was taken on and invite the client to come again,
  so its key is free for that.
* **What was not kept is not done again:** an answer over 1 MiB, and a stream that its client left
  before its end, are ``idempotency_not_replayable``. A call that a dead process left behind is
  ``idempotency_outcome_unknown``. Both name the first call, whose usage or audit row tells more.
* **A replay costs nothing:** it comes before the limits, so a client that lost an answer gets it
  even when its window is full. It is one indexed read, and the key's address was checked.

Which calls run is decided in memory (``Gateway.claimed``), without an await between the look and
the claim; the table repeats the condition. So a row that is in flight on disk and not in memory is
of a dead process, or its last write failed: nothing has to be marked at a start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Conflict, Overloaded, Reused
from prismd.store import idempotency
from prismd.store.db import Tx
from prismd.store.idempotency import MAX_ANSWER_BYTES, Found, State
from prismd.wire.idempotency import Answer, IdempotencyKey

HEADER = "idempotency-key"
IN_FLIGHT_RETRY_S = 1.0
_ORIGINAL = "x-prism-original-request-id"
_NO_RETRY = {"x-should-retry": "false"}
_ERROR = 400
_COME_AGAIN = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to an earlier call."""

    request_id: str
    """The earlier call."""
    answer: Answer

    @property
    def headers(self) -> dict[str, str]:
        """Return the response headers of the replay."""
        is_error = self.answer.status >= _ERROR
        marks = {"idempotency-replayed": "true", _ORIGINAL: self.request_id}
        return {**self.answer.headers, **marks, **(_NO_RETRY if is_error else {})}


class Claim:
    """The right to be the one call under a key; ``end`` must be called after the last write."""

    def __init__(
        self, gateway: Gateway, key: IdempotencyKey, request_id: str, *, now_s: int
    ) -> None:
        self._gateway = gateway
        self._key = key
        self._request_id = request_id
        self._now_s = now_s
        self.is_begun = False
        """Whether a durable row exists: how the call ends must be written down."""

    async def begin(self) -> None:
        """Write down that the call is in flight; durable when this returns.

        Raises:
            Overloaded: nothing was written; the call must not go on.
        """

        def write(tx: Tx) -> bool:
            return idempotency.begin(tx, self._key, self._request_id, now_s=self._now_s)

        self.is_begun = True  # first: a write goes on when its caller is cancelled
        try:
            is_ours = await self._gateway.stores.state.write(write)
        except Overloaded:
            self.is_begun = False
            raise
        if not is_ours:
            self.is_begun = False
            raise _in_flight()

    def settle(self, tx: Tx, answer: Answer | None) -> None:
        """Keep what the client is answered, in the transaction that settles the call.

        Args:
            tx: That transaction.
            answer: None where there is none to keep, because the client left before its end.
        """
        if not self.is_begun:
            return
        if answer is not None and answer.status in _COME_AGAIN:
            self.forget(tx)
        else:
            self._gateway.answers.keep(tx, self._key, self._request_id, answer)

    def forget(self, tx: Tx) -> None:
        """Free the key: what had begun was refused, and nothing was done."""
        idempotency.forget(tx, self._key, self._request_id)

    def end(self) -> None:
        """Let the next call under this key look at what was written."""
        if self._gateway.claimed.get(self._key.name) is self._key:
            del self._gateway.claimed[self._key.name]


class Transcript:
    """The events of a stream, for as long as they may be kept."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._events: list[bytes] | None = [] if is_wanted else None
        self._size_bytes = 0

    def add(self, event: bytes) -> bytes:
        """Note an event that leaves, and return it."""
        if self._events is not None:
            self._size_bytes += len(event)
            self._events.append(event)
            if self._size_bytes > MAX_ANSWER_BYTES:
                self._events = None
        return event

    def answer(self, headers: Mapping[str, str], *, end: bytes) -> Answer | None:
        """Return the whole answer with its last bytes; None where it is not to be kept."""
        if self._events is None:
            return None
        return Answer(200, dict(headers), b"".join([*self._events, end]))


async def replay(gateway: Gateway, key: IdempotencyKey, request_id: str) -> Kept | Claim:
    """Return the kept answer to a request, or the claim to be the call that answers it.

    Raises:
        Reused: the key stands for another request.
        Conflict: the first call runs, its answer was not kept, or nobody knows how it ended.
    """
    running = gateway.claimed.setdefault(key.name, key)
    if running is not key:
        _check_same(running.fingerprint, key)
        raise _in_flight()
    now_s = clock.now_s()
    claim = Claim(gateway, key, request_id, now_s=now_s)
    try:
        found = await gateway.answers.find(gateway.stores.state, key, now_s=now_s)
    except BaseException:
        claim.end()
        raise
    if found is None:
        return claim
    claim.end()
    _check_same(found.fingerprint, key)
    return _kept(found)


def _kept(found: Found) -> Kept:
    if found.answer is not None:
        return Kept(found.request_id, found.answer)
    if found.state is State.IN_FLIGHT:
        msg = (
            f"The gateway stopped while it handled the request with this Idempotency-Key "
            f"({found.request_id}): nobody knows how far it came. It is not done again. "
            "Look for that id in the usage or the audit log, then use a new key."
        )
        code = "idempotency_outcome_unknown"
    else:
        msg = (
            f"The request with this Idempotency-Key was handled ({found.request_id}), but its "
            "answer was not kept: it was over 1 MiB, or its client left before its end. "
            "It is not done again. Use a new key for a new call."
        )
        code = "idempotency_not_replayable"
    headers = {_ORIGINAL: found.request_id, **_NO_RETRY}
    raise Conflict(msg, code=code, param=HEADER, headers=headers)


def _check_same(fingerprint: bytes, key: IdempotencyKey) -> None:
    if fingerprint != key.fingerprint:
        msg = (
            "This Idempotency-Key was used for another request. Use a new key for each request, "
            "and the same one only to send the same request again."
        )
        raise Reused(msg, param=HEADER)


def _in_flight() -> Conflict:
    msg = (
        "The first request with this Idempotency-Key is still being answered. "
        "Send it again in a moment to get the same answer."
    )
    return Conflict(
        msg, code="idempotency_in_flight", param=HEADER, retry_after_s=IN_FLIGHT_RETRY_S
    )
