"""Every kind of error in every dialect: the status that its SDKs know, and what we add."""

import json
from typing import Any

import pytest

from prismd.dialects.errors import bedrock_type, error_body, error_event, error_headers
from prismd.kernel import errors
from prismd.kernel.errors import LimitReached, NotFound, PrismError, UpstreamError
from prismd.wire.call import DialectName

NOT_FOUND = NotFound("There is no model 'x'.", code="model_not_found", param="model")
LIMITED = LimitReached(
    "Wait.", param="rate_limit_rpm", retry_after_s=12.3, details={"limit": 5, "window": "minute"}
)


def body(error: PrismError, dialect: DialectName, request_id: str | None = None) -> Any:
    return json.loads(error_body(error, dialect, request_id=request_id))


@pytest.mark.parametrize("dialect", [DialectName.OPENAI, DialectName.COMPLETIONS])
def test_the_openai_envelope(dialect: DialectName) -> None:
    assert body(NOT_FOUND, dialect) == {
        "error": {
            "message": "There is no model 'x'.",
            "type": "not_found",
            "param": "model",
            "code": "model_not_found",
        }
    }
    assert error_event(NOT_FOUND, dialect) == b"data: " + error_body(NOT_FOUND, dialect) + b"\n\n"


def test_the_anthropic_envelope() -> None:
    assert body(LIMITED, DialectName.ANTHROPIC, "req_1") == {
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "message": "Wait.",
            "param": "rate_limit_rpm",
            "code": "rate_limit_exceeded",
            "limit": 5,
            "window": "minute",
        },
        "request_id": "req_1",
    }
    said = error_body(LIMITED, DialectName.ANTHROPIC, request_id="req_1")
    event = error_event(LIMITED, DialectName.ANTHROPIC, request_id="req_1")
    assert event == b"event: error\ndata: " + said + b"\n\n"


def test_the_google_envelope() -> None:
    assert body(LIMITED, DialectName.GOOGLE) == {
        "error": {
            "code": 429,
            "message": "Wait.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "RATE_LIMIT_EXCEEDED",
                    "domain": "prism",
                    "metadata": {"param": "rate_limit_rpm", "limit": "5", "window": "minute"},
                },
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"},
            ],
        }
    }
    event = error_event(LIMITED, DialectName.GOOGLE)
    assert event == b"data: " + error_body(LIMITED, DialectName.GOOGLE) + b"\n\n"
    (info,) = body(errors.Internal("x"), DialectName.GOOGLE)["error"]["details"]
    assert "metadata" not in info


def test_the_shapes_of_bedrock_and_cohere() -> None:
    said = {"message": NOT_FOUND.message, "param": "model", "code": "model_not_found"}
    assert body(NOT_FOUND, DialectName.BEDROCK) == said
    headers = error_headers(NOT_FOUND, DialectName.BEDROCK)
    assert headers["x-amzn-errortype"] == bedrock_type(NOT_FOUND) == "ResourceNotFoundException"
    assert body(NOT_FOUND, DialectName.COHERE, "req_1") == {"id": "req_1", **said}
    event = error_event(NOT_FOUND, DialectName.COHERE, request_id="req_1")
    name, data = event.decode().strip().split("\n")
    assert name == "event: message-end"
    delta = {"finish_reason": "ERROR", "error": NOT_FOUND.message}
    assert json.loads(data.removeprefix("data: "))["delta"] == delta


WORDS = {
    400: ("invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    401: ("authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException"),
    402: ("billing_error", "FAILED_PRECONDITION", "ServiceQuotaExceededException"),
    403: ("permission_error", "PERMISSION_DENIED", "AccessDeniedException"),
    404: ("not_found_error", "NOT_FOUND", "ResourceNotFoundException"),
    405: ("invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    408: ("invalid_request_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
    409: ("invalid_request_error", "ABORTED", "ConflictException"),
    412: ("invalid_request_error", "FAILED_PRECONDITION", "ValidationException"),
    413: ("request_too_large", "INVALID_ARGUMENT", "ValidationException"),
    414: ("invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    415: ("invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    422: ("invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    429: ("rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException"),
    431: ("invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
    500: ("api_error", "INTERNAL", "InternalServerException"),
    501: ("api_error", "UNIMPLEMENTED", "InternalServerException"),
    502: ("api_error", "INTERNAL", "ModelErrorException"),
    503: ("overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"),
    504: ("timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
    529: ("overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"),
}
"""Status → how Anthropic, Google and AWS call it."""


def all_kinds() -> set[type[PrismError]]:
    found, left = {PrismError}, [PrismError]
    while left:
        left += (more := left.pop().__subclasses__())
        found |= set(more)
    return {kind for kind in found if kind.__module__ == errors.__name__}


def test_every_status_of_ours_has_its_words() -> None:
    assert {kind.status for kind in all_kinds()} <= set(WORDS)


@pytest.mark.parametrize("status", WORDS)
def test_the_words_for_a_status(status: int) -> None:
    error = UpstreamError("No.", provider="p", status=status)
    anthropic, google, bedrock = WORDS[status]
    assert body(error, DialectName.ANTHROPIC)["error"]["type"] == anthropic
    said = body(error, DialectName.GOOGLE)["error"]
    assert (said["code"], said["status"]) == (status, google)
    assert bedrock_type(error) == bedrock


def test_only_anthropics_clients_look_for_their_own_request_id() -> None:
    for dialect in DialectName:
        headers = error_headers(NOT_FOUND, dialect, request_id="req_1")
        assert headers.get("request-id") == ("req_1" if dialect == "anthropic" else None)


def test_retry_after_is_a_whole_second_and_never_zero() -> None:
    for wait_s, header in ((0.001, "1"), (1.0, "1"), (1.2, "2")):
        for dialect in DialectName:
            headers = error_headers(LimitReached("x", retry_after_s=wait_s), dialect)
            assert headers["retry-after"] == header
    assert "retry-after" not in error_headers(NotFound("x"))
