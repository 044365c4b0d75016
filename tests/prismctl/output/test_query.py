"""``--jq`` works on what ``-o json`` would print; it is an extra, and says so if it is missing."""

import sys

import pytest

from tests.prismctl.stub import StubGateway, error, key, listing
from tests.prismctl.support import PEOPLE, Run


@pytest.fixture(autouse=True)
def keys(stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", listing(key(), key(id="key_0002", name="ana\x1b[31m\nx")))
    stub.on("GET", "/-/keys/key_0001", key(credit_balance=0.5))


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("keys", "list", "--jq", ".data[].id"), "key_0001\nkey_0002\n"),
        (("keys", "list", "--jq", ".data[1].name"), "ana\\x1b[31m\nx\n"),
        (("keys", "list", "--jq", ".data[1] | {name}"), '{"name":"ana\\u001b[31m\\nx"}\n'),
        (("keys", "list", "--jq", ".data|length", "-o", "json"), "2\n"),
        (("keys", "list", "--jq", ".name", "-o", "jsonl", "--fields", "name"),
         "ci\nana\\x1b[31m\nx\n"),
        (("keys", "get", "key_0001", "--jq", ".credit_balance, .owner, empty"), "0.5\nnull\n"),
        (("api", "GET", "/-/keys", "--jq", ".object"), "list\n"),
        (("keys", "list", "--jq", "empty"), ""),
    ],
)  # fmt: skip
def test_results_are_lines(cli: Run, words: tuple[str, ...], out: str) -> None:
    result = cli(*words)
    assert (result.code, result.out, result.err) == (0, out, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--jq", ".data["), "--jq cannot be understood: syntax error"),
        (("--jq", ".data|keys|.[0]|keys"), "--jq does not fit the answer: number (0) has no keys"),
        (("--jq", ".", "-o", "csv"), "it does not go with -o csv"),
    ],
)
def test_what_cannot_be_meant(cli: Run, words: tuple[str, ...], said: str) -> None:
    result = cli("keys", "list", *words, terminal=PEOPLE)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_errors_stay_errors(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", error(401, "invalid_admin_token"))
    result = cli("keys", "list", "--jq", ".")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("prismctl: error: ")


def test_without_the_library_it_says_how_to_get_it(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jq", None)
    result = cli("keys", "list", "--jq", ".")
    assert result.code == 2
    assert "pip install 'jq>=1.11,<2'" in result.err
