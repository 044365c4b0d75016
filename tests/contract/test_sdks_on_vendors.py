"""Each official SDK on a vendor of each dialect, over real sockets on both sides of prismd."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.sdks import ALL, Failed, Sdk
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon, wait_for
from tests.fake_process import FakeProcess, start_fake, stop_fake

VENDORS = ("openai", "anthropic", "google", "bedrock", "cohere")

CONFIG = """
providers:
  fake: {{type: fake}}
  openai: {{type: openai, base_url: "{url}/v1", auto_discover: false}}
  anthropic:
    type: anthropic
    base_url: "{url}/v1"
    api_key: env:VENDOR_KEY
    auto_discover: false
  google:
    type: gemini
    base_url: "{url}/v1beta"
    api_key: env:VENDOR_KEY
    auto_discover: false
  bedrock:
    type: bedrock
    base_url: "{url}/bedrock"
    aws_region: eu-central-1
    aws_access_key_id: env:VENDOR_KEY
    aws_secret_access_key: env:VENDOR_KEY
    auto_discover: false
  cohere:
    type: cohere
    base_url: "{url}/v2"
    api_key: env:VENDOR_KEY
    auto_discover: false
"""


@dataclass
class World:
    """A gateway, its vendor of every dialect, and a client of every SDK."""

    daemon: Daemon
    vendor: FakeProcess
    key: Key
    sdks: Mapping[str, Sdk]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    vendor = start_fake(folder / "vendor.jsonl")
    config = CONFIG.format(url=vendor.url)
    daemon = start_daemon(folder, config, env={"VENDOR_KEY": "AKIDEXAMPLE"})
    key = daemon.create_key("matrix")
    sdks = {sdk.name: sdk(daemon.url, key.secret) for sdk in ALL}
    yield World(daemon, vendor, key, sdks)
    for sdk in sdks.values():
        sdk.close()
    stop_daemon(daemon)
    stop_fake(vendor)


@pytest.fixture(params=[sdk.name for sdk in ALL])
def sdk(request: pytest.FixtureRequest, world: World) -> Sdk:
    return world.sdks[request.param]


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_text(sdk: Sdk, vendor: str) -> None:
    said = sdk.ask(f"{vendor}/echo", "Hello, wörld ☃")
    assert said.text == "Hello, wörld ☃"
    assert said.input_tokens
    assert said.output_tokens


def test_a_stream(sdk: Sdk, vendor: str) -> None:
    whole = sdk.ask(f"{vendor}/lorem+tokens=20", "go")
    said = sdk.stream(f"{vendor}/lorem+tokens=20", "go")
    assert said.text == whole.text
    assert said.pieces > 5
    assert (said.stop, said.input_tokens, said.output_tokens) == (
        whole.stop,
        whole.input_tokens,
        whole.output_tokens,
    )


def test_the_reason_to_stop(sdk: Sdk, vendor: str) -> None:
    said = sdk.ask(f"{vendor}/lorem", "go", max_tokens=5)
    assert said.stop == sdk.limits
    assert said.output_tokens == 5


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tools_in_parallel(sdk: Sdk, vendor: str, *, stream: bool) -> None:
    called, answered = sdk.call_tools(f"{vendor}/tools+calls=2", stream=stream)
    assert [name for name, _ in called.calls] == ["weather", "forecast"]
    assert all(set(arguments) == {"city", "days"} for _, arguments in called.calls)
    assert "sunny" in answered.text
    assert not answered.calls


def test_images(sdk: Sdk, vendor: str) -> None:
    assert sdk.show(f"{vendor}/echo").text == "look[image]"


def test_structured_output(sdk: Sdk, vendor: str) -> None:
    recipe = sdk.structured(f"{vendor}/json")
    assert isinstance(recipe.minutes, int)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thoughts_are_seen_and_taken_back(sdk: Sdk, vendor: str, *, stream: bool) -> None:
    thought, again = sdk.think(f"{vendor}/reason", stream=stream)
    assert "hm" in thought.thought
    assert thought.text == "hm"
    assert again.text == "and?"


@pytest.mark.parametrize(
    ("faults", "status"),
    [("status=429+retry-after=3", 429), ("status=400", 400), ("status=500", 502), ("cut=0", 502)],
)
def test_errors_of_the_vendor(sdk: Sdk, vendor: str, faults: str, status: int) -> None:
    with pytest.raises(Failed) as caught:
        sdk.ask(f"{vendor}/echo+{faults}", "hi")
    assert caught.value.status == status
    assert "Traceback" not in caught.value.message


def test_a_model_that_nobody_has(sdk: Sdk) -> None:
    with pytest.raises(Failed) as caught:
        sdk.ask("nobody/has-this", "hi")
    assert caught.value.status == 404
    assert "nobody/has-this" in caught.value.message


def test_a_key_that_is_none(world: World) -> None:
    for sdk in ALL:
        client = sdk(world.daemon.url, "sk-prism-none")
        with pytest.raises(Failed) as caught:
            client.ask("openai/echo", "hi")
        assert caught.value.status == 401
        client.close()


def test_who_leaves_a_stream_is_charged_for_what_came(world: World, sdk: Sdk, vendor: str) -> None:
    model = f"{vendor}/lorem+tokens=400+rate=40"
    sdk.leave(model)

    def ended() -> dict[str, object] | None:
        calls = world.daemon.admin.get("/-/requests", params={"model": model}).json()["data"]
        mine = [call for call in calls if call["dialect"] == sdk.name]
        return mine[0] if mine else None

    call = wait_for(ended, "the trace of the call", within_s=5)
    assert (call["status"], call["error_code"]) == (499, "client_closed")


def test_every_sdk_lists_the_models(sdk: Sdk) -> None:
    listed = sdk.models()
    assert {"echo", "tools"} <= {name.rpartition("/")[2] for name in listed}
