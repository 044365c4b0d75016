import json
import logging

from prismd.kernel.logs import JsonFormatter


def test_a_record_is_one_json_line_with_its_exception() -> None:
    error = ValueError("boom")
    info = (ValueError, error, None)
    record = logging.LogRecord("prism.x", logging.ERROR, __file__, 1, "a %s", ("b",), info)
    text = JsonFormatter().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert (line["level"], line["logger"], line["message"]) == ("error", "prism.x", "a b")
    assert "boom" in line["exception"]
