"""Small makers of values that many tests need."""

import json
from dataclasses import replace

from prismd.dialects.openai.request import parse_chat
from prismd.wire.call import Call, Caller, DialectName, Op
from prismd.wire.key import KeyRecord

_KEY = KeyRecord(
    id="key_1",
    digest=b"\0" * 32,
    prefix="sk-prism-ab12…9xYz",
    name="test",
    metadata={},
    created_at_s=1,
    updated_at_s=1,
)


def make_key(**changes: object) -> KeyRecord:
    """Return a key without restrictions, changed as said."""
    return replace(_KEY, **changes)  # type: ignore[arg-type]


def make_call(
    key: KeyRecord | None = None,
    *,
    ip: str = "127.0.0.1",
    request_id: str = "req_1",
    **fields: object,
) -> Call:
    """Return a chat call that arrived at monotonic time 0."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return Call(
        id=request_id,
        op=Op.CHAT,
        dialect=DialectName.OPENAI,
        caller=Caller(key or make_key(), ip),
        request=parse_chat(json.dumps(body).encode()),
        tags={},
        headers={},
        started_s=0.0,
        timeout_s=None,
    )
