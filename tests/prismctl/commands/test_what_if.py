"""Calls that nobody makes: who may, which rule decides, where to, for how much."""

import json
from typing import Any

import pytest

from tests.prismctl import calls
from tests.prismctl.stub import StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    stub.on("GET", "/-/keys", listing(key()))
    stub.on("GET", "/-/keys/key_0001", key())
    stub.on("POST", "/-/explain", calls.ALLOWED)
    return stub


@pytest.mark.parametrize("named", ["ci", "key_0001", "key_00"])
def test_the_whole_call_is_described(cli: Run, gateway: StubGateway, named: str) -> None:
    result = cli(
        "keys", "check", named, "--model", "smart", "--ip", "10.0.0.7", "--tokens", "5000",
        "--max-tokens", "100", "--tool", "search", "--tool", "shell,mail", "--stream",
        "--tag", "team=search",
    )  # fmt: skip
    assert result.code == 0
    assert gateway.last("POST").json() == {
        "model": "smart",
        "key": "key_0001",
        "ip": "10.0.0.7",
        "input_tokens": 5000,
        "max_tokens": 100,
        "tools": ["search", "shell", "mail"],
        "stream": True,
        "tags": {"team": "search"},
    }


def test_a_route_needs_no_key(cli: Run, gateway: StubGateway) -> None:
    assert cli("routes", "explain", "--model", "smart").code == 0
    assert gateway.last("POST").json() == {"model": "smart"}
    assert cli("routes", "explain", "--model", "smart", "--key", "ci").code == 0
    assert gateway.last("POST").json() == {"model": "smart", "key": "key_0001"}


def test_a_call_needs_a_model(cli: Run, gateway: StubGateway) -> None:
    assert cli("keys", "check", "ci").code == 2
    assert cli("routes", "explain").code == 2


@pytest.mark.parametrize(
    ("refusal", "exit_code"),
    [
        ((401, "invalid_api_key"), 3),
        ((403, "permission_denied"), 3),
        ((404, "model_not_found"), 4),
        ((402, "insufficient_credits"), 9),
        ((429, "budget_exceeded"), 9),
        ((501, "unsupported_operation"), 1),
        ((503, "overloaded"), 1),
    ],
)
@pytest.mark.parametrize("words", [("keys", "check", "ci"), ("routes", "explain")])
def test_a_refusal_ends_with_the_code_of_the_real_one_and_is_printed_all_the_same(
    cli: Run,
    gateway: StubGateway,
    words: tuple[str, ...],
    refusal: tuple[int, str],
    exit_code: int,
) -> None:
    status, code = refusal
    gateway.on("POST", "/-/explain", calls.DENIED | {"status": status, "code": code})
    for form in ("table", "json", "name"):
        result = cli(*words, "--model", "smart", "-o", form)
        assert result.code == exit_code
        assert result.out
    assert json.loads(cli(*words, "--model", "smart", "-o", "json").out)["code"] == code


def test_a_budget_that_refuses_says_which_to_raise(cli: Run, gateway: StubGateway) -> None:
    budget = {"scope": "owner", "subject": "ana", "window": "daily", "resets_at": None}
    step = {"rule": "budget", "state": "refused", "message": "Spent.", "detail": budget}
    gateway.on(
        "POST",
        "/-/explain",
        calls.DENIED | {"code": "budget_exceeded", "decided_by": "budget", "steps": [step]},
    )
    result = cli("keys", "check", "ci", "--model", "smart")
    assert "raise it: prismctl budgets set owner:ana USD/daily" in result.err


def test_the_checklist_names_the_rule_and_its_number(cli: Run, gateway: StubGateway) -> None:
    gateway.on("POST", "/-/explain", calls.DENIED)
    out = cli("keys", "check", "ci", "--model", "smart", terminal=PEOPLE).out
    assert "✕ refused  with 429 rate_limit_exceeded" in out
    assert "✕ refused  requests per minute  120 of 120 calls in the last minute" in out
    assert "● ok       key status" in out


def test_the_route_has_health_price_and_reason(cli: Run, gateway: StubGateway) -> None:
    out = cli("keys", "check", "ci", "--model", "smart", terminal=PEOPLE).out
    assert "1  openai    gpt-5    ✕ failing      $1.25      $10.00  genai-prices" in out
    assert "openai: model_map sends the model here." in out
    assert "lab: the key may not use this provider." in out
    assert "About $0.008, at most $0.08817: 5,000 input tokens, 500 of output, up to 8,192." in out


def test_no_bound_is_said_and_no_price_is_not_free(cli: Run, gateway: StubGateway) -> None:
    unbound: dict[str, Any] = calls.ALLOWED["cost"] | {"at_most": None, "max_output_tokens": None}
    gateway.on("POST", "/-/explain", calls.ALLOWED | {"cost": unbound})
    out = cli("routes", "explain", "--model", "smart", terminal=PEOPLE).out
    assert "About $0.008, with no upper bound" in out
    assert "nothing limits the output" in out
    gateway.on("POST", "/-/explain", calls.ALLOWED | {"cost": None})
    out = cli("routes", "explain", "--model", "smart", terminal=PEOPLE).out
    assert "It has no price, so it would be in no cost." in out


def test_rules_that_were_left_out_for_one_reason_share_a_line(
    cli: Run, gateway: StubGateway
) -> None:
    names = ["key_status", "ip", "model", "tools"]
    skipped = [
        {"rule": name, "state": "skipped", "message": "no key is given", "detail": {}}
        for name in names
    ]
    gateway.on("POST", "/-/explain", calls.ALLOWED | {"steps": skipped})
    out = cli("routes", "explain", "--model", "smart", terminal=PEOPLE).out
    assert out.count("no key is given") == 1
    assert "no key is given: key status, ip, model, tools" in out


def test_what_was_not_reached_has_a_line_only_if_it_would_refuse_too(
    cli: Run, gateway: StubGateway
) -> None:
    def step(rule: str, state: str, message: str, **detail: Any) -> dict[str, Any]:
        return {"rule": rule, "state": state, "message": message, "detail": detail}

    steps = [
        step("requests_per_minute", "refused", "Try again in 12 s."),
        step("plan", "skipped", "not reached; it goes to x", would_be="ok"),
        step("price", "skipped", "not reached; there is one", would_be="ok"),
        step("budget", "skipped", "not reached; it has room", would_be="ok"),
        step("credits", "skipped", "not reached; it would refuse, too", would_be="refused"),
    ]
    limits = {"requests_limit": 1200, "requests_remaining": 0}
    gateway.on("POST", "/-/explain", calls.DENIED | {"steps": steps, "limits": limits})
    out = cli("keys", "check", "ci", "--model", "smart", terminal=PEOPLE).out
    assert "requests per minute  1,200 of 1,200 calls in the last minute. Try again in 12 s." in out
    assert "○ skipped  credits              not reached; it would refuse, too" in out
    assert "○ skipped  not reached, but would let it in: plan, price, budget\n" in out
    assert "it goes to x" not in out


def test_hostile_text_is_shown_and_not_obeyed(cli: Run, gateway: StubGateway) -> None:
    evil = "\x1b]0;owned\x07\u202e"
    text = json.dumps(calls.DENIED)
    for word in ("genai-prices", "openai", "active", "gpt-5", "key_status", "model_map"):
        text = text.replace(word, json.dumps(evil)[1:-1])
    gateway.on("POST", "/-/explain", json.loads(text) | {"message": evil, "code": evil})
    for form in ("table", "csv", "yaml"):
        result = cli("routes", "explain", "--model", "smart", "-o", form, terminal=PEOPLE)
        assert not set(result.out + result.err) & set("\x1b\x07\u202e")
