"""All modes, by name."""

from tests.bench.modes import (
    fd_exhaustion,
    idle_streams,
    slow_readers,
    slowloris,
    soak,
    tail,
    translate,
    upload,
)
from tests.bench.modes.mode import Mode

MODES: dict[str, Mode] = {
    module.MODE.name: module.MODE
    for module in (
        slowloris,
        slow_readers,
        upload,
        idle_streams,
        tail,
        translate,
        soak,
        fd_exhaustion,
    )
}
