"""What the feed says about a call: its record's figures, whose it was, and nothing else of it."""

import json

from prismd.kernel import jsonio
from prismd.metering.call_event import call_event, guard_event
from prismd.wire.common import Usage
from tests.prismd.metering.test_prometheus import record


def test_a_call_is_told_as_it_was_recorded() -> None:
    call = record(usage=Usage(input_tokens=3, output_tokens=2), cost_nano_usd=7, attempts=2)
    said = call_event((call, "ci", True))
    assert (said["key_name"], said["has_bodies"]) == ("ci", True)
    assert (said.pop("input_tokens"), said.pop("output_tokens")) == (3, 2)
    of_record = {
        name: value for name, value in said.items() if name not in ("key_name", "has_bodies")
    }
    assert of_record == {name: getattr(call, name) for name in of_record}
    assert of_record["cost_nano_usd"] == 7


def test_a_call_without_a_price_is_not_told_as_free() -> None:
    assert call_event((record(cost_nano_usd=None), "ci", False))["cost_nano_usd"] is None


def test_a_refusal_names_the_rule_and_what_it_was_about() -> None:
    call = record(provider=None, status=403, error_code="model_not_allowed")
    said = guard_event((call, "ci", "model"))
    assert (said["action"], said["rule"], said["param"]) == (
        "refused",
        "model_not_allowed",
        "model",
    )
    assert (said["status"], said["key_name"], said["model"]) == (403, "ci", call.model)


def test_neither_tells_the_tags_or_what_the_account_is() -> None:
    call = record(tags={"team": "secret"}, account="key:hidden")
    for said in (call_event((call, "ci", False)), guard_event((call, "ci", None))):
        text = json.dumps(json.loads(jsonio.encode(said)))
        assert "secret" not in text
        assert "hidden" not in text
