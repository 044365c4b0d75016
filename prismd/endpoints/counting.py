"""Counting the tokens of a call that is not made: walk, and say it in the caller's shape."""

from collections.abc import Callable

from prismd.endpoints.credentials import limits_of
from prismd.flow.count import Counted, count
from prismd.flow.reply import Reply
from prismd.gateway import Gateway
from prismd.kernel import jsonio
from prismd.snapshot import Snapshot
from prismd.wire.call import Call

Write = Callable[[Call, Counted], object]


async def answer_count(gateway: Gateway, snap: Snapshot, call: Call, *, write: Write) -> Reply:
    """Count; ``write`` is the caller's shape. How it was counted is a header in all of them."""
    counted = await count(gateway, snap, call)
    headers = limits_of(gateway, call.caller.key)
    headers["x-prism-count-method"] = counted.method
    if counted.method == "upstream":
        headers["x-prism-provider"] = counted.provider
    return Reply(headers, body=jsonio.encode(write(call, counted)))
