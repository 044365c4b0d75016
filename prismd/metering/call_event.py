"""What the event feed says about a call that has ended, and about one that a rule refused."""

from prismd.wire.usage import CallRecord


def call_event(about: tuple[CallRecord, str, bool]) -> dict[str, object]:
    """Return what the event feed says about a call, the name of its key, and if bodies are kept."""
    record, key_name, has_bodies = about
    return {
        "request_id": record.request_id,
        "key_id": record.key_id,
        "key_name": key_name,
        "owner": record.owner,
        "org_id": record.org_id,
        "op": record.op,
        "model": record.model,
        "provider": record.provider,
        "upstream_model": record.upstream_model,
        "status": record.status,
        "error_code": record.error_code,
        "is_stream": record.is_stream,
        "is_complete": record.is_complete,
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "usage_source": record.usage_source,
        "cost_nano_usd": record.cost_nano_usd,
        "latency_ms": record.latency_ms,
        "first_byte_ms": record.first_byte_ms,
        "attempts": record.attempts,
        "has_bodies": has_bodies,
    }


def guard_event(about: tuple[CallRecord, str, str | None]) -> dict[str, object]:
    """Return what the event feed says about a call that a rule refused, and what it was about."""
    record, key_name, param = about
    return {
        "action": "refused",
        "rule": record.error_code,
        "param": param,
        "request_id": record.request_id,
        "key_id": record.key_id,
        "key_name": key_name,
        "owner": record.owner,
        "org_id": record.org_id,
        "op": record.op,
        "model": record.model,
        "status": record.status,
    }
