import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.config.load import LoadedConfig, load
from prismd.config.problem import ConfigProblem
from prismd.kernel.errors import ConfigError
from prismd.wire.price import Unit


def write(folder: Path, text: str, name: str = "prism.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str) -> LoadedConfig:
    return load(write(folder, text), env={})


def problems(folder: Path, text: str) -> list[str]:
    """Load what cannot be loaded; return the lines without the folder."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return [line.removeprefix(f"{folder}/") for line in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # names
        (
            "server:\n  allowed_host: [a]\n",
            'prism.yaml:2:3 unknown key "allowed_host" in server; did you mean "allowed_hosts"?',
        ),
        ("sever: {}\n", 'prism.yaml:1:1 unknown key "sever"; did you mean "server"?'),
        ("zzz: 1\n", 'prism.yaml:1:1 unknown key "zzz"'),
        (
            "providers:\n  type:\n    apikey: env:K\n",
            'prism.yaml:3:5 unknown key "apikey" in providers.type; did you mean "api_key"?',
        ),
        (
            "routing: {failover: {max_atempts: 1}}\n",
            (
                'prism.yaml:1:22 unknown key "max_atempts" in routing.failover; '
                'did you mean "max_attempts"?'
            ),
        ),
        (
            "server: {tls: {cert: /c, cert_file: /c, key_file: /k}}\n",
            'prism.yaml:1:16 unknown key "cert" in server.tls; did you mean "cert_file"?',
        ),
        (
            "providers: {OpenAI: {}}\n",
            (
                "prism.yaml:1:13 providers.OpenAI must be a provider id: "
                "small letters, digits, - and _, at most 64"
            ),
        ),
        ("server: {tls: {cert_file: /c}}", "prism.yaml:1:10 server.tls.key_file is required"),
        # kinds of value
        ("server: {port: 70000}", "prism.yaml:1:10 server.port must be at most 65535"),
        ("server: {port: -1}", "prism.yaml:1:10 server.port must be at least 0"),
        ("server: {port: true}", "prism.yaml:1:10 server.port must be a whole number"),
        ("server: {port: 010}", "prism.yaml:1:10 server.port must be a whole number"),
        ("server: {port: 1.5}", "prism.yaml:1:10 server.port must be a whole number"),
        ("admin: {allow_remote: 1}", "prism.yaml:1:9 admin.allow_remote must be true or false"),
        ("server: 3\n", "prism.yaml:1:1 server must be a mapping of names to values"),
        ("model_map: [a]\n", "prism.yaml:1:1 model_map must be a mapping of names to values"),
        (
            "providers: {x: {models: [4]}}",
            "prism.yaml:1:26 providers.x.models[0] must be text: put it in quotes",
        ),
        ("providers: {x: {models: m}}", "prism.yaml:1:17 providers.x.models must be a list"),
        (
            "providers: {x: {models: [a, a]}}",
            "prism.yaml:1:17 providers.x.models must name each model once",
        ),
        (
            "providers: {x: {models: ['']}}",
            (
                "prism.yaml:1:26 providers.x.models[0] must be text on one line, not empty and "
                "without blanks at its ends"
            ),
        ),
        (
            "logging: {level: loud}",
            "prism.yaml:1:11 logging.level must be 'debug', 'info', 'warn' or 'error'",
        ),
        (
            "server: {allowed_hosts: []}",
            "prism.yaml:1:10 server.allowed_hosts must not be an empty list: leave it out instead",
        ),
        (
            "server: {allowed_hosts: [ok, 'a:80']}",
            (
                "prism.yaml:1:30 server.allowed_hosts[1] must be a host name or an IP address, "
                "without port or wildcard"
            ),
        ),
        (
            "server: {host: '[::1]'}",
            (
                "prism.yaml:1:10 server.host must be an IP address or a host name, "
                "without port or brackets"
            ),
        ),
        (
            "server: {data_dir: here}",
            "prism.yaml:1:10 server.data_dir must be an absolute path, or begin with ~/",
        ),
        (
            "server: {data_dir: ~nobody-of-this-name/d}",
            (
                "prism.yaml:1:10 server.data_dir begins with the home directory of a user "
                "who is not known here"
            ),
        ),
        (
            'server: {data_dir: "/a\\nb"}',
            "prism.yaml:1:10 server.data_dir must be a path of printable characters",
        ),
        (
            "routing: {model_timeouts: {m: 1 minute}}",
            (
                "prism.yaml:1:28 routing.model_timeouts.m must be a time such as "
                "30s, 500ms or 1m30s; a plain number is seconds"
            ),
        ),
        (
            "server: {shutdown_timeout: 0}",
            "prism.yaml:1:10 server.shutdown_timeout must be more than 0 and at most 24h",
        ),
        (
            "server: {max_request_body_size: 2TB}",
            (
                "prism.yaml:1:10 server.max_request_body_size must be a size such as 20MiB; "
                "a plain number is bytes"
            ),
        ),
        (
            "server: {max_request_body_size: 1}",
            "prism.yaml:1:10 server.max_request_body_size must be between 1KiB and 1GiB",
        ),
        (
            "routing: {failover: {on_status_codes: [200]}}",
            "prism.yaml:1:40 routing.failover.on_status_codes[0] must be at least 400",
        ),
        (
            "cost_tracking: {custom_pricing: {m: {input_per_mtok: 0.0000001, output_per_mtok: 1}}}",
            (
                "prism.yaml:1:38 cost_tracking.custom_pricing.m.input_per_mtok must be plain "
                "dollars per million, such as 0.15, with at most 6 decimals"
            ),
        ),
        (
            "cost_tracking: {custom_pricing: {m: {per_image: 0.0000000000001}}}",
            (
                "prism.yaml:1:38 cost_tracking.custom_pricing.m.per_image must be plain "
                "dollars for one, such as 0.04, with at most 12 decimals"
            ),
        ),
        (
            "cost_tracking: {custom_pricing: {m: {output_per_mtok: 1, reasoning_per_mtok: -1}}}",
            (
                "prism.yaml:1:58 cost_tracking.custom_pricing.m.reasoning_per_mtok must be plain "
                "dollars per million, such as 0.15, with at most 6 decimals"
            ),
        ),
        (
            "cost_tracking: {custom_pricing: {m: {per_image: 1, cache_write_per_mtok: 1}}}",
            (
                "prism.yaml:1:34 cost_tracking.custom_pricing.m has cache_write_per_mtok, "
                "but not input_per_mtok for the rest"
            ),
        ),
        (
            "cost_tracking: {unknown_models: deny_all}",
            (
                "prism.yaml:1:17 cost_tracking.unknown_models must be "
                "'deny_managed', 'deny' or 'allow'"
            ),
        ),
        (
            "ip_acl: {trusted_proxies: [10.0.0.1/8]}",
            (
                "prism.yaml:1:28 ip_acl.trusted_proxies[0] must be an address or a network such as "
                "10.0.0.0/8, with no bits after its prefix"
            ),
        ),
        # switches that cannot be off
        (
            "auth: {enabled: false}",
            (
                "prism.yaml:1:8 auth.enabled must be true: the API is never served without a key; "
                "prismctl keys create makes one"
            ),
        ),
        (
            "cost_tracking: {enabled: false}",
            (
                "prism.yaml:1:17 cost_tracking.enabled must be true: "
                "usage and cost are part of every call's record"
            ),
        ),
        # CORS
        (
            "cors: {enabled: true}",
            (
                "prism.yaml:1:8 cors.enabled needs cors.allowed_origins: the origins of the pages, "
                'or ["*"]'
            ),
        ),
        (
            "cors: {enabled: true, allow_credentials: true, allowed_origins: ['*']}",
            (
                'prism.yaml:1:23 cors.allow_credentials cannot be true with the origin "*": '
                "every page could act for the user"
            ),
        ),
        (
            "cors: {allowed_origins: ['https://a.example/']}",
            (
                "prism.yaml:1:26 cors.allowed_origins[0] must be an origin such as "
                'https://app.example.com (no path, no final slash), or "*"'
            ),
        ),
        (
            "cors: {allowed_methods: [get]}",
            'prism.yaml:1:26 cors.allowed_methods[0] must be an HTTP method in capitals, or "*"',
        ),
        (
            "cors: {exposed_headers: ['a b']}",
            'prism.yaml:1:26 cors.exposed_headers[0] must be the name of a header, or "*"',
        ),
        # provider headers
        (
            "providers: {x: {headers: {Host: a}}}",
            (
                "prism.yaml:1:27 providers.x.headers.Host must not be set here, "
                "because the gateway writes that header itself"
            ),
        ),
        (
            "providers: {x: {headers: {Authorization: a}}}",
            (
                "prism.yaml:1:27 providers.x.headers.Authorization must not be set here, "
                "because the gateway writes that header itself: give the credential as api_key"
            ),
        ),
        (
            'providers: {x: {headers: {x-a: "b\\r\\nx-c: d"}}}',
            "prism.yaml:1:27 providers.x.headers.x-a must be printable ASCII on one line",
        ),
        (
            "providers: {x: {headers: {x-a: 1}}}",
            (
                "prism.yaml:1:27 providers.x.headers.x-a must be text (put it in quotes), "
                "or a reference: env:NAME, or file:/path"
            ),
        ),
        (
            "providers: {x: {headers: {'a b': c}}}",
            "prism.yaml:1:27 providers.x.headers.a b is not a header name",
        ),
        (
            "providers: {x: {headers: {x-a: b, X-A: c}}}",
            (
                'prism.yaml:1:17 providers.x.headers holds "X-A" twice: '
                "the case of letters does not make another header"
            ),
        ),
        (
            "providers: {x: {headers: {x-api-key: abc}}}",
            (
                'prism.yaml:1:17 providers.x.headers holds a literal value of "x-api-key", which '
                "looks like a credential: write env:NAME, or file:/path"
            ),
        ),
        # secrets
        (
            "admin:\n  token: hunter2\n",
            (
                "prism.yaml:2:3 admin.token must be a reference, never the secret itself: "
                "write env:NAME, or file:/path"
            ),
        ),
        (
            "admin: {token: }",
            "prism.yaml:1:9 admin.token is empty: leave it out, or write env:NAME, or file:/path",
        ),
        (
            "admin: {token: 'env:A B'}",
            (
                "prism.yaml:1:9 admin.token is not a well-formed reference: "
                "write env:NAME, or file:/path (absolute)"
            ),
        ),
        (
            "admin: {token: 'file:token'}",
            (
                "prism.yaml:1:9 admin.token is not a well-formed reference: "
                "write env:NAME, or file:/path (absolute)"
            ),
        ),
        (
            "admin: {token: 'vault://a/b'}",
            (
                "prism.yaml:1:9 admin.token refers to vault://, which is not available in this "
                "version: write env:NAME, or file:/path"
            ),
        ),
        (
            "providers: {x: {base_url: '${URL}'}}",
            (
                "prism.yaml:1:17 providers.x.base_url is not a place for a variable: "
                "only secrets are references"
            ),
        ),
        # formats
        (
            "providers: {x: {api_format: azure}}",
            "prism.yaml:1:17 providers.x.api_format cannot be azure: write type: azure",
        ),
        (
            "providers: {x: {api_format: xml}}",
            (
                "prism.yaml:1:17 providers.x.api_format must be one of openai, anthropic, gemini, "
                "google, bedrock, cohere"
            ),
        ),
        (
            "providers: {x: {api_version: v1}}",
            (
                "prism.yaml:1:17 providers.x.api_version must be a version of Azure's API, such as "
                "2024-10-21"
            ),
        ),
        (
            "providers: {x: {pass_headers: [x-team, X-Api-Key]}}",
            (
                "prism.yaml:1:40 providers.x.pass_headers[1] must not be passed on, because it may "
                "hold the caller's own key"
            ),
        ),
        (
            "providers: {x: {aws_region: US East}}",
            (
                "prism.yaml:1:17 providers.x.aws_region must be a name of small letters, digits "
                "and -, such as us-east-1"
            ),
        ),
        (
            "providers: {x: {aws_secret_access_key: abc}}",
            (
                "prism.yaml:1:17 providers.x.aws_secret_access_key must be a reference, never the "
                "secret itself: write env:NAME, or file:/path"
            ),
        ),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    assert problems(tmp_path, text) == [line]


def test_all_problems_are_told_at_once_sorted_by_line(tmp_path: Path) -> None:
    text = "zzz: 1\nserver:\n  port: 99999\n  host: ''\nlogging:\n  level: x\n  level: info\n"
    lines = problems(tmp_path, text)
    assert [line.split(" ")[0] for line in lines] == [
        "prism.yaml:1:1",
        "prism.yaml:3:3",
        "prism.yaml:4:3",
        "prism.yaml:6:3",
        "prism.yaml:7:3",
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "{}", "null", "server:\n"])
def test_an_empty_file_is_a_valid_configuration(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text).config == load(env={}).config


def test_without_a_file_everything_is_default() -> None:
    found = load(env={})
    server = found.config.server
    assert found.source is None
    assert (server.host, server.port, server.data_dir) == ("127.0.0.1", 8080, None)
    assert (server.default_request_timeout, server.stream_idle_timeout) == (60.0, 120.0)
    assert server.max_request_body_size == 20 * 1024 * 1024
    assert found.config.routing.failover.on_status_codes == (429, 500, 502, 503, 504)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    text = """\
server: {max_request_body_size: 1MiB, default_request_timeout: 1m30s, stream_idle_timeout: 0.5}
providers:
  b: {api_key: "${OPENAI_API_KEY}", headers: {x-team: blue, x-api-key: "env:K"}, models: [m1]}
  a: {type: groq, default_timeout: 500ms, auto_discover: yes}
model_map: {m: b, 4o: b/gpt-4o}
cost_tracking:
  unknown_models: allow
  custom_pricing: {m: {input_per_mtok: 0.1, output_per_mtok: 3, per_video_second: 0.5}}
ip_acl: {trusted_proxies: ["10.0.0.0/8", "::1"]}
"""
    config = loaded(tmp_path, text).config
    assert config.server.max_request_body_size == 1024 * 1024
    assert config.server.default_request_timeout == 90.0
    assert config.server.stream_idle_timeout == 0.5
    assert list(config.providers) == ["b", "a"]
    assert str(config.providers["b"].api_key) == "env:OPENAI_API_KEY"
    assert {k: str(v) for k, v in config.providers["b"].headers.items()} == {
        "x-team": "blue",
        "x-api-key": "env:K",
    }
    assert config.providers["a"].default_timeout == 0.5
    assert config.providers["a"].auto_discover is True
    assert config.model_map == {"m": "b", "4o": "b/gpt-4o"}
    pricing = config.cost_tracking.custom_pricing["m"]
    assert (str(pricing.input_per_mtok), str(pricing.output_per_mtok)) == ("0.1", "3")
    assert pricing.rates() == {
        Unit.INPUT: 100_000,
        Unit.OUTPUT: 3_000_000,
        Unit.VIDEO: 500_000_000_000,
    }
    assert config.cost_tracking.unknown_models == "allow"
    assert config.ip_acl.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_json_is_yaml(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"server": {"port": 1}}), "prism.json")
    assert load(path, env={}).config.server.port == 1


class TestPrecedence:
    def test_flag_over_variable_over_file_over_default(self, tmp_path: Path) -> None:
        path = write(tmp_path, "server: {port: 1, host: 127.0.0.9}\n")
        env = {"PRISM_PORT": "2", "PRISM_LOG_LEVEL": "debug", "PRISM_HOST": ""}
        config = load(path, env=env, overrides={("server", "port"): 3}).config
        assert (config.server.port, config.server.host) == (3, "127.0.0.9")
        assert load(path, env=env).config.server.port == 2
        assert config.logging.level == "debug"

    def test_variables_name_the_file_and_the_data_directory(self, tmp_path: Path) -> None:
        path = write(tmp_path, "server: {port: 1}\n")
        env = {"PRISM_CONFIG": str(path), "PRISM_DATA_DIR": str(tmp_path / "d")}
        found = load(env=env)
        assert (found.source, found.config.server.port) == (path, 1)
        assert found.config.server.data_path() == tmp_path / "d"

    def test_a_path_in_a_flag_is_relative_to_the_working_directory(self) -> None:
        found = load(env={}, overrides={("server", "data_dir"): Path("here")})
        assert found.config.server.data_dir == Path.cwd() / "here"

    def test_an_error_names_the_variable_or_the_flag(self, tmp_path: Path) -> None:
        path = write(tmp_path, "zzz: 1\n")
        with pytest.raises(ConfigError) as caught:
            load(path, env={"PRISM_PORT": "http"}, overrides={("server", "host"): "a:1"})
        assert caught.value.problems == [
            f'{path}:1:1 unknown key "zzz"',
            "PRISM_PORT: server.port must be a whole number",
            "--host: server.host must be an IP address or a host name, without port or brackets",
        ]

    @pytest.mark.parametrize("name", ["PRISM_HOST", "PRISM_DATA_DIR", "PRISM_LOG_LEVEL"])
    def test_bytes_that_are_no_text_are_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"{name}: "):
            load(env={name: "/\udcff"})

    def test_a_flag_does_not_hide_that_its_section_is_wrong(self, tmp_path: Path) -> None:
        path = write(tmp_path, "server: []\n")
        with pytest.raises(ConfigError, match="server must be a mapping"):
            load(path, env={}, overrides={("server", "port"): 1})


class TestDirectory:
    def test_files_are_merged_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        write(tmp_path, "providers: {z: {}}\nserver: {port: 1}\n", "10-base.yaml")
        write(tmp_path, "providers: {a: {}}\nserver: {host: localhost}\n", "20-more.yml")
        write(tmp_path, "not: read", ".hidden.yaml")
        write(tmp_path, "not: read", "notes.txt")
        config = load(tmp_path, env={}).config
        assert list(config.providers) == ["z", "a"]
        assert (config.server.port, config.server.host) == (1, "localhost")

    def test_the_same_setting_twice_is_an_error(self, tmp_path: Path) -> None:
        write(tmp_path, "server: {port: 1}\n", "a.yaml")
        write(tmp_path, "server:\n  port: 1\n", "b.yaml")
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, env={})
        first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
        assert caught.value.problems == [f'{second}:2:3 "port" is already set in {first}:1:10']

    def test_problems_of_all_files_are_told_in_their_order(self, tmp_path: Path) -> None:
        write(tmp_path, "a: [", "b.yaml")
        write(tmp_path, "# one\n\nzzz: 1\n", "a.yaml")
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, env={})
        assert [line.split(" ")[0] for line in caught.value.problems] == [
            f"{tmp_path}/a.yaml:3:1",
            f"{tmp_path}/b.yaml:1:5",
        ]

    def test_an_empty_directory_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"holds no file that ends in \.yaml"):
            load(tmp_path, env={})


class TestUnreadable:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"prism\.yaml cannot be read: no such file"):
            load(tmp_path / "prism.yaml", env={})

    def test_too_large(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "#" * (1024 * 1024 + 1)) == [
            "prism.yaml is larger than 1048576 bytes"
        ]

    def test_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "prism.yaml"
        path.write_bytes(b"server:\n  host: \xff\n")
        with pytest.raises(ConfigError) as caught:
            load(path, env={})
        assert caught.value.problems == [f"{path}:2:9 is not UTF-8 text"]

    def test_a_byte_order_mark_is_harmless(self, tmp_path: Path) -> None:
        path = tmp_path / "prism.yaml"
        path.write_bytes(b"\xef\xbb\xbfserver: {port: 1}\n")
        assert load(path, env={}).config.server.port == 1


class TestExplain:
    def test_a_problem_found_later_gets_its_line(self, tmp_path: Path) -> None:
        found = loaded(tmp_path, "providers:\n  x:\n    type: nope\n  y: {}\n")
        error = found.explain(
            ConfigProblem(("providers", "y", "base_url"), "second"),
            ConfigProblem(("providers", "x", "type"), "first"),
        )
        source = tmp_path / "prism.yaml"
        assert error.problems == [f"{source}:3:5 first", f"{source}:4:3 second"]
        assert found.where(("providers", "x", "type")) == f"{source}:3:5"

    def test_what_was_not_written_is_at_the_start_of_the_file(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, "# nothing").where(("admin", "token")).endswith("prism.yaml:1:1")

    def test_without_a_file(self) -> None:
        error = load(env={}).explain(ConfigProblem(("admin", "token"), "is missing"))
        assert error.problems == ["default configuration: is missing"]


CANARY = "caNARy-5up3r"
SETTINGS = [
    ("server",),
    ("server", "host"),
    ("server", "port"),
    ("server", "data_dir"),
    ("server", "allowed_hosts"),
    ("server", "max_request_body_size"),
    ("server", "shutdown_timeout"),
    ("server", "tls"),
    ("server", "tls", "key_file"),
    ("server", "unknown"),
    ("providers", "x"),
    ("providers", "x", "type"),
    ("providers", "x", "api_format"),
    ("providers", "x", "api_key"),
    ("providers", "x", "models"),
    ("providers", "x", "headers"),
    ("providers", "x", "headers", "authorization"),
    ("providers", "x", "headers", "x-api-key"),
    ("providers", "x", "default_timeout"),
    ("providers", "x", "aws_secret_access_key"),
    ("model_map",),
    ("auth", "enabled"),
    ("auth", "keys"),
    ("admin", "token"),
    ("routing", "model_timeouts", "m"),
    ("routing", "failover", "on_status_codes"),
    ("cors", "allowed_origins"),
    ("logging", "level"),
    ("cost_tracking", "custom_pricing", "m"),
    ("cost_tracking", "custom_pricing", "m", "input_per_mtok"),
    ("ip_acl", "trusted_proxies"),
    ("redis", "password"),
]
SHAPES = ["{}", "[{}]", "!{}", "!a!{}", "*{}", "'{}", "env:{}!", "file:{}", "{{x: {}}}", "%{}"]


@pytest.mark.parametrize("setting", SETTINGS, ids=".".join)
def test_no_error_quotes_a_value(tmp_path: Path, setting: tuple[str, ...]) -> None:
    for shape in SHAPES:
        value = shape.format(CANARY)
        lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(setting)]
        text = "\n".join(lines) + f" {value}\n"
        told = ""
        try:
            loaded(tmp_path, text)
        except ConfigError as error:
            told = str(error)
        assert CANARY.lower() not in told.lower(), text


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "fuzz.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path, env={})
    except ConfigError as error:
        assert all(line.startswith(f"{path}:") for line in error.problems)  # noqa: PT017
