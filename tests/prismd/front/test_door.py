"""How many connections may be open that have not shown a key."""

import pytest

from prismd.front.door import LOOPBACK_PLACES, Door
from prismd.kernel.errors import Overloaded

FAR = "192.0.2.1"


def test_beyond_the_limit_only_this_machine_comes_in(caplog: pytest.LogCaptureFixture) -> None:
    door = Door(max_strangers=2)
    door.let_in(FAR)
    door.let_in("127.0.0.1")
    for _ in range(2):
        with pytest.raises(Overloaded) as refused:
            door.let_in(FAR)
        assert refused.value.retry_after_s
    assert len(caplog.records) == 1  # not one line per refusal
    for number in range(LOOPBACK_PLACES):
        door.let_in(("::1", "127.0.0.2", "::ffff:127.0.0.1")[number % 3])
    with pytest.raises(Overloaded):
        door.let_in("127.0.0.1")
    assert door.strangers == 2 + LOOPBACK_PLACES


def test_a_place_is_free_again() -> None:
    door = Door(max_strangers=1)
    door.let_in(FAR)
    door.forget_one()
    door.let_in(FAR)
    assert door.strangers == 1
