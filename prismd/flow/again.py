"""Make a call again from what was kept of it: another model, provider, key or setting.

The new call is one like any other: where it may go is decided by ``plan``, and a provider that is
asked for only narrows that.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from prismd.dialects.registry import DIALECTS
from prismd.kernel import clock, jsonio
from prismd.kernel.errors import InvalidRequest
from prismd.routing.catalog import Catalog
from prismd.snapshot import Snapshot
from prismd.wire.call import Call, Caller, DialectName, Op
from prismd.wire.key import KeyRecord
from prismd.wire.usage import CallRecord

TAG = "prism-replay"
"""Label of a call that was made again; its value is the id of the first."""

_WHOLE = ("stream", "stream_options")
"""Fields that are left out: answers are compared whole."""
_NAMED_IN_URL = frozenset({DialectName.GOOGLE, DialectName.BEDROCK})
"""Dialects whose requests do not hold the model."""
_ELSEWHERE = frozenset({"model", *_WHOLE})


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different."""

    model: str | None
    provider: str | None
    fields: Mapping[str, object]
    """Members of the request and their new values."""


def call_again(
    snap: Snapshot,
    before: CallRecord,
    body: bytes,
    changes: Changes,
    *,
    caller: Caller,
    request_id: str,
    tags: Mapping[str, str],
) -> Call:
    """Return a call that is like an earlier one but for some changes.

    Args:
        snap: The configuration in force.
        before: The earlier call.
        body: What was sent then.
        changes: What is different.
        caller: Who pays for it.
        request_id: Of the new call.
        tags: Labels that its key gives it.

    Raises:
        InvalidRequest: a changed field is not of the request, or is not what it must be.
    """
    if wrong := sorted(_ELSEWHERE.intersection(changes.fields)):
        msg = f"'set' cannot change '{wrong[0]}': give the model as 'model'; answers come whole."
        raise InvalidRequest(msg, code="invalid_value", param=f"set.{wrong[0]}")
    model, key = changes.model or before.model, caller.key
    if changes.provider is not None:
        model = _name_at(snap.catalog, model, changes.provider)
        key = _bound_to(changes.provider, key)
    dialect = DIALECTS[DialectName(before.dialect)]
    named = model if dialect.name in _NAMED_IN_URL else None
    fields: dict[str, object] = dict(dialect.parse(body, model=named, is_stream=None).fields)
    for name in _WHOLE:
        fields.pop(name, None)
    model_field = {} if named else {"model": model}
    sent = jsonio.encode({**fields, **changes.fields, **model_field})
    return Call(
        id=request_id,
        op=Op(before.op),
        dialect=dialect.name,
        caller=Caller(key, caller.ip),
        request=dialect.parse(sent, model=named, is_stream=False if named else None),
        tags={**before.tags, **tags, TAG: before.request_id},
        headers={},
        started_s=clock.monotonic_s(),
        timeout_s=None,
        body=sent if snap.keeps_bodies_of(key.org_id) else None,
    )


def _name_at(catalog: Catalog, model: str, provider_id: str) -> str:
    """Return the name under which a provider serves a model, or else one that it does not."""
    targets = catalog.find(model)
    if any(target.provider.id == provider_id for target in targets):
        return model
    names = [f"{provider_id}/{name}" for name in (model, *(target.model for target in targets))]
    return next((name for name in names if catalog.find(name)), names[0])


def _bound_to(provider_id: str, key: KeyRecord) -> KeyRecord:
    """Return a key that may use one provider, if it may use that."""
    is_allowed = key.providers is None or provider_id in key.providers
    return replace(key, providers=(provider_id,) if is_allowed else ())
