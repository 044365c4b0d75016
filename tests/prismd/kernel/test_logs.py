import asyncio
import json
import logging
import time
from collections.abc import Callable

import pytest

from prismd.kernel import logs
from prismd.kernel.logs import JsonFormatter, TextFormatter


def test_a_record_is_one_json_line_with_its_exception() -> None:
    error = ValueError("boom")
    info = (ValueError, error, None)
    record = logging.LogRecord("prism.x", logging.ERROR, __file__, 1, "a %s", ("b",), info)
    text = JsonFormatter().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert (line["level"], line["logger"], line["message"]) == ("error", "prism.x", "a b")
    assert "boom" in line["exception"]


def test_what_was_said_cannot_begin_a_line_of_its_own() -> None:
    said = ("x\n2026 INFO prism: all is well\x1b[2K\u2028\r",)
    record = logging.LogRecord("prism.x", logging.WARNING, __file__, 1, "said: %s", said, None)
    line = TextFormatter().format(record)
    assert line.endswith(r"WARNING prism.x: said: x\n2026 INFO prism: all is well\x1b[2K\u2028\r")


def test_nor_can_what_an_exception_said() -> None:
    error = ValueError("x\n2026 INFO prism: all is well\u2028\x1b[2K")
    record = logging.LogRecord(
        "prism.x", logging.ERROR, __file__, 1, "boom", None, (ValueError, error, None)
    )
    _, *lines = TextFormatter().format(record).split("\n")
    assert [line for line in lines if not line.startswith("    ")] == []
    assert "\x1b" not in "".join(lines)


async def told_of(log: Callable[[logging.Logger], None]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    with logs.told(found.append):
        log(logging.getLogger("prism.test"))
        assert found == []  # whoever logs goes on first
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    logging.getLogger("prism.test").error("nobody is told any more")
    await asyncio.sleep(0)
    return found


async def test_warnings_and_worse_are_told() -> None:
    def log(logger: logging.Logger) -> None:
        logger.info("no")
        logger.warning("a %s", "b")
        logger.error("boom", exc_info=ValueError("what somebody sent"))

    assert await told_of(log) == [
        {"level": "warning", "logger": "prism.test", "message": "a b", "left_out": 0},
        {"level": "error", "logger": "prism.test", "message": "boom (ValueError)", "left_out": 0},
    ]


async def test_what_is_told_is_one_bounded_line() -> None:
    # Past pytest's own handlers: what they capture must be UTF-8 for xdist.
    said = "\n\x1b]0;\u2028\udcff" + "\r" * 5_000
    found: list[dict[str, object]] = []
    logs.Teller(found.append).handle(
        logging.LogRecord("prism.test", logging.WARNING, __file__, 1, "%s", (said,), None)
    )
    await asyncio.sleep(0)
    ((message),) = [event["message"] for event in found]
    assert isinstance(message, str)
    assert len(message) == logs.MAX_TOLD_CHARS
    assert message.startswith(r"\n\x1b]0;\u2028\udcff\r\r")
    assert message.endswith("…")


async def test_of_a_flood_of_warnings_some_are_told_and_the_rest_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def flood(logger: logging.Logger) -> None:
        monkeypatch.setattr(time, "time", lambda: 100.0)
        for number in range(100):
            logger.warning("%d", number)
        monkeypatch.setattr(time, "time", lambda: 101.0)
        logger.warning("after")

    events = await told_of(flood)
    assert len(events) == logs.TOLD_PER_S + 1
    assert (events[-1]["message"], events[-1]["left_out"]) == ("after", 100 - logs.TOLD_PER_S)


async def test_a_thread_may_log_and_so_may_who_is_told() -> None:
    logger, found = logging.getLogger("prism.test"), []

    def tell(body: dict[str, object]) -> None:
        found.append(body["message"])
        if len(found) < 3:
            logger.warning("told %d", len(found))

    with logs.told(tell):
        await asyncio.to_thread(logger.warning, "from a thread")
        async with asyncio.timeout(5):
            while len(found) < 3:
                await asyncio.sleep(0)
    assert found == ["from a thread", "told 1", "told 2"]


def test_a_log_line_after_the_loop_is_over_does_not_fail() -> None:
    async def handler() -> logs.Teller:
        return logs.Teller(lambda _: None)

    teller = asyncio.run(handler())
    teller.handle(logging.makeLogRecord({"levelno": logging.ERROR, "msg": "late"}))
