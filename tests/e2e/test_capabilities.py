"""``GET /-/capabilities``: what is configured can do, and what else could be configured."""

from prismd.providers.registry import ALL
from tests.conftest import StartDaemon

CONFIG = """\
providers:
  fake: {type: fake}
  talks: {type: fake, api_format: anthropic}
  claude: {type: anthropic, base_url: http://127.0.0.1:9, models: [c], pass_headers: [X-Team]}
  aws: {type: bedrock, base_url: http://127.0.0.1:9, models: [a]}
  box: {type: vllm, base_url: http://127.0.0.1:9/v1, models: [b]}
"""


def test_operations_and_formats_of_providers_and_vendors(start: StartDaemon) -> None:
    told = start(CONFIG).admin.get("/-/capabilities").json()
    providers = {one["id"]: one for one in told["providers"]}
    assert {name: one["dialect"] for name, one in providers.items()} == {
        "fake": "openai",
        "talks": "anthropic",
        "claude": "anthropic",
        "aws": "bedrock",
        "box": "openai",
    }
    assert providers["claude"]["ops"] == ["chat", "count_tokens"]
    assert providers["claude"]["passed_headers"] == [
        "anthropic-beta",
        "anthropic-version",
        "x-team",
    ]
    assert providers["aws"]["operations"][0] == {
        "op": "chat",
        "dialect": "bedrock",
        "path": "/model/{model}/converse",
        "stream_path": "/model/{model}/converse-stream",
        "models": [],
    }
    assert [one["dialect"] for one in providers["box"]["operations"]] == [
        "openai",
        "openai-completions",
    ]
    assert [one["type"] for one in told["vendors"]] == [spec.type for spec in ALL]
    vendors = {one["type"]: one for one in told["vendors"]}
    assert vendors["gemini"]["api_formats"] == ["google", "openai"]
    assert len(vendors["fake"]["api_formats"]) == 5
    assert vendors["bedrock"]["lists_models"] is False
    assert {op for one in told["vendors"] for op in one["ops"]} <= set(told["ops"])
