import pytest

from prismd.kernel import clock


def test_times_are_written_and_read_in_utc() -> None:
    assert clock.iso(0) == "1970-01-01T00:00:00Z"
    assert clock.parse_iso("2027-01-31T02:00:00+02:00") == clock.parse_iso("2027-01-31T00:00:00Z")


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        clock.parse_iso("2027-01-31T00:00:00")


def test_now_is_a_whole_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_s", lambda: 12.9)
    assert clock.now_s() == 12
    assert clock.utc_now().timestamp() == pytest.approx(12.9)
