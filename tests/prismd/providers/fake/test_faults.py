"""How a caller writes pace and faults."""

import re

import pytest

from prismd.providers.fake import faults
from prismd.providers.fake.faults import Settings, read_settings, split_model
from prismd.providers.fake.script import Refusal


def test_nothing_said_is_no_fault() -> None:
    assert read_settings([], {"x-request-id": "1", "x-prism-tag": "a"}) == Settings()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("latency=200ms", Settings(latency=0.2)),
        ("latency=1.5s", Settings(latency=1.5)),
        ("rate=0.5", Settings(rate=0.5)),
        ("tokens=500", Settings(tokens=500)),
        ("chunk=4", Settings(chunk=4)),
        ("usage=10,20", Settings(usage=(10, 20))),
        ("status=429", Settings(status=429)),
        ("malformed=2", Settings(malformed=2)),
        ("cut=0", Settings(cut=0)),
        ("hang=1", Settings(hang=1)),
    ],
)
def test_suffix_and_header_mean_the_same(written: str, expected: Settings) -> None:
    name, value = written.split("=")
    assert read_settings([written], {}) == expected
    assert read_settings([], {f"x-prism-fake-{name}": f" {value} "}) == expected


def test_settings_add_up_and_a_header_wins() -> None:
    name, suffix = split_model("fake/echo+status=429+retry-after=2+latency=1s")
    assert name == "echo"
    headers = {"x-prism-fake-latency": "5ms"}
    expected = Settings(status=429, retry_after=2, latency=0.005)
    assert read_settings(suffix, headers) == expected


@pytest.mark.parametrize(
    "written",
    [
        "latency=fast",
        "latency=200",
        "latency=601s",
        "latency=-1s",
        "rate=0",
        "rate=-1",
        "rate=nan",
        "rate=1e999",
        "tokens=0",
        "tokens=100001",
        "tokens=99999999999999999999",
        "chunk=0",
        "usage=5",
        "usage=5,x",
        "usage=1,2,3",
        "status=200",
        "status=600",
        "status=٤٢٩",
        "retry-after=soon",
        "malformed=0",
        "cut=-1",
        "hang=",
    ],
)
def test_a_bad_value_is_refused_with_what_is_allowed(written: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_settings([written], {})
    assert caught.value.status == 400
    assert caught.value.param == "model"
    assert "allowed:" in caught.value.message


@pytest.mark.parametrize("written", ["speed=3", "latency", "", "Latency=1s"])
def test_an_unknown_setting_is_refused_with_the_known_ones(written: str) -> None:
    with pytest.raises(Refusal, match="retry-after, malformed, cut, hang"):
        read_settings([written], {})


def test_an_unknown_header_is_refused_by_its_name() -> None:
    with pytest.raises(Refusal) as caught:
        read_settings([], {"x-prism-fake-speed": "3"})
    assert caught.value.param == "x-prism-fake-speed"


@pytest.mark.parametrize("suffix", [["retry-after=2"], ["cut=1", "hang=1"]])
def test_settings_that_do_not_go_together_are_refused(suffix: list[str]) -> None:
    with pytest.raises(Refusal):
        read_settings(suffix, {})


def test_the_docstring_names_every_setting() -> None:
    documented = re.findall(r"^    ([a-z-]+)  ", faults.__doc__ or "", re.MULTILINE)
    assert {name.replace("-", "_") for name in documented} == set(Settings.__slots__)
