"""Whatever a gateway answers, no command breaks, and nothing of it commands the terminal."""

import copy
import random
from typing import Any

import pytest

from tests.prismctl.commands.test_golden import COMMANDS, gateway
from tests.prismctl.stub import Canned, StubGateway
from tests.prismctl.support import PEOPLE, PIPE, Run

__all__ = ["gateway"]

HOSTILE = "x\x1b[2J\u202e"
ODD: list[Any] = [None, True, -1, 0, 10**30, 1.5, "", HOSTILE, [], {}, [None], [{"a": [1]}]]
FORMATS = [(), ("-o", "wide"), ("-o", "csv"), ("-o", "json"), ("-o", "yaml")]
TIMES, DEEP_TIMES = 3, 40


def mutated(rng: random.Random, value: Any, share: float) -> Any:
    """Return a value of which a part is something else, or missing."""
    if rng.random() < share:
        return rng.choice(ODD)
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if rng.random() > share / 2}
        return {name: mutated(rng, one, share) for name, one in kept.items()}
    if isinstance(value, list):
        return [mutated(rng, one, share) for one in value]
    return value


@pytest.mark.parametrize("name", COMMANDS)
def test_no_answer_breaks_a_command(
    cli: Run, gateway: StubGateway, name: str, request: pytest.FixtureRequest
) -> None:
    rng = random.Random(name)
    usual = {path: list(answers) for path, answers in gateway.answers.items()}
    is_deep = request.config.getoption("--deep")
    for number in range(DEEP_TIMES if is_deep else TIMES):
        share = (0.03, 0.1, 0.3)[number % 3]
        for path, answers in usual.items():
            gateway.answers[path] = [
                Canned(mutated(rng, copy.deepcopy(one.body), share), one.status, one.headers)
                if isinstance(one, Canned) and not isinstance(one.body, bytes)
                else one
                for one in answers
            ]
        result = cli(*COMMANDS[name], *rng.choice(FORMATS), terminal=rng.choice([PEOPLE, PIPE]))
        said = result.out + result.err
        assert "unexpected" not in result.err, result.err
        assert "\x1b[2J" not in said, said
        assert "\u202e" not in said, said


def test_a_page_that_comes_again_and_again_is_read_once(cli: Run, stub: StubGateway) -> None:
    row = {"id": "key_1", "name": "ci"}
    stub.on("GET", "/-/keys", {"object": "list", "data": [row], "has_more": True})
    assert cli("keys", "list", "-o", "name").out.split() == ["key_1", "key_1"]
