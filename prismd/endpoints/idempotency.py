"""``Idempotency-Key`` over HTTP: read the header, and answer an admin's change at most once.

An admin write is kept in three steps: a durable row says ``in_flight``; the room makes its change;
the answer is kept, and only then leaves. Should the process die between the second and the third,
the change may be there and its answer is not: a replay says ``idempotency_outcome_unknown`` and
names the first request, under which the audit log has the change if there was one. A change is
never made twice. A refusal (4xx, 503) changes nothing, so it frees the key.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import Message, Scope, Send

from prismd.endpoints.asgi import send_reply
from prismd.endpoints.credentials import check_operator
from prismd.flow.replay import HEADER, Claim, Kept, replay
from prismd.flow.reply import Reply
from prismd.gateway import Gateway
from prismd.kernel.errors import InvalidRequest, Overloaded, PrismError
from prismd.store.db import Tx
from prismd.wire.idempotency import Answer, IdempotencyKey

MAX_KEY_CHARS = 255
ADMIN_SCOPE = "admin"
_HEADER = HEADER.encode()
_READS = frozenset({"GET", "HEAD", "OPTIONS"})

log = logging.getLogger("prism.idempotency")


def key_of(scope: Scope, body: bytes, *, owner: str) -> IdempotencyKey | None:
    """Read the header of a request whose caller is known; None when it has none.

    Args:
        scope: The request.
        body: Its whole body.
        owner: The scope of the key: the virtual key's id, or ``ADMIN_SCOPE``.

    Raises:
        InvalidRequest: the header is not 1 to 255 printable ASCII characters.
    """
    text: bytes | None = scope["head"].get(_HEADER)
    if text is None:
        return None
    if not 1 <= len(text) <= MAX_KEY_CHARS or any(not 0x20 <= char <= 0x7E for char in text):  # noqa: PLR2004  # space to tilde
        msg = f"Idempotency-Key is 1 to {MAX_KEY_CHARS} printable ASCII characters."
        raise InvalidRequest(msg, code="invalid_header", param=HEADER)
    # No part can run into the next: a method and a target have no line break.
    head = b"%s\n%s\n%s\n" % (scope["method"].encode(), scope["raw_path"], scope["query_string"])
    fingerprint = hashlib.sha256(head + body).digest()
    return IdempotencyKey(owner, hashlib.sha256(text).digest(), fingerprint)


def key_of_change(gateway: Gateway, scope: Scope, body: bytes) -> IdempotencyKey | None:
    """Read the header of an operator's change; None for anything else.

    Whoever is no operator learns nothing here and leaves nothing: the room refuses them.

    Raises:
        InvalidRequest: as ``key_of``.
    """
    if scope["method"] in _READS or _HEADER not in scope["head"]:
        return None
    try:
        check_operator(gateway, scope)
    except PrismError:
        return None
    return key_of(scope, body, owner=ADMIN_SCOPE)


async def serve_once(
    gateway: Gateway,
    key: IdempotencyKey,
    request_id: str,
    room: Callable[[Send], Awaitable[None]],
    send: Send,
) -> None:
    """Have a room make a change, or answer as it did when it made it.

    Raises:
        Reused, Conflict: as ``replay``.
    """
    found = await replay(gateway, key, request_id)
    if isinstance(found, Kept):
        await send_reply(send, Reply.again(found))
        return
    messages: list[Message] = []

    async def hold(message: Message) -> None:
        messages.append(message)

    try:
        await found.begin()
        await room(hold)
        await _close(gateway, found, _answer(messages))
    finally:
        found.end()
    for message in messages:
        await send(message)


async def _close(gateway: Gateway, claim: Claim, answer: Answer) -> None:
    """Keep what the client is about to get, or free the key where nothing was done."""
    work: Callable[[Tx], None]
    if answer.status < 400:  # noqa: PLR2004
        work = partial(claim.settle, answer=answer)
    elif answer.status < 500 or answer.status == Overloaded.status:  # noqa: PLR2004
        work = claim.forget
    else:
        return  # a fault: the change may have been made before it
    try:
        await gateway.stores.state.write(work)
    except Overloaded as error:
        # The change is made all the same: its answer must leave, only a replay will not have it.
        log.warning("an answer was not kept: %s", error.message)


def _answer(messages: list[Message]) -> Answer:
    start, *parts = messages
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in start["headers"]
        if name != b"content-length"
    }
    return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in parts))
