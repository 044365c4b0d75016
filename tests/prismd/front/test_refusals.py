import json

import pytest

from prismd.front import refusals
from prismd.wire.call import DialectName


@pytest.mark.parametrize("dialect", DialectName)
def test_each_refusal_of_the_same_kind_has_its_own_id(dialect: DialectName) -> None:
    seen = set()
    for _ in range(3):
        head, _, body = refusals.too_many_calls(dialect).partition(b"\r\n\r\n")
        line, *rest = head.decode().split("\r\n")
        headers = dict(one.split(": ", 1) for one in rest)
        assert line == "HTTP/1.1 503 Service Unavailable"
        assert int(headers["content-length"]) == len(body)
        assert "retry-after" in headers
        request_id = headers["x-request-id"]
        if dialect is DialectName.ANTHROPIC:
            assert json.loads(body)["request_id"] == headers["request-id"] == request_id
        seen.add(request_id)
    assert len(seen) == 3


@pytest.mark.parametrize("dialect", DialectName)
def test_the_last_answer_on_a_connection_says_so(dialect: DialectName) -> None:
    head, _, body = refusals.answer(refusals.no_http(), dialect).partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert json.loads(body)
