"""Calls: finding them, and why one went as it did."""

import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.prismctl import calls, money
from tests.prismctl import stub as canned
from tests.prismctl.stub import StubGateway, key, listing
from tests.prismctl.support import PEOPLE, PIPE, Run

NARROW = replace(PEOPLE, width=80)
EVIL = "x\x1b[2J\x1b]0;owned\x07\u202e\x9b"


def one_line(text: str) -> str:
    return " ".join(text.split())


def asked(stub: StubGateway) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(stub.last("GET").query).items()}


def test_every_filter_reaches_the_gateway_as_it_reads_it(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", listing(key()))
    stub.on("GET", "/-/keys/key_0001", key())
    stub.on("GET", "/-/requests", listing(calls.call()))
    result = cli(
        "requests", "list", "--key", "ci", "--org", "acme", "--owner", "ana", "--model", "smart",
        "--provider", "groq", "--status", "4xx,5xx", "--error", "budget_exceeded",
        "--min-cost", "$0.05", "--min-latency", "2s", "--since", "30m",
        "--until", "2026-11-23T11:00Z", "--limit", "7",
    )  # fmt: skip
    assert result.code == 0
    assert asked(stub) == {
        "key": "key_0001",
        "org": "acme",
        "owner": "ana",
        "model": "smart",
        "provider": "groq",
        "status": "4xx,5xx",
        "error_code": "budget_exceeded",
        "min_cost": "0.05",
        "min_latency": "2000",
        "since": "2026-11-23T11:30:00.000Z",
        "until": "2026-11-23T11:00:00.000Z",
        "limit": "7",
    }


def test_the_newest_50_unless_told_otherwise(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/requests", listing())
    result = cli("requests", "ls")
    assert (result.code, result.out) == (0, "")
    assert asked(stub) == {"limit": "50"}
    assert "no such calls" in result.err


def test_a_search_that_ended_early_goes_on(cli: Run, stub: StubGateway) -> None:
    early = {**listing(has_more=True), "is_complete": False, "continue_after": "req_0500"}
    stub.on("GET", "/-/requests", early, listing(calls.call(600)))
    assert cli("requests", "ls", "-o", "name").out == "req_0600\n"
    assert asked(stub)["after"] == "req_0500"


@pytest.mark.parametrize(
    "words", [("--min-latency", "soon"), ("--min-cost", "much"), ("--since", "never")]
)
def test_what_cannot_be_read_is_2(cli: Run, stub: StubGateway, words: tuple[str, str]) -> None:
    assert cli("requests", "list", *words).code == 2
    assert stub.sent == []


def test_80_columns_keep_status_key_model_and_an_id_that_can_be_used(
    cli: Run, stub: StubGateway
) -> None:
    long = calls.call(
        1,
        id="req_06h1de1n8811n4q5bagp6qcq4pj1tk1gtbtc",
        key_name="日本語チームの検索サービス",
        model="anthropic/claude-sonnet-4-5-20250929",
        error_code="all_providers_unavailable",
        status=503,
    )
    stub.on("GET", "/-/requests", listing(long))
    head, line = cli("requests", "list", terminal=NARROW).out.splitlines()
    from rich.cells import cell_len

    assert cell_len(line) <= 80
    assert head.split() == ["TIME", "STATUS", "ERROR", "KEY", "MODEL", "TOOK", "ID"]
    assert "✕ 503   all_provi" in line
    beginning = line.split()[-1].removesuffix("…")
    stub.on("GET", "/-/requests/req_06h1de1n8811n4q5bagp6qcq4pj1tk1gtbtc", long | calls.TRACE)
    assert len(beginning) >= 14
    assert cli("requests", "get", beginning).code == 0


def test_the_beginning_of_an_id_is_enough_if_one_call_has_it(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/requests", listing(calls.call(11), calls.call(12), calls.call(20)))
    stub.on("GET", "/-/requests/req_0020", calls.TRACE | {"id": "req_0020"})
    assert cli("requests", "get", "req_002", "-o", "name").out == "req_0020\n"
    twice = cli("requests", "explain", "req_001")
    assert twice.code == 2
    assert "means 2 calls: req_0011, req_0012" in twice.err
    none = cli("requests", "curl", "req_9")
    assert none.code == 4
    assert "hint: give the whole id" in none.err


def test_bodies_are_asked_for_only_with_the_flag(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/requests/req_0001", calls.TRACE | calls.BODIES)
    cli("requests", "get", "req_0001")
    assert asked(stub) == {}
    result = cli("requests", "get", "req_0001", "--bodies", terminal=PEOPLE)
    assert asked(stub) == {"bodies": "true"}
    assert '"temperature": 0.2' in result.out
    stub.on("GET", "/-/requests/req_0001", calls.TRACE)
    assert "include_bodies" in cli("requests", "get", "req_0001", "--bodies").err


def explained(cli: Run, stub: StubGateway, call: dict[str, Any]) -> str:
    stub.on("GET", "/-/requests/req_0001", call)
    result = cli("requests", "explain", "req_0001", terminal=NARROW)
    assert result.code == 0
    assert all(len(line) <= 80 for line in result.out.splitlines())
    return result.out


def test_a_call_that_fell_back_is_told_from_end_to_end(cli: Run, stub: StubGateway) -> None:
    said = explained(cli, stub, calls.TRACE)
    for part in (
        "● 200\n  Answered in 1.53 s for $0.00042.",
        "Key ci (key_0001), owner ana, from 10.0.0.7",
        "118 of 120 calls in the last minute, this one",
        "openai/gpt-5, groq/llama-4",
        "✕ 503   service_unavailable",
        "stream    1.33 s  █████████░  86%",
        "input_tokens   1,200  $0.25/M   $0.0003",
        "total                          $0.00042",
        "It was answered, but only after openai had failed.",
        "    prismctl providers health",
    ):
        assert part in said


REFUSALS = [
    (
        calls.LIMITED,
        "calls per minute   120 of 120 calls in the last minute",
        "prismctl keys update ci --rpm N",
    ),
    (
        calls.refused(
            429,
            "rate_limit_exceeded",
            param="rate_limit_tpm",
            **{"x-ratelimit-limit-tokens": "50000", "x-ratelimit-remaining-tokens": "100"},
        ),
        "tokens per minute  49,900 of 50,000 tokens used or reserved",
        "prismctl keys update ci --tpm N",
    ),
    (
        calls.refused(429, "rate_limit_exceeded", param="max_concurrency", message="4 run."),
        "calls at once      4 run.",
        "prismctl keys update ci --concurrency N",
    ),
    (
        calls.refused(
            429,
            "budget_exceeded",
            param="budgets",
            scope="owner",
            subject="ana b",
            window="monthly",
            limit=50,
            spent=49.5,
            held=0.1,
            needed=0.75,
            resets_at="2026-12-01T00:00:00Z",
        ),
        (
            "budget $49.50 of $50.00 monthly are spent by owner ana b, $0.10 are held, and "
            "$0.75 may be needed; it starts anew at 2026-12-01T00:00:00Z"
        ),
        "prismctl budgets set 'owner:ana b' USD/monthly",
    ),
    (
        calls.refused(402, "insufficient_credits", needed=0.03, balance=0.02, held=0),
        "credits            $0.03 may be needed; $0.02 are there",
        "prismctl credits add ci USD",
    ),
    (
        calls.refused(403, "permission_denied", param="ip", message="Not from 10.0.0.7."),
        "address            Not from 10.0.0.7.",
        "prismctl keys update ci --ip LIST",
    ),
    (
        calls.refused(404, "model_not_found", param="model", message="No smart."),
        "model              No smart.",
        "prismctl models list",
    ),
    (
        calls.refused(403, "model_not_priced", message="No price."),
        "price              No price.",
        "prismctl prices set smart input=USD output=USD",
    ),
    (calls.refused(503, "overloaded", message="Busy."), "overloaded", "prismctl doctor"),
    (
        calls.refused(501, "unsupported_operation", message="Nobody can."),
        "provider Nobody can.",
        "prismctl routes explain --model smart",
    ),
    (
        calls.refused(400, "invalid_function_parameters", param="tools[0]", message="No schema."),
        "request No schema.",
        "prismctl requests get req_0001 --bodies",
    ),
]


@pytest.mark.parametrize(("call", "rule", "command"), REFUSALS)
def test_a_refusal_names_the_rule_its_number_and_what_to_do(
    cli: Run, stub: StubGateway, call: dict[str, Any], rule: str, command: str
) -> None:
    said = explained(cli, stub, call)
    assert one_line(f"✕ refused {rule}") in one_line(said)
    assert f"    {command}\n" in said
    assert "no provider was asked" in said
    assert "Nothing: no provider was asked." in said


def failed(status: int | None, code: str, code_of_answer: int = 502) -> dict[str, Any]:
    attempt = {"provider": "groq", "model": "llama-4", "status": status, "outcome": code}
    free = money.usd("cost", 0)
    return calls.TRACE | {
        "first_byte_ms": 201.25 if status == HTTPStatus.OK else None,
        "status": code_of_answer,
        "error_code": code,
        "is_complete": False,
        "attempts": [attempt],
        "price_lines": [],
        **free,
    }


@pytest.mark.parametrize(
    ("call", "end", "command"),
    [
        (failed(500, "provider_500"), "No provider that was asked", "prismctl providers health"),
        (failed(None, "provider_unreachable"), "No provider", "prismctl requests curl req_0001"),
        (
            failed(None, "provider_unreachable") | {"has_bodies": True},
            "No provider",
            "prismctl requests replay req_0001",
        ),
        (failed(429, "rate_limit_exceeded"), "No provider", "prismctl providers health"),
        (failed(400, "invalid_request"), "No provider", "prismctl requests curl req_0001"),
        (failed(401, "provider_auth_failed"), "No provider", "prismctl config reload"),
        (failed(200, "client_closed", 499), "The caller hung up after 1.53 s.", ""),
        (failed(200, "upstream_closed_early", 200), "broke off", "requests curl"),
    ],
)
def test_a_failure_behind_the_gateway_says_what_next(
    cli: Run, stub: StubGateway, call: dict[str, Any], end: str, command: str
) -> None:
    said = explained(cli, stub, call)
    assert end in said
    assert command in said.partition("What now?")[2]


def test_an_answer_that_broke_off_had_begun(cli: Run, stub: StubGateway) -> None:
    said = explained(cli, stub, failed(200, "provider_connection_broken"))
    assert "The answer began, and broke off after 1.53 s." in said
    none = failed(None, "provider_unreachable")
    assert "No provider that was asked answered it; it took 1.53 s." in explained(cli, stub, none)


def test_a_call_without_a_price_is_not_told_to_be_free(cli: Run, stub: StubGateway) -> None:
    call = calls.TRACE | {"price_lines": [], **money.usd("cost", None)}
    assert "It has no price: it is in no cost." in explained(cli, stub, call)


def test_an_answer_that_was_kept_is_told_to_be_that_and_to_be_paid_for(
    cli: Run, stub: StubGateway
) -> None:
    kept = {"stage": "replay", "ms": 0.4, "detail": {"original_request_id": "req_0007"}}
    free = {"price_lines": [], "attempts": [], **money.usd("cost", None)}
    said = one_line(explained(cli, stub, calls.TRACE | free | {"stages": [kept]}))
    assert "✕" not in said
    assert "with the answer of req_0007, kept for its Idempotency-Key." in said
    assert "What did it cost? Nothing: req_0007 has paid for it." in said
    assert "refused" not in said
    assert "What now? Nothing: it was answered." in said


def test_a_caller_who_left_early_was_not_refused(cli: Run, stub: StubGateway) -> None:
    gone = calls.refused(499, "client_closed") | {"stages": [calls.PERMIT]}
    said = one_line(explained(cli, stub, gone))
    assert "The caller hung up after 0.06 ms." in said
    assert "What did it cost? Nothing: no provider was asked." in said


def test_a_call_that_a_crash_cut_is_told_as_far_as_it_is_known(cli: Run, stub: StubGateway) -> None:
    tried = calls.TRACE["attempts"][-1] | {"status": None, "outcome": "gateway_crashed"}
    cut = failed(None, "gateway_crashed", 500) | {
        "stages": [], "attempts": [tried], "usage_source": "recovered",
    }  # fmt: skip
    said = one_line(explained(cli, stub, cut))
    assert "The gateway ended while a provider was answering" in said
    assert "ok all rules what they said was lost with the process" in said
    assert "gateway_crashed" in said.split("Where did it go?")[1]
    assert "prismctl doctor" in said.split("What now?")[1]


def test_tokens_that_were_estimated_are_told_to_be_so(cli: Run, stub: StubGateway) -> None:
    said = explained(cli, stub, calls.TRACE | {"usage_source": "estimated"})
    assert "The tokens are estimated" in said


def test_a_trace_of_another_version_is_told_as_far_as_it_goes(cli: Run, stub: StubGateway) -> None:
    bare = {"id": "req_0001", "object": "request", "status": 500}
    assert "✕ 500" in explained(cli, stub, bare)
    odd = calls.TRACE | {"stages": [{"stage": "guard", "ms": 5}, {"ms": "x"}], "attempts": [{}]}
    assert "guard" in explained(cli, stub, odd)


@pytest.mark.parametrize("verb", ["get", "explain"])
@pytest.mark.parametrize("terminal", [PIPE, PEOPLE])
def test_hostile_text_anywhere_in_a_call_is_shown_and_not_obeyed(
    cli: Run, stub: StubGateway, verb: str, terminal: Any
) -> None:
    evil = json.loads(
        json.dumps(calls.TRACE)
        .replace('"smart"', json.dumps(EVIL))
        .replace('"groq"', json.dumps(EVIL))
        .replace('"ci"', json.dumps(EVIL))
        .replace('"search"', json.dumps(EVIL))
        .replace('"service_unavailable"', json.dumps(EVIL))
        .replace('"input_tokens", "q', f'{json.dumps(EVIL)}, "q')
    )
    stub.on("GET", "/-/requests/req_0001", evil | {"error_code": EVIL, "price_source": EVIL})
    out = cli("requests", verb, "req_0001", terminal=terminal).out
    assert "\\x1b[2J\\x1b]0;owned\\x07\\u202e\\x9b" in out
    assert not set(out) & set("\x1b\x07\u202e\x9b")


def test_an_evil_name_never_gets_into_a_command_to_paste(cli: Run, stub: StubGateway) -> None:
    call = calls.LIMITED | {"key_name": "x; rm -rf ~", "model": "m$(id)"}
    said = explained(cli, stub, call)
    assert "prismctl keys check key_0001 --model 'm$(id)'" in said


def test_without_colour_and_unicode_there_are_words_and_ascii(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/requests/req_0001", calls.TRACE)
    out = cli("requests", "explain", "req_0001", terminal=replace(PEOPLE, is_unicode=False)).out
    assert "x 503" in out
    assert "#########." in out
    assert out.isascii()


def test_what_is_not_there_is_4(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/requests/req_0001", canned.error(404, "request_not_found"))
    stub.on("GET", "/-/requests", listing())
    result = cli("requests", "explain", "req_0001")
    assert (result.code, result.out) == (4, "")
