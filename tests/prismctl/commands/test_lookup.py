"""A whole id, a name, or the beginning of one id alone; else what may have been meant."""

import pytest

from prismctl.commands.lookup import the_one
from prismctl.errors import NotThere, UsageProblem
from prismctl.jsontext import Object
from tests.prismctl.stub import StubGateway, error, key, listing
from tests.prismctl.support import Run

ROWS: list[Object] = [
    {"id": "bak_0001", "name": "bak_02"},
    {"id": "bak_0002", "name": "nightly"},
    {"id": "bak_0002a", "name": "nightly"},
]


def found(given: str) -> str:
    return str(the_one(given, ROWS, noun="backup", see="prismctl backup list", name="name")["id"])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("bak_0001", "bak_0001"),
        ("bak_0002", "bak_0002"),
        ("bak_02", "bak_0001"),
        ("bak_0002a", "bak_0002a"),
        ("bak_00001", None),
    ],
)
def test_the_whole_id_is_stronger_than_a_name_and_that_than_a_beginning(
    given: str, meant: str | None
) -> None:
    if meant is None:
        with pytest.raises(NotThere) as raised:
            found(given)
        assert raised.value.hint == "did you mean bak_0001?"
    else:
        assert found(given) == meant


@pytest.mark.parametrize(("given", "count"), [("bak_", 3), ("nightly", 2)])
def test_what_means_several_is_refused(given: str, count: int) -> None:
    with pytest.raises(UsageProblem, match=f"'{given}' means {count} backups: bak_"):
        found(given)


@pytest.mark.parametrize("given", ["", "zzz"])
def test_what_is_near_to_nothing_names_the_list(given: str) -> None:
    with pytest.raises(NotThere) as raised:
        found(given)
    assert raised.value.hint == "see: prismctl backup list"


BACKUPS = {"object": "list", "data": [{"id": "bak_0001"}, {"id": "bak_0002"}], "has_more": False}


def test_a_backup_by_the_beginning_of_its_id(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/backups", BACKUPS | {"data": [{"id": "bak_a1"}, {"id": "bak_b2"}]})
    stub.on("POST", "/-/backups/bak_b2/verify", {"id": "bak_b2"})
    assert cli("backup", "verify", "bak_b").code == 0
    assert cli("backup", "verify", "bak_").code == 2
    assert "did you mean bak_a1?" in cli("backup", "verify", "bak_a11").err


def test_a_key_that_is_not_there_says_which_is_near(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/keys", listing(), listing(key(name="search"), key(id="key_2", name="ci")))
    stub.on("GET", "/-/keys/serch", error(404, "key_not_found"))
    result = cli("keys", "get", "serch")
    assert (result.code, result.out) == (4, "")
    assert "hint: did you mean search?" in result.err


@pytest.mark.parametrize("word", ["gpt-5o", "GPT-5"])
def test_a_model_that_is_not_there_says_which_is_near(
    cli: Run, stub: StubGateway, word: str
) -> None:
    stub.on("GET", "/v1/models", listing({"id": "gpt-5"}, {"id": "llama"}))
    stub.on("POST", "/v1/chat/completions", error(404, "model_not_found"))
    result = cli("chat", "-m", word, "hello")
    assert result.code == 4
    assert "hint: did you mean gpt-5?" in result.err


def test_the_list_of_models_may_be_refused(cli: Run, stub: StubGateway) -> None:
    stub.on("POST", "/v1/chat/completions", error(404, "model_not_found"))
    result = cli("chat", "-m", "gpt", "hello")
    assert "hint: see what there is: prismctl models list" in result.err


def test_routes_explain_says_which_model_is_near(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", listing({"id": "smart"}))
    refused = {"object": "explanation", "is_allowed": False, "status": 404}
    stub.on("POST", "/-/explain", refused | {"code": "model_not_found", "steps": []})
    result = cli("routes", "explain", "--model", "smrat")
    assert result.code == 4
    assert "did you mean smart?" in result.err


def test_a_provider_that_is_not_there_says_which_is_near(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", listing({"id": "gpt-5", "owned_by": "openai"}))
    stub.on("GET", "/-/capabilities", {"providers": [{"id": "openai"}, {"id": "lab"}]})
    result = cli("models", "list", "--provider", "opnai")
    assert (result.code, result.out) == (4, "")
    assert "hint: did you mean openai?" in result.err
    result = cli("models", "list", "--provider", "lab")
    assert (result.code, result.out) == (0, "")


def test_a_context_by_the_beginning_of_its_name(cli: Run, stub: StubGateway) -> None:
    for name in ("prod-eu", "prod-us", "staging"):
        cli("contexts", "set", name, "http://x.example")
    assert cli("contexts", "use", "stag").err == "current gateway: staging, http://x.example\n"
    result = cli("contexts", "use", "prod")
    assert result.code == 2
    assert "'prod' means 2 contexts: prod-eu, prod-us" in result.err
    assert "did you mean prod-us?" in cli("contexts", "use", "prd-us").err


def test_the_price_of_the_beginning_of_an_id(cli: Run, stub: StubGateway) -> None:
    rows = [{"id": "prc_0001", "model": "gpt-5", "object": "price"}]
    stub.on("GET", "/-/prices", {"object": "list", "data": rows})
    stub.on("DELETE", "/-/prices/prc_0001", rows[0])
    assert cli("prices", "delete", "prc_00", "--yes").code == 0
    assert "did you mean gpt-5?" in cli("prices", "delete", "gpt5", "--yes").err
