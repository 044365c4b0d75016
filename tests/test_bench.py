"""What the benchmark makes of its figures; the figures themselves are not for a test."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.bench import __main__ as bench
from tests.bench import gate, report
from tests.bench.gate import Cost
from tests.bench.ledger import rows_per_s
from tests.bench.report import GOALS, Goal
from tests.bench.scenarios import Values


def rounds(*gateway_us: float, proxy_us: float = 100.0) -> list[Values]:
    return [{"cpu_us": {"prismd": us, "proxy": proxy_us, "nginx": 20.0}} for us in gateway_us]


def shown(table: object) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_figure_counts_by_its_median_and_shows_its_spread() -> None:
    summary = report.summarise(rounds(900, 140, 160))["cpu_us"]["prismd"]
    assert (summary.median, summary.low, summary.high) == (160, 140, 900)
    text = shown(report.goal_table(report.summarise(rounds(900, 140, 160))))
    assert "140 to 900" in text
    assert "not met" in text


def test_a_ratio_is_taken_within_each_round() -> None:
    values: list[Values] = [
        {"cpu_us": {"prismd": 100, "nginx": 10}},
        {"cpu_us": {"prismd": 300, "nginx": 60}},
        {"cpu_us": {"prismd": 900, "nginx": 100}},
    ]
    assert report.summarise(values)["cpu_to_nginx"]["prismd"].median == 9


@pytest.mark.parametrize(
    ("value", "verdict"), [(80, "aim met"), (90, "aim met"), (150, "met"), (151, "not met")]
)
def test_less_is_better(value: float, verdict: str) -> None:
    assert Goal("x", "x", "us", must=150, aim=90).verdict(value) == verdict


def test_more_is_better_where_it_is() -> None:
    goal = Goal("x", "x", "/s", must=6_000, aim=10_000, is_floor=True)
    assert [goal.verdict(rate) for rate in (5_999, 6_000, 10_000)] == ["not met", "met", "aim met"]


def cost(call_us: float) -> Cost:
    return Cost(call_us, proxy_us=50, python_us=50, spread=0.1)


@pytest.mark.parametrize(("share", "code"), [(0.99, 0), (1.01, 1)])
def test_only_a_gross_regression_fails_the_short_form(
    monkeypatch: pytest.MonkeyPatch, share: float, code: int
) -> None:
    monkeypatch.setattr(gate, "measure", lambda: cost(100 * gate.MAX_SHARE * share))
    assert bench.main(["--short"]) == code


def test_what_a_neighbour_on_the_machine_made_dearer_is_measured_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = iter([cost(300), cost(180)])
    monkeypatch.setattr(gate, "measure", lambda: next(runs))
    assert bench.main(["--short"]) == 0


def test_the_other_forms_only_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_measure", lambda *_: rounds(9_000))
    assert bench.main(["--only", "cpu"]) == 0


def test_a_run_is_compared_with_an_earlier_one() -> None:
    before = report.to_json(report.summarise(rounds(200)), rounds=1)
    text = shown(report.comparison(report.summarise(rounds(150)), before))
    assert "0.75" in text
    other: dict[str, Any] = {**before, "version": 0}
    with pytest.raises(ValueError, match="version"):
        report.comparison(report.summarise(rounds(150)), other)


def test_a_run_can_be_shown_in_the_readme() -> None:
    run = report.to_json(report.summarise(rounds(140)), rounds=1)
    lines = report.markdown(run).splitlines()
    assert lines[0].endswith("1 interleaved rounds, medians.")
    assert any("140 | 140 to 140 | met | 100 | 20 |" in line for line in lines)


def test_a_rate_near_the_generators_own_is_marked() -> None:
    for ceiling, is_marked in ((7_000, True), (9_000, False)):
        run: list[Values] = [{"rate_per_s": {"prismd": 6_500, "direct": ceiling}}]
        text = shown(report.goal_table(report.summarise(run)))
        assert ("generator-limited" in text) is is_marked


async def test_the_ledger_is_measured_on_the_real_store(tmp_path: Path) -> None:
    assert await rows_per_s(tmp_path / "data", seconds=0.2) > 0


def test_every_goal_is_one_that_rounds_can_measure() -> None:
    goals = [(goal, goal.must, goal.aim) for goal in GOALS if goal.must and goal.aim]
    assert len(goals) == len(GOALS) - 2
    assert all(aim >= must if goal.is_floor else aim <= must for goal, must, aim in goals)
