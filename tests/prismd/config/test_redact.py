import json

from hypothesis import given
from hypothesis import strategies as st

from prismd.config.model import Config
from prismd.config.redact import config_hash, public_view

SAMPLE: dict[str, object] = {
    "server": {"port": 1, "host": "localhost", "data_dir": "/d", "shutdown_timeout": "1m"},
    "providers": {
        "x": {
            "base_url": "https://user:pa55@host.example/v1",
            "api_key": "${KEY}",
            "headers": {"x-team": "l1teral", "x-api-key": "file:/k"},
        }
    },
    "admin": {"token": "env:TOKEN", "allow_remote": True},
    "model_map": {"a": "x", "b": "x/c"},
    "cost_tracking": {"custom_pricing": {"m": {"input_per_mtok": "0.15", "output_per_mtok": 3}}},
}


def test_what_is_shown_holds_references_and_no_values() -> None:
    view = public_view(Config.model_validate(SAMPLE))
    text = json.dumps(view)
    assert "pa55" not in text
    assert "l1teral" not in text
    assert view["providers"] == {
        "x": {
            "type": "openai",
            "api_format": None,
            "api_version": None,
            "base_url": "https://***@host.example/v1",
            "api_key": "env:KEY",
            "auth_type": None,
            "aws_region": None,
            "aws_access_key_id": None,
            "aws_secret_access_key": None,
            "aws_session_token": None,
            "credentials_file": None,
            "project": None,
            "location": None,
            "models": None,
            "auto_discover": None,
            "headers": {"x-team": "***", "x-api-key": "file:/k"},
            "pass_headers": [],
            "on_disconnect": "cancel",
            "default_timeout": None,
            "max_concurrent": 1_000,
            "conn_pool_size": 100,
            "ca_file": None,
            "skip_tls": False,
        }
    }
    assert view["admin"] == {"token": "env:TOKEN", "allow_remote": True}
    assert '"input_per_mtok": "0.15"' in text
    assert '"shutdown_timeout": 60.0' in text


def test_a_url_that_cannot_be_taken_apart_is_masked() -> None:
    config = Config.model_validate({"providers": {"x": {"base_url": "http://a:b@[c/"}}})
    assert '"base_url": "***"' in json.dumps(public_view(config))


def test_a_plain_url_is_shown() -> None:
    config = Config.model_validate({"providers": {"x": {"base_url": "http://127.0.0.1:1/v1"}}})
    assert '"base_url": "http://127.0.0.1:1/v1"' in json.dumps(public_view(config))


def _shuffled(value: object, random: object) -> object:
    if not isinstance(value, dict):
        return value
    items = [(name, _shuffled(inner, random)) for name, inner in value.items()]
    random.shuffle(items)  # type: ignore[attr-defined]
    return dict(items)


@given(st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_of_names(random: object) -> None:
    shuffled = Config.model_validate(_shuffled(SAMPLE, random))
    assert config_hash(shuffled) == config_hash(Config.model_validate(SAMPLE))


def test_the_hash_depends_on_values_and_on_the_order_of_providers() -> None:
    configs: list[dict[str, object]] = [
        {},
        {"server": {"port": 1}},
        {"providers": {"a": {}}},
        {"providers": {"a": {}, "b": {}}},
        {"providers": {"b": {}, "a": {}}},
        {"providers": {"a": {"headers": {"x-a": "1"}}}},
        {"providers": {"a": {"headers": {"x-a": "2"}}}},
        {"providers": {"a": {"api_key": "env:A"}}},
    ]
    hashes = {config_hash(Config.model_validate(config)) for config in configs}
    assert len(hashes) == len(configs)


def test_two_ways_to_say_the_same_have_one_hash() -> None:
    said = [{"server": {"shutdown_timeout": time}} for time in ("1m", "60s", 60)]
    assert len({config_hash(Config.model_validate(config)) for config in said}) == 1
