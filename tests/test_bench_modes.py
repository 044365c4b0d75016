"""The modes of the benchmark, each with small numbers: that they measure, and what they must find.

One gateway serves them all, but for the one that may hardly open a file (``--deep``).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench import __main__ as bench
from tests.bench.modes.idle_streams import PROVIDER, SETTINGS
from tests.bench.modes.mode import Ask, Tables
from tests.bench.modes.table import MODES
from tests.bench.rig import Rig, gateway_alone

BRIEFLY_S = 0.3
SLOW_READER_MS = 700


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("bench")
    settings = SETTINGS.replace("{", f"{{slow_reader_timeout: {SLOW_READER_MS}ms, ")
    with gateway_alone(folder, provider=PROVIDER, settings=settings) as running:
        yield running


def measured(rig: Rig, mode: str, size: int, seconds: float = BRIEFLY_S) -> Tables:
    return MODES[mode].run(rig, Ask(size, seconds))


def only(tables: Tables, title: str) -> Any:
    (row,) = tables[title]
    return row


def test_a_mode_is_printed_and_written_as_json(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Given:
        def __enter__(self) -> Rig:
            return rig

        def __exit__(self, *_: object) -> None:
            """Leave it running."""

    monkeypatch.setattr(bench, "gateway_alone", lambda *_, **__: Given())
    assert bench.main(["--mode", "soak", "--calls", "20", "--seconds", "0.1", "--json"]) == 0
    captured = capsys.readouterr()
    run = json.loads(captured.out)
    assert (run["mode"], run["size"]) == ("soak", 20)
    assert run["tables"]["books"][0]["sound"] == "yes"
    assert "calls so far" in captured.err


def test_help_lists_every_mode(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--help"])
    said = capsys.readouterr().out
    assert all(re.search(rf"^ *{name} ", said, re.MULTILINE) for name in MODES)


def test_soak_books_every_call(rig: Rig) -> None:
    tables = measured(rig, "soak", 50)
    books = only(tables, "books")
    assert books["calls made"] == books["written down"] >= 50
    assert books["sound"] == "yes"
    assert books["usd"] > 0


def test_an_upload_is_refused_when_its_length_is_known_and_at_the_limit_when_it_is_not(
    rig: Rig,
) -> None:
    announced, chunked = measured(rig, "upload", 64)["uploads"]
    for row in (announced, chunked):
        assert (row["status"], row["code"]) == (413, "request_too_large")
    assert float(announced["MiB taken"]) < 8
    assert 19 < float(chunked["MiB taken"]) < 40


def test_idle_streams_are_opened_and_let_go(rig: Rig) -> None:
    tables = measured(rig, "idle-streams", 40)
    row = only(tables, "idle streams")
    assert (row["asked"], row["open"]) == (40, 40)
    assert "limit" not in tables


def test_streams_without_a_reader_are_cut_and_billed(rig: Rig) -> None:
    tables = measured(rig, "slow-readers", 2, 3 * SLOW_READER_MS / 1000)
    row = only(tables, "slow readers")
    assert row["cut meanwhile"] == row["billed"] == 2
    assert row["usd held"] == 0


def test_one_viewer_is_given_some_calls_and_what_it_costs_is_measured(rig: Rig) -> None:
    tables = measured(rig, "tail", 2, 0.5)
    for pair in tables["CPU per call, alone and with a viewer"]:
        assert 20 <= int(pair["lines"]) <= 300
        assert float(pair["alone µs"]) > 0
    assert only(tables, "median")["ratio"] > 0


def test_slow_heads_and_bodies_do_not_stop_good_calls(rig: Rig) -> None:
    tables = measured(rig, "slowloris", 10)
    assert [row["opened"] for row in tables["slow connections"]] == [5, 5]
    assert all(int(row["answers"]) > 0 for row in tables["calls"])


def test_slow_heads_and_bodies_are_cut(rig: Rig, deep: bool) -> None:
    if not deep:
        pytest.skip("takes 40 s: --deep")
    for row in measured(rig, "slowloris", 100, 40)["slow connections"]:
        assert row["cut"] == row["opened"] == 50


def test_a_gateway_without_files_serves_who_is_connected_and_recovers(
    tmp_path: Path, deep: bool
) -> None:
    if not deep:
        pytest.skip("needs a gateway of its own: --deep")
    mode = MODES["fd-exhaustion"]
    with gateway_alone(tmp_path, under=mode.under) as limited:
        row = only(measured(limited, "fd-exhaustion", 400, 1), "no files left")
    assert row["connections"] > row["may open"]
    assert re.fullmatch(r"200: \d+", row["a kept connection's calls"])


def test_a_translated_call_stands_beside_a_relayed_one(rig: Rig) -> None:
    tables = measured(rig, "translate", 1)
    assert [row["answer"] for row in tables["median"]] == ["whole", "50 events"]
    for row in tables["median"]:
        assert float(row["relayed µs"]) > 0
        assert float(row["translated µs"]) > 0
