"""What `prismd detect` writes, with servers on ports of our own choice."""

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import yaml

from prismd.providers import detect as module
from prismd.providers import ollama
from prismd.providers.detect import detect
from prismd.providers.registry import by_type

MODELS = b'{"object":"list","data":[{"id":"m"}]}'


async def found(env: dict[str, str], **options: Any) -> dict[str, Any]:
    config = yaml.safe_load(await detect(env, **options))
    assert list(config) == ["providers"]
    assert all(by_type(entry["type"]) for entry in config["providers"].values())
    providers: dict[str, Any] = config["providers"]
    return providers


class Server(ThreadingHTTPServer):
    body = MODELS
    status = 200
    header = ("x-any", "1")


class Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "any"

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/v1/models" else 404)
        self.send_header(*self.server.header)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server where Ollama usually is; the other local vendors are nowhere."""
    with Server(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        Thread(target=server.serve_forever, args=(0.01,)).start()
        spec = replace(ollama.SPEC, local_port=port, base_url=f"http://127.0.0.1:{port}/v1")
        monkeypatch.setattr(module, "ALL", (spec,))
        monkeypatch.setattr(module, "PROBE_TIMEOUT_S", 5.0)
        yield server
        server.shutdown()


async def test_the_fake_is_always_there() -> None:
    assert await found({}, probe_local=False) == {"fake": {"type": "fake"}}


async def test_keys_in_the_environment_bring_their_vendors_and_stay_there() -> None:
    env = {"OPENAI_API_KEY": "sk-topsecret", "GOOGLE_API_KEY": "g", "GROQ_API_KEY": ""}
    text = await detect(env, probe_local=False)
    assert "topsecret" not in text
    assert yaml.safe_load(text)["providers"] == {
        "fake": {"type": "fake"},
        "openai": {"type": "openai", "api_key": "env:OPENAI_API_KEY"},
        "gemini": {"type": "gemini", "api_key": "env:GOOGLE_API_KEY"},
    }


async def test_a_key_that_is_meant_for_another_url_goes_there() -> None:
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": 'http://10.0.0.1: "/v1'}
    providers = await found(env, probe_local=False)
    assert providers["openai"]["base_url"] == env["OPENAI_BASE_URL"]


async def test_a_key_of_prism_itself_is_no_provider() -> None:
    env = {"OPENAI_API_KEY": "sk-prism-abc", "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}
    assert list(await found(env, probe_local=False)) == ["fake"]


async def test_a_vendor_that_needs_a_url_is_only_suggested() -> None:
    text = await detect({"AZURE_OPENAI_API_KEY": "k"}, probe_local=False)
    assert list(yaml.safe_load(text)["providers"]) == ["fake"]
    assert "# azure" in text


async def test_what_only_the_operator_knows_is_left_open() -> None:
    text = await detect({"AWS_BEARER_TOKEN_BEDROCK": "k"}, probe_local=False)
    assert list(yaml.safe_load(text)["providers"]) == ["fake"]
    for line in ("# bedrock:", "api_key: env:AWS_BEARER_TOKEN_BEDROCK", "aws_region: …"):
        assert line in text
    assert "models: […]" in text


async def test_a_local_server_that_lists_models_is_found(local: Server) -> None:
    providers = await found({})
    assert providers["ollama"]["base_url"] == f"http://127.0.0.1:{local.server_address[1]}/v1"


async def test_our_own_ports_are_not_asked(local: Server) -> None:
    assert list(await found({}, skip_ports=[local.server_address[1]])) == ["fake"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"status": 401},
        {"body": b"<html>"},
        {"body": b'{"hello":"world"}'},
        {"header": ("x-prism-request-cost", "1")},
    ],
)
async def test_what_is_no_vendor_is_not_found(local: Server, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        setattr(local, name, value)
    assert list(await found({})) == ["fake"]


async def test_another_prism_is_no_vendor(local: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "server_version", "prism")
    assert list(await found({})) == ["fake"]


async def test_a_silent_port_does_not_hold_up(
    local: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.shutdown()  # the port still accepts, but nobody answers
    monkeypatch.setattr(module, "PROBE_TIMEOUT_S", 0.1)
    assert list(await found({})) == ["fake"]
