import json

from prismd.dialects.errors import error_body, error_event, error_headers
from prismd.kernel.errors import LimitReached, NotFound


def test_the_openai_envelope() -> None:
    error = NotFound("There is no model 'x'.", code="model_not_found", param="model")
    assert json.loads(error_body(error)) == {
        "error": {
            "message": "There is no model 'x'.",
            "type": "not_found",
            "param": "model",
            "code": "model_not_found",
        }
    }
    assert error_event(error) == b"data: " + error_body(error) + b"\n\n"


def test_retry_after_is_a_whole_second_and_never_zero() -> None:
    for wait_s, header in ((0.001, "1"), (1.0, "1"), (1.2, "2")):
        assert error_headers(LimitReached("x", retry_after_s=wait_s))["retry-after"] == header
    assert "retry-after" not in error_headers(NotFound("x"))
