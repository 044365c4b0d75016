from dataclasses import replace
from pathlib import Path

import pytest

from prismd.config.load import load
from prismd.kernel.errors import ConfigError
from prismd.kernel.outbound import Outbound
from prismd.kernel.secret import ADMIN_PREFIX, new_token
from prismd.metering.overrides import PriceOverrides
from prismd.snapshot import Snapshot, build
from prismd.wire.price import Unit
from tests.in_process import running_gateway


async def snapshot_of(tmp_path: Path, text: str) -> Snapshot:
    file = tmp_path / "prism.yaml"
    file.write_text(text)
    outbound = Outbound()
    try:
        loaded = load(file, env={})
        token = new_token(ADMIN_PREFIX)
        return build(loaded, outbound=outbound, overrides=PriceOverrides(), own_admin_token=token)
    finally:
        await outbound.aclose()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("providers:\n  x:\n    type: opnai\n", "3:5", 'did you mean "openai"'),
        ("providers:\n  x:\n    type: openai\n", "2:3", "env:OPENAI_API_KEY"),
        ("providers:\n  x:\n    type: azure\n", "2:3", "base_url"),
        ("providers:\n  x:\n    type: fake\nmodel_map:\n  a: y/b\n", "5:3", '"y"'),
        ("admin:\n  token: env:NOT_SET_ANYWHERE_AT_ALL\n", "2:3", "not set"),
        (
            "providers:\n  x:\n    type: groq\n    api_key: env:NOT_SET_ANYWHERE_AT_ALL\n",
            "4:5",
            "not set",
        ),
        (
            "server:\n  tls:\n    cert_file: /nowhere/c.pem\n    key_file: /nowhere/k.pem\n",
            "2:3",
            "No such file",
        ),
    ],
)
async def test_what_does_not_mean_anything_is_told_with_its_line(
    tmp_path: Path, text: str, line: str, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        await snapshot_of(tmp_path, text)
    (problem,) = caught.value.problems
    assert f"prism.yaml:{line} " in problem
    assert says in problem


async def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = "providers:\n  a: {type: nope1}\n  b: {type: nope2}\nmodel_map: {m: zzz}\n"
    with pytest.raises(ConfigError) as caught:
        await snapshot_of(tmp_path, text)
    assert len(caught.value.problems) == 3


async def test_a_provider_at_an_address_of_its_own_needs_no_credential(tmp_path: Path) -> None:
    text = (
        "providers:\n  lab: {type: vllm, base_url: 'http://10.0.0.7:8000'}\n"
        "  near: {type: ollama}\n"
    )
    snapshot = await snapshot_of(tmp_path, text)
    lab, near = snapshot.catalog.providers.values()
    assert (lab.base_url, lab.is_local, lab.models) == ("http://10.0.0.7:8000/v1", False, None)
    assert near.is_local


NEAR = "providers:\n  near: {type: ollama}\n"
NEAR_AND = "providers:\n  near: {{type: ollama, {more}}}\n"


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ("auto_discover: true", ["llama"]),
        ("auto_discover: true, models: [mine]", ["llama", "mine"]),
        ("models: [mine]", ["mine"]),
        ("auto_discover: false", []),
        ("base_url: 'http://127.0.0.1:1'", []),
    ],
)
async def test_what_was_discovered_outlives_a_reload_at_the_same_address(
    tmp_path: Path, more: str, names: list[str]
) -> None:
    before = await snapshot_of(tmp_path, NEAR)
    before = replace(before, catalog=before.catalog.with_models({"near": ("llama",)}))
    after = await snapshot_of(tmp_path, NEAR_AND.format(more=more))
    assert after.keeping(before).catalog.names() == names


async def test_a_model_that_is_no_longer_listed_is_gone(tmp_path: Path) -> None:
    before = await snapshot_of(
        tmp_path, NEAR_AND.format(more="auto_discover: true, models: [a, b]")
    )
    before = replace(before, catalog=before.catalog.with_models({"near": ("b", "c")}))
    assert before.catalog.names() == ["a", "b", "c"]
    assert (await snapshot_of(tmp_path, NEAR)).keeping(before).catalog.names() == ["b", "c"]


async def test_a_credential_that_no_header_can_carry_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD_KEY", "sk-secret and more")
    text = "providers:\n  x:\n    type: groq\n    api_key: env:ODD_KEY\n"
    with pytest.raises(ConfigError) as caught:
        await snapshot_of(tmp_path, text)
    (problem,) = caught.value.problems
    assert "prism.yaml:4:5 providers.x.api_key refers to env:ODD_KEY: the credential" in problem
    assert "sk-secret" not in problem


async def test_own_prices_win(tmp_path: Path) -> None:
    text = (
        "providers:\n  f: {type: fake}\ncost_tracking:\n  custom_pricing:\n"
        "    f/echo: {input_per_mtok: 3, output_per_mtok: 0.01875}\n"
    )
    snapshot = await snapshot_of(tmp_path, text)
    price = snapshot.facts("f/echo", snapshot.catalog.resolve("f/echo")[0]).price
    assert price is not None
    assert price.source == "config"
    assert price.rates == {Unit.INPUT: 3_000_000, Unit.OUTPUT: 18_750}


async def test_a_gateway_does_not_print_its_secrets(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as gateway:
        shown = repr(gateway)
        assert "Snapshot(" in shown
        assert repr(gateway.pepper) not in shown
        assert gateway.snapshot.admin_token.decode() not in shown
