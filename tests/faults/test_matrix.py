"""Every row of the table: without and with a stream, with and without a next provider (I-13, I-14).

Whatever a provider does, the caller gets what the table says within the deadline, the hold ends and
is charged what was delivered, and nothing of it stays open.
"""

import httpx2
import pytest

from tests.faults.gateway import (
    COMPLETION,
    COST_USD,
    EVENTS,
    Gateway,
    Money,
    data_of,
)
from tests.faults.row import ANSWERED, Answered, Cut, Outcome, Refused, Row
from tests.faults.table import ROWS

MARGIN_S = 1.0
EXPECTED = data_of(b"".join(EVENTS))
BY_NAME = {row.name: row for row in ROWS}
CELLS = [
    pytest.param(row.name, is_stream, id=f"{row.name}-{'stream' if is_stream else 'plain'}")
    for row in ROWS
    for is_stream in ([True] if row.plain is None else [False, True])
]


def outcome_of(row: Row, *, is_stream: bool, has_next: bool) -> tuple[str, Outcome]:
    """Return whose answer the caller gets, and what it is."""
    alone = row.stream if is_stream else row.plain
    assert alone is not None
    if has_next and row.tries_next and isinstance(alone, Refused):
        return "second", ANSWERED
    return row.name, alone


@pytest.mark.parametrize("has_next", [False, True], ids=["alone", "failover"])
@pytest.mark.parametrize(("name", "is_stream"), CELLS)
def test_the_caller_gets_what_the_table_says(
    gateway: Gateway, name: str, *, is_stream: bool, has_next: bool
) -> None:
    key = gateway.key(name, "second") if has_next else gateway.key(name)
    who, outcome = outcome_of(BY_NAME[name], is_stream=is_stream, has_next=has_next)
    answer, took_s = gateway.call(key, is_stream=is_stream)
    assert took_s <= BY_NAME[name].deadline_s + MARGIN_S
    assert answer.headers["x-prism-attempts"] == ("2" if who == "second" else "1"), answer.text
    match outcome:
        case Answered():
            is_answered(answer, is_stream=is_stream)
            assert answer.headers["x-prism-provider"] == who
            assert gateway.money(key) == Money(who, COST_USD, spent=COST_USD, held=0)
        case Refused():
            is_refused(answer, outcome, who)
            assert gateway.money(key) == Money(who, 0, spent=0, held=0)
        case Cut():
            is_cut(answer, outcome, who)
            money = gateway.money(key)
            assert money == Money(who, money.cost, spent=money.cost, held=0)
            assert 0 < money.cost <= COST_USD
    assert gateway.has_let_go(name, within_s=MARGIN_S)


def is_answered(answer: httpx2.Response, *, is_stream: bool) -> None:
    assert answer.status_code == 200, answer.text
    if is_stream:
        assert data_of(answer.content) == [*EXPECTED, b"[DONE]"]
    else:
        assert answer.json() == COMPLETION


def is_refused(answer: httpx2.Response, outcome: Refused, provider: str) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (outcome.status, outcome.code), error
    assert error["type"] == outcome.type
    assert outcome.says in error["message"]
    if outcome.status >= 500:  # below it, the words are the vendor's own
        assert f"'{provider}'" in error["message"]
    assert answer.headers.get("retry-after") in (outcome.retry_after or (None,))
    assert answer.headers["content-type"] == "application/json"


def is_cut(answer: httpx2.Response, outcome: Cut, provider: str) -> None:
    assert answer.status_code == 200, answer.text
    *said, last = data_of(answer.content)
    assert said == EXPECTED[: len(said)] != []
    assert last.keys() == {"error"}, answer.text
    error = last["error"]
    assert (error["code"], error["type"]) == (outcome.code, outcome.type)
    assert outcome.says in error["message"]
    assert f"'{provider}'" in error["message"]
