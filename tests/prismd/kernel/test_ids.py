import pytest

from prismd.kernel import clock, ids


def test_ids_sort_by_time_and_are_unique(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_000.0
    made = []
    for step in range(50):
        monkeypatch.setattr(clock, "wall_s", lambda step=step: now + step)
        made.append(ids.new_id("key"))
    assert made == sorted(made)
    assert len(set(made)) == 50
    assert all(one.startswith("key_") and len(one) == 40 for one in made)


def test_same_moment_and_randomness_give_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_s", lambda: 1.0)
    makers = [ids.IdMaker(lambda count: b"\0" * count) for _ in range(2)]
    assert makers[0].new_id("req") == makers[1].new_id("req")


def test_no_two_of_many_ids_share_their_random_part() -> None:
    made = {ids.new_id("req")[-26:] for _ in range(1_000)}
    assert len(made) == 1_000
