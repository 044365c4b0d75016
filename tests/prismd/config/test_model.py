import json

import pytest
from jsonschema import Draft202012Validator
from platformdirs import user_data_path
from pydantic import ValidationError

from prismd.config.model import Config, needs_restart, schema
from prismd.config.server import ServerConfig

SAMPLE = {
    "server": {"host": "0.0.0.0", "max_request_body_size": "20MiB", "shutdown_timeout": 1.5},
    "providers": {
        "openai": {"api_key": "env:OPENAI_API_KEY", "headers": {"x-a": "b"}},
        "local": {"type": "ollama", "models": ["llama3"], "default_timeout": "2m"},
    },
    "model_map": {"fast": "local/llama3"},
    "admin": {"token": "${TOKEN}"},
    "cors": {"enabled": True, "allowed_origins": ["https://a.example"], "max_age": 60},
    "cost_tracking": {"custom_pricing": {"m": {"input_per_mtok": 0.1, "output_per_mtok": "0.2"}}},
}


class TestSchema:
    def test_it_is_a_schema_and_takes_what_the_loader_takes(self) -> None:
        Draft202012Validator.check_schema(schema())
        Draft202012Validator(schema()).validate(SAMPLE)
        # The loader reads 0.1 as a decimal, never as a float; here it is given as text.
        pricing = {"m": {"input_per_mtok": "0.1", "output_per_mtok": "0.2"}}
        Config.model_validate({**SAMPLE, "cost_tracking": {"custom_pricing": pricing}})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"servers": {}},
            {"server": {"port": "http"}},
            {"server": {"shutdown_timeout": "1 minute"}},
            {"admin": {"token": "hunter2"}},
            {"providers": {"x": {"weight": 1}}},
            {"logging": {"level": "loud"}},
        ],
    )
    def test_it_refuses_what_the_loader_refuses(self, wrong: dict[str, object]) -> None:
        assert not Draft202012Validator(schema()).is_valid(wrong)
        with pytest.raises(ValidationError):
            Config.model_validate(wrong)

    def test_every_setting_is_described(self) -> None:
        root = json.loads(json.dumps(schema()))
        definitions = root["$defs"]
        for section in (root, *definitions.values()):
            assert section["description"]
            for name, setting in section["properties"].items():
                # pydantic leaves a description out that says what the section itself says.
                told = {**definitions.get(setting.get("$ref", "")[8:], {}), **setting}
                assert told.get("description"), f"{section['title']}.{name}"


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Config().server = ServerConfig()  # type: ignore[misc]


def test_what_is_used_once_needs_a_restart() -> None:
    tls = {"cert_file": "/c", "key_file": "/k"}
    new = Config.model_validate(
        {
            "server": {
                "host": "::",
                "port": 1,
                "data_dir": "/d",
                "tls": tls,
                "allowed_hosts": ["a"],
            },
            "logging": {"level": "debug"},
        }
    )
    assert needs_restart(Config(), new) == [
        "server.host",
        "server.port",
        "server.data_dir",
        "server.tls",
    ]
    assert needs_restart(new, new) == []


@pytest.mark.parametrize(
    ("server", "hosts"),
    [
        ({}, {"localhost", "127.0.0.1", "[::1]"}),
        ({"host": "localhost"}, {"localhost", "127.0.0.1", "[::1]"}),
        ({"host": "::1"}, {"localhost", "127.0.0.1", "[::1]"}),
        ({"host": "127.0.0.2"}, {"localhost", "127.0.0.1", "[::1]", "127.0.0.2"}),
        ({"host": "0.0.0.0"}, None),
        ({"host": "gateway.example"}, None),
        ({"allowed_hosts": ["Gateway.Example", "FE80::1", "[::1]"]}, None),
    ],
)
def test_served_hosts(server: dict[str, object], hosts: set[str] | None) -> None:
    found = ServerConfig.model_validate(server).served_hosts()
    if "allowed_hosts" in server:
        hosts = {"gateway.example", "[fe80::1]", "[::1]"}
    assert found == hosts


def test_the_data_directory_is_the_users_unless_configured() -> None:
    assert ServerConfig().data_path() == user_data_path("prism")
