import json
from dataclasses import replace

import pytest

from tests.prismctl.money import USAGE, sums
from tests.prismctl.stub import StubGateway, key, listing
from tests.prismctl.support import PEOPLE, Run


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    stub.on("GET", "/-/usage", USAGE)
    stub.on("GET", "/-/keys", listing(key(id="key_0abc", name="ci")))
    stub.on("GET", "/-/keys/key_0abc", key(id="key_0abc", name="ci"))
    return stub


def test_every_flag_becomes_its_filter(cli: Run, gateway: StubGateway) -> None:
    cli(
        "usage", "report", "--by", "day, model", "--since", "7d", "--until", "1d", "--key", "ci",
        "--owner", "ana", "--org", "acme", "--model", "gpt-5", "--provider", "openai",
        "--tag", "team=search",
    )  # fmt: skip
    assert gateway.sent[-1].query == (
        "group_by=day%2Cmodel&since=2026-11-16T12%3A00%3A00.000Z"
        "&until=2026-11-22T12%3A00%3A00.000Z&key=key_0abc&owner=ana&org=acme&model=gpt-5"
        "&provider=openai&tag=team%3Dsearch"
    )


def test_what_is_not_given_is_not_sent(cli: Run, gateway: StubGateway) -> None:
    cli("usage", "report")
    assert [one.query for one in gateway.sent] == ["group_by=model"]


@pytest.mark.parametrize(
    ("by", "message"),
    [("modle", "--by does not know 'modle'"), (",", "--by names nothing")],
)
def test_an_unknown_group_is_2_and_nothing_is_sent(
    cli: Run, gateway: StubGateway, by: str, message: str
) -> None:
    result = cli("usage", "report", "--by", by)
    assert result.code == 2
    assert message in result.err
    assert gateway.sent == []


def test_the_total_is_a_row_for_people_and_a_field_for_scripts(
    cli: Run, gateway: StubGateway
) -> None:
    assert cli("usage", "report", terminal=PEOPLE).out.splitlines()[-1].startswith("total ")
    assert "total" not in cli("usage", "report").out
    assert "total" not in cli("usage", "report", "-o", "csv", terminal=PEOPLE).out
    assert json.loads(cli("usage", "report", "-o", "json").out)["totals"] == USAGE["totals"]


def test_a_model_without_a_price_never_looks_free(cli: Run, gateway: StubGateway) -> None:
    result = cli("usage", "report", terminal=PEOPLE)
    row = next(line for line in result.out.splitlines() if line.startswith("in-house"))
    assert row.endswith("▲ no price")
    assert "10 calls of models without a price are in no cost" in result.err


def test_keys_have_their_names_for_people(cli: Run, gateway: StubGateway) -> None:
    rows = [{"key": "key_0abc"} | sums(1, 5), {"key": "key_gone"} | sums(1, 5)]
    gateway.on("GET", "/-/usage", {"object": "list", "data": rows, "totals": sums(2, 10)})
    shown = cli("usage", "report", "--by", "key", terminal=PEOPLE).out
    assert [line.split()[0] for line in shown.splitlines()] == ["KEY", "ci", "key_gone", "total"]
    assert "key_0abc" in cli("usage", "report", "--by", "key").out


def test_the_total_of_several_groups_is_of_none_of_them(cli: Run, gateway: StubGateway) -> None:
    rows = [{"day": "2026-11-23", "owner": None} | sums(1, 5)]
    gateway.on("GET", "/-/usage", {"object": "list", "data": rows, "totals": sums(1, 5)})
    lines = cli("usage", "report", "--by", "day,owner", terminal=PEOPLE).out.splitlines()
    assert lines[1].split()[:3] == ["2026-11-23", "(none)", "1"]
    assert lines[2].split()[:2] == ["total", "1"]


def test_what_has_no_owner_is_named_so(cli: Run, gateway: StubGateway) -> None:
    rows = [{"owner": None} | sums(1, 0)]
    gateway.on("GET", "/-/usage", {"object": "list", "data": rows, "totals": sums(1, 0)})
    assert "(none)" in cli("usage", "report", "--by", "owner", terminal=PEOPLE).out


def test_nothing_used_is_a_message(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/usage", {"object": "list", "data": [], "totals": sums(0, 0)})
    result = cli("usage", "report", "--since", "1h", terminal=PEOPLE)
    assert (result.code, result.out) == (0, "")
    assert "no calls in this time" in result.err


def test_a_report_fits_80_columns(cli: Run, gateway: StubGateway) -> None:
    narrow = replace(PEOPLE, width=80)
    assert max(map(len, cli("usage", "report", terminal=narrow).out.splitlines())) <= 80
