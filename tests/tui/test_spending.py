"""A usage report as columns and groups."""

from datetime import UTC, datetime
from typing import Any

from prismctl.tui.spending import SPANS, amount, spending

NOW_S = datetime(2026, 11, 26, 12, 5, tzinfo=UTC).timestamp()
DAY = SPANS[1]


def row(hour: str, model: Any, **fields: Any) -> dict[str, Any]:
    return {"hour": hour, "model": model, "requests": 2, "errors": 1, "input_tokens": 10,
            "output_tokens": 5, "cost_nano_usd": 1_500_000_000, "unpriced_requests": 0,
            **fields}  # fmt: skip


def report(*rows: Any) -> Any:
    totals = {"requests": 6, "input_tokens": 30, "output_tokens": 15, "errors": 3,
              "cost_nano_usd": 4_500_000_000}  # fmt: skip
    return {"object": "list", "data": list(rows), "totals": totals}


def test_rows_are_columns_and_gaps_are_nothing() -> None:
    found = spending(
        report(
            row("2026-11-26T12:00:00Z", "a"),
            row("2026-11-26T10:00:00Z", "b"),
            row("2026-11-26T10:00:00Z", "a"),
        ),
        "model",
        DAY,
        NOW_S,
    )
    a, b = found.ranked("cost")
    assert (a.group, b.group) == ("a", "b")
    assert len(found.times) == 25
    assert list(a.columns["cost"])[-4:] == [0, 1.5, 0, 1.5]
    assert list(b.columns["tokens"])[-4:] == [0, 15, 0, 0]
    assert a.totals["requests"] == 4
    assert found.whole("cost") == 4.5
    assert found.whole("calls") == 6
    assert found.peak("cost") == (3.0, NOW_S - 2 * 3_600 - 300)


def test_nothing_at_all() -> None:
    found = spending({"object": "list", "data": []}, "model", DAY, NOW_S)
    assert found.groups == []
    assert found.peak("cost") == (0.0, 0.0)
    assert found.whole("tokens") == 0


def test_a_group_without_a_name_and_hours_out_of_sight() -> None:
    found = spending(
        report(row("2026-11-26T12:00:00Z", None), row("1999-01-01T00:00:00Z", None)),
        "model",
        DAY,
        NOW_S,
    )
    assert [one.group for one in found.groups] == [None]
    # What is out of sight is in the sums: the gateway counted it.
    assert found.groups[0].totals["requests"] == 4
    assert sum(found.groups[0].columns["calls"]) == 2


def test_absurd_answers_are_survived() -> None:
    for data in (None, 7, [None, 3, {"hour": 4, "model": ["x"], "requests": "many"}]):
        found = spending({"data": data, "totals": "none"}, "model", DAY, NOW_S)  # type: ignore[dict-item]
        assert found.whole("cost") == 0
    huge = spending(report(row("2026-11-26T12:00:00Z", "a", cost_nano_usd=2**62)), "model", DAY,
                    NOW_S)  # fmt: skip
    assert amount(huge.groups[0].totals, "cost") > 4e9


def test_days_and_minutes() -> None:
    for span, name in ((SPANS[0], "2026-11-26T11:05:00Z"), (SPANS[2], "2026-11-19"),
                       (SPANS[3], "2026-10-27")):  # fmt: skip
        used = {**row("", "a"), span.bucket: name}
        found = spending(report(used), "model", span, NOW_S)
        assert found.groups[0].columns["calls"][0] == 2
