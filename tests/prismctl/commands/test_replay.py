"""A call made again: what it costs whom is said first, then what became different."""

import json
from typing import Any

import pytest

from tests.prismctl import calls
from tests.prismctl import stub as canned
from tests.prismctl.stub import StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run

SAME = calls.REPLAYED | {
    "difference": calls.REPLAYED["difference"] | {"is_same_text": True, "text_similarity": 1}
}


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    stub.on("GET", "/-/requests/req_0001", calls.TRACE | {"has_bodies": True})
    stub.on("POST", "/-/explain", calls.ALLOWED)
    stub.on("POST", "/-/requests/req_0001/replay", calls.REPLAYED)
    stub.on("GET", "/-/keys", listing(key(id="key_0009", name="lab")))
    stub.on("GET", "/-/keys/key_0009", key(id="key_0009", name="lab"))
    return stub


def posts(stub: StubGateway) -> list[tuple[str, Any]]:
    return [(one.path, one.json()) for one in stub.sent if one.method == "POST"]


def test_what_was_changed_is_sent_and_who_pays_is_asked_first(
    cli: Run, gateway: StubGateway
) -> None:
    result = cli(
        "requests", "replay", "req_0001", "--model", "fast", "--provider", "azure", "--key", "lab",
        "--set", "temperature=0", "--set", "user=ana b", "--set", 'stop=["a"]', "--yes",
    )  # fmt: skip
    assert result.code == 0
    assert posts(gateway) == [
        (
            "/-/explain",
            {
                "model": "fast",
                "key": "key_0009",
                "op": "chat",
                "input_tokens": 1200,
                "stream": True,
            },
        ),
        (
            "/-/requests/req_0001/replay",
            {
                "model": "fast",
                "provider": "azure",
                "key": "key_0009",
                "set": {"temperature": 0, "user": "ana b", "stop": ["a"]},
            },
        ),
    ]
    assert "key lab pays about $0.008, at most $0.08817" in result.err


def test_without_a_terminal_and_yes_nothing_is_made(cli: Run, gateway: StubGateway) -> None:
    result = cli("requests", "replay", "req_0001")
    assert (result.code, result.out) == (2, "")
    assert "key ci pays about $0.008" in result.err
    assert [path for path, _ in posts(gateway)] == ["/-/explain"]


def test_what_would_be_refused_is_not_made(cli: Run, gateway: StubGateway) -> None:
    gateway.on("POST", "/-/explain", calls.DENIED)
    result = cli("requests", "replay", "req_0001", "--yes")
    assert (result.code, result.out) == (9, "")
    assert "This key may make 120 calls per minute" in result.err
    assert [path for path, _ in posts(gateway)] == ["/-/explain"]


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [
        (calls.REPLAYED, (), 0),
        (calls.REPLAYED, ("--exit-code",), 10),
        (SAME, ("--exit-code",), 0),
    ],
)
def test_exit_code_says_whether_the_texts_differ(
    cli: Run, gateway: StubGateway, answer: Any, words: tuple[str, ...], code: int
) -> None:
    gateway.on("POST", "/-/requests/req_0001/replay", answer)
    assert cli("requests", "replay", "req_0001", "--yes", *words).code == code


def test_json_is_the_answer_of_the_api_unchanged(cli: Run, gateway: StubGateway) -> None:
    result = cli("requests", "replay", "req_0001", "--yes", "-o", "json")
    assert json.loads(result.out) == calls.REPLAYED


def test_a_replay_that_failed_is_shown_and_ends_with_its_code(
    cli: Run, gateway: StubGateway
) -> None:
    replay = {**calls.REPLAYED["replay"], "status": 502, "text": None, "error_code": "provider_500"}
    replay["error"] = {"code": "provider_500", "message": "It\x1b[2J broke."}
    gateway.on("POST", "/-/requests/req_0001/replay", calls.REPLAYED | {"replay": replay})
    result = cli("requests", "replay", "req_0001", "--yes", terminal=PEOPLE)
    assert result.code == 1
    assert "✕ 502" in result.out
    assert "The texts" not in result.out
    assert "the replay failed: It\\x1b[2J broke." in result.err


def test_a_terminal_also_sees_why_each_answer_ended(cli: Run, gateway: StubGateway) -> None:
    answer = {
        **calls.REPLAYED,
        "original": {**calls.REPLAYED["original"], "has_bodies": True},
        "replay": {**calls.REPLAYED["replay"], "has_bodies": True, "is_stream": False},
    }
    gateway.on("POST", "/-/requests/req_0001/replay", answer)
    gateway.on("GET", "/-/requests/req_0001", calls.TRACE | calls.BODIES)
    cut = {"response_body": {"choices": [{"finish_reason": "length"}]}}
    gateway.on("GET", "/-/requests/req_0002", calls.TRACE | cut)
    out = cli("requests", "replay", "req_0001", "--yes", terminal=PEOPLE).out
    [line] = [line for line in out.splitlines() if line.startswith("finish")]
    assert line.split() == ["finish", "stop", "length"]
    assert "its first byte came late" in out


def test_texts_that_are_not_there_are_not_told_to_differ(cli: Run, gateway: StubGateway) -> None:
    unknown = calls.REPLAYED["difference"] | {"is_same_text": None, "text_similarity": None}
    gateway.on("POST", "/-/requests/req_0001/replay", calls.REPLAYED | {"difference": unknown})
    result = cli("requests", "replay", "req_0001", "--yes")
    assert "cannot be compared" in result.out


def test_bodies_that_were_not_kept_say_how_to_keep_them(cli: Run, gateway: StubGateway) -> None:
    gateway.on("POST", "/-/requests/req_0001/replay", canned.error(409, "bodies_not_stored"))
    result = cli("requests", "replay", "req_0001", "--yes")
    assert (result.code, result.out) == (5, "")
    assert "hint: keep them from now on: logging.request_logging.include_bodies" in result.err


def test_nobody_is_asked_about_what_cannot_be_done(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/requests/req_0001", calls.TRACE | {"has_bodies": False})
    result = cli("requests", "replay", "req_0001")
    assert (result.code, result.out) == (5, "")
    assert "hint: keep them from now on" in result.err
    assert posts(gateway) == []


def test_a_setting_that_is_none_is_2(cli: Run, gateway: StubGateway) -> None:
    result = cli("requests", "replay", "req_0001", "--set", "temperature", "--yes")
    assert result.code == 2
    assert posts(gateway) == []


def test_hostile_texts_are_shown_and_not_obeyed(cli: Run, gateway: StubGateway) -> None:
    evil = {**calls.REPLAYED["replay"], "text": "\x1b]52;c;b3du\x07 \u202e", "model": "m\x1b[2J"}
    gateway.on("POST", "/-/requests/req_0001/replay", calls.REPLAYED | {"replay": evil})
    out = cli("requests", "replay", "req_0001", "--yes", terminal=PEOPLE).out
    assert "+ \\x1b]52;c;b3du\\x07 \\u202e" in out
    assert not set(out) & set("\x1b\x07\u202e")
