"""What models cost: overrides in force at once and after a restart, and nothing silently free."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon

CONFIG = """
providers:
  fake: {type: fake}
  here: {type: vllm, base_url: "http://127.0.0.1:9/v1", models: [self-made]}
  far: {type: openai, base_url: "https://vendor.invalid/v1", models: [gpt-4o-mini, no-such]}
model_map: {alias: fake/echo}
cost_tracking:
  custom_pricing:
    fake/lorem: {input_per_mtok: 3, output_per_mtok: 5, per_request: 0.001}
"""


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    running = start_daemon(tmp_path_factory.mktemp("priced"), CONFIG)
    yield running
    stop_daemon(running)


@pytest.fixture
def gateway(priced: Daemon) -> Iterator[Daemon]:
    """The shared daemon; overrides are taken out again."""
    yield priced
    for price_id in {price["id"] for price in listed(priced)} - {None}:
        priced.admin.delete(f"/-/prices/{price_id}").raise_for_status()


def listed(daemon: Daemon, **params: Any) -> list[dict[str, Any]]:
    answer = daemon.admin.get("/-/prices", params=params)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def put(daemon: Daemon, model: str, **fields: Any) -> dict[str, Any]:
    answer = daemon.admin.put("/-/prices", json={"model": model, **fields})
    assert answer.status_code == 200, answer.text
    price: dict[str, Any] = answer.json()
    return price


def billed(daemon: Daemon, model: str, *, usage: dict[str, int], **fields: Any) -> dict[str, Any]:
    body = {"model": model, "usage": usage, **fields}
    answer = daemon.admin.post("/-/prices/test", json=body)
    assert answer.status_code == 200, answer.text
    bill: dict[str, Any] = answer.json()
    return bill


def source_of(daemon: Daemon, model: str, **fields: Any) -> str | None:
    source: str | None = billed(daemon, model, usage={}, **fields)["source"]
    return source


def cost_of_call(daemon: Daemon, key: Key, model: str) -> tuple[str, str]:
    """Make a call; return what its trace says of its cost and its price."""
    answer = daemon.chat(key, model)
    assert answer.status_code == 200, answer.text
    trace = daemon.trace(answer.headers["x-request-id"])
    return answer.headers["x-prism-cost"], trace["price_source"]


class TestList:
    def test_every_model_is_there_with_its_source(self, gateway: Daemon) -> None:
        rows = {(row["model"], row["provider"]): row for row in listed(gateway)}
        assert {where: row["source"] for where, row in rows.items()}.items() >= {
            ("fake/echo", "fake"): "fake",
            ("alias", "fake"): "fake",
            ("fake/lorem", "fake"): "config",
            ("self-made", "here"): "local",
            ("gpt-4o-mini", "far"): "genai-prices",
            ("no-such", "far"): None,
        }.items()
        assert [row["model"] for row in rows.values() if not row["is_priced"]] == ["no-such"]
        assert rows["fake/lorem", "fake"]["pricing"] == {
            "input_per_mtok": 3,
            "output_per_mtok": 5,
            "per_request": 0.001,
        }
        assert rows["gpt-4o-mini", "far"]["pricing"]["input_per_mtok"] == 0.15

    def test_it_can_be_narrowed(self, gateway: Daemon) -> None:
        assert [row["model"] for row in listed(gateway, provider="here")] == ["self-made"]
        assert [row["provider"] for row in listed(gateway, model="alias")] == ["fake"]
        assert {row["model"] for row in listed(gateway, source="config")} == {"fake/lorem"}
        answer = gateway.admin.get("/-/prices?source=rumour")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "source")

    def test_overrides_of_orgs_and_of_unlisted_models_are_there_too(self, gateway: Daemon) -> None:
        everybodys = put(gateway, "fake/echo", input_per_mtok=7)
        orgs = put(gateway, "fake/echo", org_id="org_1", input_per_mtok=8)
        unlisted = put(gateway, "another", per_image="0.04")
        rows = [row for row in listed(gateway) if row["id"] is not None]
        assert [(row["id"], row["model"], row["org_id"], row["source"]) for row in rows] == [
            (everybodys["id"], "fake/echo", None, "override"),
            (orgs["id"], "fake/echo", "org_1", "org"),
            (unlisted["id"], "another", None, "override"),
        ]

    def test_a_model_without_a_price_is_never_silently_free(self, gateway: Daemon) -> None:
        models = {row["id"]: row for row in gateway.admin.get("/-/models").json()["data"]}
        assert models["no-such"]["is_priced"] is False
        assert "pricing" not in models["no-such"]
        assert models["self-made"]["is_priced"] is True
        assert models["self-made"]["price_source"] == "local"
        with gateway.client(gateway.create_key().headers) as client:
            seen = client.get("/v1/models/no-such").json()
        assert seen["is_priced"] is False
        bill = billed(gateway, "no-such", usage={"input_tokens": 5})
        assert (bill["is_priced"], bill["source"], bill["lines"]) == (False, None, [])
        assert bill["cost"] is bill["cost_nano_usd"] is bill["cost_pico_usd"] is None


class TestOverrides:
    def test_in_force_at_once_without_a_reload(self, gateway: Daemon) -> None:
        key = gateway.create_key()
        assert cost_of_call(gateway, key, "fake/echo")[1] == "fake"
        price = put(gateway, "fake/echo", per_request=0.25)
        assert (price["source"], price["pricing"]) == ("override", {"per_request": 0.25})
        assert cost_of_call(gateway, key, "fake/echo") == ("0.25", "override")
        gateway.admin.delete(f"/-/prices/{price['id']}").raise_for_status()
        assert cost_of_call(gateway, key, "fake/echo")[1] == "fake"

    def test_an_orgs_price_is_for_its_keys_only(self, gateway: Daemon) -> None:
        put(gateway, "fake/echo", org_id="org_1", per_request=0.5)
        put(gateway, "fake/echo", per_request=0.25)
        of_org, of_nobody = gateway.create_key(org_id="org_1"), gateway.create_key()
        assert cost_of_call(gateway, of_org, "fake/echo") == ("0.5", "org")
        assert cost_of_call(gateway, of_nobody, "fake/echo") == ("0.25", "override")
        with gateway.client(of_org.headers) as client:
            model = client.get("/v1/models/fake/echo").json()
        assert (model["price_source"], model["pricing"]) == ("org", {"per_request": 0.5})

    def test_it_wins_over_the_configuration_and_over_loopback(self, gateway: Daemon) -> None:
        put(gateway, "fake/lorem", input_per_mtok=1)
        put(gateway, "self-made", provider="here", input_per_mtok=1)
        assert source_of(gateway, "fake/lorem") == "override"
        assert source_of(gateway, "self-made") == "override"
        assert source_of(gateway, "no-such") is None
        put(gateway, "no-such", input_per_mtok=1)
        assert source_of(gateway, "no-such") == "override"

    def test_of_a_provider(self, gateway: Daemon) -> None:
        put(gateway, "echo", provider="here", per_request=9)
        assert source_of(gateway, "alias") == "fake"
        put(gateway, "echo", provider="fake", per_request=9)
        assert source_of(gateway, "alias") == "override"

    def test_the_same_subject_again_replaces_it(self, gateway: Daemon) -> None:
        first = put(gateway, "m", input_per_mtok=1)
        again = put(gateway, "m", input_per_mtok=1)
        second = put(gateway, "m", per_image=2)
        assert again == first
        assert (second["id"], second["pricing"]) == (first["id"], {"per_image": 2})
        assert len(listed(gateway, model="m")) == 1
        told = gateway.admin.get("/-/audit", params={"object_id": first["id"]}).json()["data"]
        assert [row["action"] for row in told] == ["price.set", "price.set"]
        assert told[0]["changes"] == {"rates": [{"input_per_mtok": "1"}, {"per_image": "2"}]}
        assert told[1]["changes"] == {
            "model": [None, "m"],
            "rates": [None, {"input_per_mtok": "1"}],
        }
        removed = gateway.admin.delete(f"/-/prices/{first['id']}")
        assert removed.json() == second
        told = gateway.admin.get("/-/audit", params={"object_id": first["id"]}).json()["data"]
        assert (told[0]["action"], told[0]["changes"]) == (
            "price.deleted",
            {"model": ["m", None], "rates": [{"per_image": "2"}, None]},
        )

    def test_many_at_once_leave_one(self, gateway: Daemon) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda rate: put(gateway, "m", per_image=rate), range(1, 17)))
        (left,) = listed(gateway, model="m")
        assert {price["id"] for price in made} == {left["id"]}
        told = gateway.admin.get("/-/audit", params={"object_id": left["id"]}).json()["data"]
        assert told[0]["changes"]["rates"][1] == {"per_image": str(left["pricing"]["per_image"])}
        for after, before in pairwise(told):
            assert after["changes"]["rates"][0] == before["changes"]["rates"][1]

    def test_one_that_is_gone_cannot_be_removed(self, gateway: Daemon) -> None:
        price = put(gateway, "m", input_per_mtok=1)
        gateway.admin.delete(f"/-/prices/{price['id']}").raise_for_status()
        answer = gateway.admin.delete(f"/-/prices/{price['id']}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "price_not_found")

    def test_it_survives_a_restart_and_a_reload(self, start: StartDaemon) -> None:
        daemon = start(CONFIG)
        price = put(daemon, "fake/echo", provider="fake", org_id="org_1", per_request="0.25")
        put(daemon, "fake/echo", input_per_mtok="0.000001")
        daemon.admin.post("/-/reload").raise_for_status()
        assert source_of(daemon, "fake/echo", org_id="org_1") == "org"
        stop_daemon(daemon)
        daemon = start(CONFIG)
        (again,) = listed(daemon, source="org")
        assert again == price
        assert source_of(daemon, "fake/echo", org_id="org_1") == "org"
        assert billed(daemon, "fake/echo", usage={"input_tokens": 3})["cost_pico_usd"] == 3


WRONG: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no model": ({"input_per_mtok": 1}, "missing_model", "model"),
    "empty model": ({"model": "", "input_per_mtok": 1}, "invalid_value", "model"),
    "no rate": ({"model": "m"}, "invalid_price", None),
    "only nulls": ({"model": "m", "input_per_mtok": None}, "invalid_price", None),
    "part alone": ({"model": "m", "cached_input_per_mtok": 1}, "invalid_price", None),
    "other part alone": (
        {"model": "m", "input_per_mtok": 1, "reasoning_per_mtok": 1},
        "invalid_price",
        None,
    ),
    "negative": ({"model": "m", "input_per_mtok": -1}, "invalid_value", "input_per_mtok"),
    "word": ({"model": "m", "input_per_mtok": "free"}, "invalid_value", "input_per_mtok"),
    "true": ({"model": "m", "per_image": True}, "invalid_value", "per_image"),
    "list": ({"model": "m", "per_image": [1]}, "invalid_value", "per_image"),
    "nan": ({"model": "m", "per_image": "NaN"}, "invalid_value", "per_image"),
    "infinite": ({"model": "m", "per_page": "-Infinity"}, "invalid_value", "per_page"),
    "too much": ({"model": "m", "per_page": 1e300}, "invalid_value", "per_page"),
    "finer than a pico-dollar per token": (
        {"model": "m", "output_per_mtok": "0.0000001"},
        "invalid_value",
        "output_per_mtok",
    ),
    "finer than a pico-dollar": (
        {"model": "m", "per_image": "0.0000000000001"},
        "invalid_value",
        "per_image",
    ),
    "unknown field": ({"model": "m", "per_token": 1}, "unknown_field", "per_token"),
    "its id": ({"model": "m", "id": "prc_1", "per_image": 1}, "unknown_field", "id"),
    "unknown provider": (
        {"model": "m", "provider": "nobody", "per_image": 1},
        "invalid_value",
        "provider",
    ),
}


@pytest.mark.parametrize(("body", "code", "param"), WRONG.values(), ids=WRONG)
def test_what_is_no_price_is_refused(
    gateway: Daemon, body: dict[str, Any], code: str, param: str | None
) -> None:
    refused(gateway.admin.put("/-/prices", json=body), code, param)
    assert [row for row in listed(gateway) if row["id"] is not None] == []


def test_a_bare_nan_is_refused(gateway: Daemon) -> None:
    body = json.dumps({"model": "m", "per_image": float("nan")})
    headers = {"content-type": "application/json"}
    refused(gateway.admin.put("/-/prices", content=body, headers=headers), "invalid_value", None)


def refused(answer: httpx2.Response, code: str, param: str | None) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code), answer.text
    assert param is None or error["param"] == param


@pytest.mark.parametrize("amount", ["0", "0.000000000001", "10000000", "9999999.999999999999"])
def test_amounts_come_back_as_they_were_given(gateway: Daemon, amount: str) -> None:
    answer = gateway.admin.put("/-/prices", json={"model": "m", "per_search": amount})
    assert f'"per_search":{amount}}}' in answer.text


class TestBill:
    def test_the_lines_of_a_call(self, gateway: Daemon) -> None:
        put(gateway, "m-in-force", per_image=1)
        put(
            gateway,
            "fake/echo",
            input_per_mtok=2,
            cached_input_per_mtok="0.2",
            output_per_mtok=8,
            per_audio_second="0.0001",
        )
        usage = {
            "input_tokens": 10,
            "cached_input_tokens": 4,
            "output_tokens": 3,
            "audio_ms": 1_500,
            "images": 2,
        }
        assert billed(gateway, "fake/echo", usage=usage) == {
            "object": "bill",
            "model": "fake/echo",
            "provider": "fake",
            "is_priced": True,
            "source": "override",
            "lines": [
                line("input_tokens", 6, 2_000_000, 12_000_000),
                line("cached_input_tokens", 4, 200_000, 800_000),
                line("output_tokens", 3, 8_000_000, 24_000_000),
                line("audio_ms", 1_500, 100_000_000, 150_000_000),
            ],
            "unpriced": ["images"],
            "cost": 0.0001868,
            "cost_nano_usd": 186_800,
            "cost_pico_usd": 186_800_000,
        }

    def test_a_fee_per_call_is_in_it(self, gateway: Daemon) -> None:
        assert billed(gateway, "fake/lorem", usage={})["cost"] == 0.001
        assert billed(gateway, "fake/lorem", usage={"requests": 0})["cost"] == 0

    def test_at_a_provider(self, gateway: Daemon) -> None:
        assert source_of(gateway, "self-made", provider="here") == "local"
        body = {"model": "self-made", "provider": "far", "usage": {}}
        answer = gateway.admin.post("/-/prices/test", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")

    def test_of_a_model_that_nobody_has(self, gateway: Daemon) -> None:
        body = {"model": "fake/nope", "usage": {}}
        answer = gateway.admin.post("/-/prices/test", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")

    @pytest.mark.parametrize(
        ("usage", "code", "param"),
        [
            ({"input_tokens": -1}, "invalid_value", "usage.input_tokens"),
            ({"input_tokens": 1.5}, "invalid_value", "usage.input_tokens"),
            ({"input_tokens": 10**10}, "invalid_value", "usage.input_tokens"),
            ({"images": "1"}, "invalid_value", "usage.images"),
            ({"tokens": 1}, "unknown_field", "usage.tokens"),
            ([], "invalid_value", "usage"),
        ],
    )
    def test_of_what_is_no_usage(
        self, gateway: Daemon, usage: object, code: str, param: str
    ) -> None:
        body = {"model": "fake/echo", "usage": usage}
        refused(gateway.admin.post("/-/prices/test", json=body), code, param)


def line(unit: str, quantity: int, price: int, amount: int) -> dict[str, object]:
    return {
        "unit": unit,
        "quantity": quantity,
        "price_pico_usd": price,
        "amount_pico_usd": amount,
    }
