from prismd.metering.recorder import Recorder
from prismd.metering.tick import tick


def test_a_tick_is_as_large_as_the_catalog_not_as_the_traffic() -> None:
    assert tick(Recorder(), running=2, uptime_s=1.26) == {
        "uptime_s": 1.3,
        "running": 2,
        "series": [],
    }
