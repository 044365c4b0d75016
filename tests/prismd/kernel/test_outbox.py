import asyncio

import pytest

from prismd.kernel.outbox import Outbox, outbox_of


class Wire(asyncio.WriteTransport):
    """Notes what is written, on a log that several share."""

    def __init__(self, log: list[bytes]) -> None:
        super().__init__()
        self.is_closed = False
        self._log = log

    def write(self, data: object) -> None:
        assert not self.is_closed
        assert isinstance(data, bytes)
        self._log.append(data)

    def is_closing(self) -> bool:
        return self.is_closed


class Broken(Wire):
    """Takes nothing."""

    def write(self, data: object) -> None:
        raise RuntimeError(data)

    def abort(self) -> None:
        self.is_closed = True


async def test_the_first_write_of_a_turn_leaves_at_once_and_the_others_at_its_end() -> None:
    log: list[bytes] = []
    outbox, wire, other = Outbox(asyncio.get_running_loop()), Wire(log), Wire(log)
    for _ in range(2):
        first = outbox.write(wire, b"1")
        assert outbox.flushed >= first
        later = [outbox.write(other, b"2"), outbox.write(wire, b"3")]
        assert log == [b"1"]
        assert all(outbox.flushed < at for at in later)
        await asyncio.sleep(0)
        assert log == [b"1", b"2", b"3"]
        assert all(outbox.flushed >= at for at in later)
        log.clear()
        await asyncio.sleep(0)


async def test_what_must_not_be_overtaken_is_flushed() -> None:
    log: list[bytes] = []
    outbox, wire = Outbox(asyncio.get_running_loop()), Wire(log)
    outbox.write(wire, b"1")
    outbox.write(wire, b"2")
    outbox.flush()
    assert log == [b"1", b"2"]
    await asyncio.sleep(0)
    assert log == [b"1", b"2"], "once"


async def test_a_transport_that_closes_meanwhile_gets_nothing_and_the_others_their_own() -> None:
    log: list[bytes] = []
    outbox, closed, wire = Outbox(asyncio.get_running_loop()), Wire(log), Wire(log)
    outbox.write(wire, b"1")
    outbox.write(closed, b"2")
    outbox.write(wire, b"3")
    closed.is_closed = True
    await asyncio.sleep(0)
    assert log == [b"1", b"3"]


def test_each_loop_has_its_own() -> None:
    async def found() -> Outbox:
        loop = asyncio.get_running_loop()
        assert outbox_of(loop) is outbox_of(loop)
        return outbox_of(loop)

    assert asyncio.run(found()) is not asyncio.run(found())


@pytest.mark.parametrize("place", range(3))
async def test_a_transport_that_fails_is_cut_and_keeps_no_other_from_its_bytes(
    place: int, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[bytes] = []
    outbox, broken, wire = Outbox(asyncio.get_running_loop()), Broken(log), Wire(log)
    for number in range(3):
        outbox.write(broken if number == place else wire, b"%d" % number)
    await asyncio.sleep(0)
    assert log == [b"%d" % number for number in range(3) if number != place]
    assert broken.is_closed
    assert "a connection is cut" in caplog.text
