import json
from pathlib import Path

import pytest

from tests.prismctl.stub import KEY, TOKEN, Canned, StubGateway
from tests.prismctl.support import PEOPLE, Run


def test_v1_goes_with_the_key_and_the_rest_with_the_token(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/v1/models", {})
    stub.on("GET", "/-/keys", {})
    cli("api", "get", "/v1/models")
    cli("api", "GET", "/-/keys", "-f", "limit=5", "-f", "status=active")
    assert [one.headers["authorization"] for one in stub.sent] == [
        f"Bearer {KEY}",
        f"Bearer {TOKEN}",
    ]
    assert stub.sent[1].query == "limit=5&status=active"


def test_a_query_in_the_path_stays_and_fields_join_it(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/usage", {})
    cli("api", "GET", "/-/usage?group_by=model,key")
    cli("api", "GET", "/-/usage?group_by=key", "-f", "since=24h")
    assert [one.query for one in stub.sent] == ["group_by=model,key", "group_by=key&since=24h"]


def test_fields_are_text_or_json(cli: Run, stub: StubGateway) -> None:
    stub.on("POST", "/-/keys", Canned({"ok": True}, 201))
    result = cli("api", "POST", "/-/keys", "-f", "name=a=b", "-f", "rpm:=5", "-f", "models:=[]")
    assert stub.last("POST").json() == {"name": "a=b", "rpm": 5, "models": []}
    assert json.loads(result.out) == {"ok": True}


def test_a_body_comes_from_stdin_or_a_file(cli: Run, stub: StubGateway, tmp_path: Path) -> None:
    stub.on("POST", "/x", {})
    (tmp_path / "body.json").write_text('{"a": 1}')
    cli("api", "POST", "/x", "--input", "-", stdin='{"b": 2}')
    assert stub.last("POST").body == b'{"b": 2}'
    cli("api", "POST", "/x", "--input", str(tmp_path / "body.json"))
    assert stub.last("POST").body == b'{"a": 1}'
    assert stub.last("POST").headers["content-type"] == "application/json"


def test_what_is_not_json_is_printed_as_it_is_but_harmless_in_a_terminal(
    cli: Run, stub: StubGateway
) -> None:
    stub.on("GET", "/-/metrics", Canned(b"a 1\n\x1b[2J"))
    assert cli("api", "GET", "/-/metrics").out == "a 1\n\x1b[2J"
    assert cli("api", "GET", "/-/metrics", terminal=PEOPLE).out == "a 1\n\\x1b[2J"


@pytest.mark.parametrize(
    "words",
    [
        ("GET", "v1/models"),
        ("POST", "/x", "-f", "name"),
        ("POST", "/x", "-f", "a:=nope"),
        ("POST", "/x", "-f", "a=1", "--input", "-"),
        ("POST", "/x", "--input", "/not/there"),
        ("POST", "/x", "-H", "no-colon"),
        ("POST", "/x", "-H", ": value"),
        ("POST", "/x", "-H", "a: b\r\nc: d"),
    ],
)
def test_mistakes_are_2_and_send_nothing(
    cli: Run, stub: StubGateway, words: tuple[str, ...]
) -> None:
    assert cli("api", *words).code == 2
    assert stub.sent == []


def test_headers_go_along(cli: Run, stub: StubGateway) -> None:
    stub.on("PUT", "/-/keys/key_1", {})
    cli("api", "PUT", "/-/keys/key_1", "-H", 'If-Match: "3"', "-H", "Idempotency-Key: mine")
    sent = stub.last("PUT").headers
    assert (sent["if-match"], sent["idempotency-key"]) == ('"3"', "mine")


def test_a_path_alone_is_read(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", {"object": "list"})
    assert cli("api", "/-/keys").code == 0
    assert stub.last("GET").path == "/-/keys"
