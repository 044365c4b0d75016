"""Objects of any shape are drawn: nothing raises, nothing reaches the terminal raw."""

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prismctl.output import table
from prismctl.output.human import Look
from prismctl.tui.board import Board, reduce
from prismctl.tui.screens import call_views, overview, trace
from prismctl.tui.widgets import detail

_LOOK = Look(is_people=True, is_unicode=True, now=datetime(2026, 11, 26, tzinfo=UTC))
_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["\x1b[2J", "\u202ex", "[red]", "ok", "attempt"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_NAMES = [
    *(column.field for column in call_views.CALL.columns),
    *("cost", "price_source", "tags", "created_at", "usage"),
]
_STEP = st.dictionaries(
    st.sampled_from(["stage", "ms", "detail", "provider", "model", "status", "outcome",
                     "latency_ms", "unit", "quantity", "price_pico_usd", "amount_pico_usd"]),
    _JSON,
)  # fmt: skip
_CALLS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(_NAMES, _JSON),
        "stages": st.lists(_STEP, max_size=3),
        "attempts": st.lists(_STEP, max_size=3),
        "price_lines": st.lists(_STEP, max_size=3),
    },
)


@settings(max_examples=80, deadline=None)
@given(_CALLS, st.integers(1, 130))
def test_a_call_of_any_shape(call: Any, width: int) -> None:
    lines = [line.plain for line in trace.drawn(call, width, _LOOK)]
    lines += table.cells(call, call_views.CALLS.columns, _LOOK)
    lines += detail.described(call, call_views.CALL, _LOOK).plain.split("\n")
    lines += detail.raw(call).plain.split("\n")
    for line in lines:
        assert not _BAD.search(line), line
    for column in call_views.CALLS.columns:
        table.tone_of(call, column)


_ROW = st.dictionaries(st.sampled_from(["id", "state", "latency_ewma_ms", "request_count"]), _JSON)


@settings(max_examples=30, deadline=None)
@given(st.lists(_ROW, max_size=3), st.lists(_CALLS, max_size=3), st.text(max_size=8))
def test_an_overview_of_any_board(rows: Any, calls: Any, model: str) -> None:
    board = Board()
    series = [{"model": model, "provider": model, "calls": 1}]
    for ts_s in (1, 2):
        event: Any = {"type": "tick", "ts_s": ts_s, "providers": rows, "series": series}
        board = reduce(board, event)
    for call in calls:
        board = reduce(board, {**call, "type": "call"})
    shown = [
        (overview._MODELS, overview._model_rows(board)),
        (overview._PROVIDERS, overview._provider_rows(board)),
        (overview._NEWS, overview._news_rows(board)),
    ]
    for view, found in shown:
        for row in found:
            assert not any(map(_BAD.search, table.cells(row, view.columns, _LOOK)))
    overview._readings(board, board.rates(), board.rates(), board.samples)
