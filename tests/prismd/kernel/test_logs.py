import json
import logging

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
