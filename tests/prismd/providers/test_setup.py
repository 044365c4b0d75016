"""From a section of the configuration to a vendor: which table, where, and which credential."""

import asyncio
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from prismd.config.problem import ConfigProblem
from prismd.config.providers import ProviderConfig
from prismd.dialects.base import HttpCall
from prismd.kernel.outbound import Outbound
from prismd.providers.base import ProviderSpec
from prismd.providers.registry import ALL
from prismd.providers.sender import HttpUpstream
from prismd.providers.setup import Connection, connect
from prismd.wire.call import DialectName, Op


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk-1")


@pytest.fixture
def account(tmp_path: Path) -> str:
    return str(key_file(tmp_path))


def key_file(folder: Path, **fields: object) -> Path:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = folder / "account.json"
    known = {
        "type": "service_account",
        "project_id": "acme-ai",
        "client_email": "prism@acme-ai.iam.gserviceaccount.com",
        "private_key": pem,
    }
    file.write_text(json.dumps(known | fields))
    file.chmod(0o600)
    return file


def connected(outbound: Outbound, **section: object) -> Connection:
    return connect("x", ProviderConfig.model_validate(section), timeout_s=5, outbound=outbound)


def problem(outbound: Outbound, **section: object) -> ConfigProblem:
    with pytest.raises(ConfigProblem) as caught:
        connected(outbound, **section)
    return caught.value


def head(
    reached: Connection, op: Op = Op.CHAT, model: str = "m", *, is_stream: bool = False
) -> str:
    """Return the head of a call as it would be sent, in lower case but for its first line."""
    assert isinstance(reached.upstream, HttpUpstream)
    endpoint = reached.spec.endpoint(op, model)
    assert endpoint is not None
    path = endpoint.path_for(model, is_stream=is_stream)
    text = reached.upstream._head(HttpCall("POST", path, b"{}")).decode()
    first, _, rest = text.partition("\r\n")
    return f"{first}\r\n{rest.lower()}"


MODELS = {"models": ("m",)}


@pytest.mark.parametrize(
    ("section", "first", "credential"),
    [
        (
            {"type": "anthropic", "api_key": "env:KEY"},
            "/v1/messages",
            "x-api-key: sk-1\r\n",
        ),
        (
            {"type": "gemini", "api_key": "env:KEY"},
            "/v1beta/models/m:generateContent",
            "x-goog-api-key: sk-1\r\n",
        ),
        (
            {"type": "gemini", "api_key": "env:KEY", "api_format": "openai"},
            "/v1beta/openai/chat/completions",
            "authorization: bearer sk-1\r\n",
        ),
        ({"type": "cohere", "api_key": "env:KEY"}, "/v2/chat", "authorization: bearer sk-1\r\n"),
        (
            {"type": "bedrock", "api_key": "env:KEY", "aws_region": "eu-west-1", **MODELS},
            "/model/m/converse",
            "host: bedrock-runtime.eu-west-1.amazonaws.com\r\n",
        ),
        (
            {"type": "vertex", "api_key": "env:KEY", **MODELS},
            "/v1/publishers/google/models/m:generateContent",
            "x-goog-api-key: sk-1\r\n",
        ),
        (
            {
                "type": "azure",
                "api_key": "env:KEY",
                "base_url": "https://a.openai.azure.com",
                **MODELS,
            },
            "/openai/v1/chat/completions",
            "api-key: sk-1\r\n",
        ),
        (
            {
                "type": "azure",
                "api_key": "env:KEY",
                "base_url": "https://a.openai.azure.com/",
                "api_version": "2024-10-21",
                "auth_type": "bearer",
                **MODELS,
            },
            "/openai/deployments/m/chat/completions?api-version=2024-10-21",
            "authorization: bearer sk-1\r\n",
        ),
        (
            {
                "type": "azure",
                "api_key": "env:KEY",
                "base_url": "https://a.openai.azure.com/openai/v1",
                "api_version": "2025-01-01-preview",
                **MODELS,
            },
            "/openai/deployments/m/chat/completions?api-version=2025-01-01-preview",
            "api-key: sk-1\r\n",
        ),
        (
            {"type": "openai", "base_url": "http://h:1", "api_format": "anthropic"},
            "/v1/messages",
            "anthropic-version: 2023-06-01\r\n",
        ),
        (
            {"type": "openai", "base_url": "http://h:1", "api_format": "gemini"},
            "/v1beta/models/m:generateContent",
            "host: h:1\r\n",
        ),
        (
            {"type": "deepseek", "api_key": "env:KEY", "api_format": "anthropic"},
            "/anthropic/v1/messages",
            "x-api-key: sk-1\r\n",
        ),
        (
            {"type": "fake", "base_url": "http://127.0.0.1:9", "api_format": "cohere"},
            "/v2/chat",
            "host: 127.0.0.1:9\r\n",
        ),
        (
            {"type": "fake", "base_url": "http://127.0.0.1:9", "api_format": "bedrock"},
            "/model/m/converse",
            "host: 127.0.0.1:9\r\n",
        ),
        (
            {
                "type": "openai",
                "base_url": "http://h",
                "api_format": "anthropic",
                "api_key": "env:KEY",
                "auth_type": "bearer",
            },
            "/v1/messages",
            "authorization: bearer sk-1\r\n",
        ),
    ],
)
def test_a_call_goes_where_the_vendor_is(
    outbound: Outbound, section: dict[str, object], first: str, credential: str
) -> None:
    sent = head(connected(outbound, **section))
    assert sent.startswith(f"POST {first} HTTP/1.1\r\n")
    assert f"\r\n{credential}" in sent
    carried = ("authorization:", "x-api-key:", "api-key:", "x-goog-api-key:")
    lines = [line for line in sent.split("\r\n") if line.startswith(carried)]
    assert len(lines) == ("api_key" in section)


@pytest.mark.parametrize(
    ("location", "host", "place"),
    [
        (None, "aiplatform.googleapis.com", "global"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com", "europe-west4"),
    ],
)
def test_vertex_is_where_the_project_is(
    outbound: Outbound, account: str, location: str | None, host: str, place: str
) -> None:
    section = {"type": "vertex", "credentials_file": account, "location": location, **MODELS}
    sent = head(connected(outbound, **section), is_stream=True)
    path = f"/v1/projects/acme-ai/locations/{place}"
    google = f"{path}/publishers/google/models/m:streamGenerateContent?alt=sse"
    assert sent.startswith(f"POST {google} HTTP/1.1\r\n")
    assert f"host: {host}\r\n" in sent
    own = head(connected(outbound, **section, project="other"))
    assert "/projects/other/" in own


@pytest.mark.parametrize(
    ("op", "model", "is_stream", "path"),
    [
        (Op.CHAT, "claude-x@1", False, "publishers/anthropic/models/claude-x%401:rawPredict"),
        (Op.CHAT, "claude-x@1", True, "publishers/anthropic/models/claude-x%401:streamRawPredict"),
        (Op.COUNT_TOKENS, "claude-x", False, "publishers/anthropic/models/count-tokens:rawPredict"),
        (Op.COUNT_TOKENS, "m", False, "publishers/google/models/m:countTokens"),
        (Op.CHAT, "meta/llama", True, "endpoints/openapi/chat/completions"),
    ],
)
def test_vertex_has_each_publishers_models_where_they_are(
    outbound: Outbound, account: str, op: Op, model: str, path: str, *, is_stream: bool
) -> None:
    section = {"type": "vertex", "credentials_file": account, **MODELS}
    base = "https://aiplatform.googleapis.com/v1/projects/acme-ai/locations/global"
    for base_url in (None, f"{base}/publishers/google"):
        reached = connected(outbound, **section, base_url=base_url)
        sent = head(reached, op, model, is_stream=is_stream)
        assert sent.startswith(f"POST /v1/projects/acme-ai/locations/global/{path} HTTP/1.1")


async def test_an_access_key_signs_each_call(outbound: Outbound) -> None:
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "env:KEY")
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        section = {"type": "bedrock", "aws_region": "eu-west-1", **MODELS, **keys}
        reached = connected(outbound, base_url=f"http://127.0.0.1:{port}", **section)
        response = await reached.upstream.send(HttpCall("POST", "/model/m/converse", b""))
        assert await response.read() == b"{}"
    (sent,) = got
    assert sent.startswith(b"POST /model/m/converse HTTP/1.1\r\n")
    assert b"authorization: AWS4-HMAC-SHA256 Credential=sk-1/" in sent
    assert b"/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=" in sent
    assert sent.count(b"authorization:") == 1


def test_a_name_in_a_path_is_encoded_once(outbound: Outbound) -> None:
    section = {"type": "bedrock", "api_key": "env:KEY", "aws_region": "us-east-1", **MODELS}
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-v2:1"
    sent = head(connected(outbound, **section), model=arn)
    assert sent.startswith(
        "POST /model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2F"
        "us.anthropic.claude-v2%3A1/converse HTTP/1.1\r\n"
    )


def test_the_rules_of_openai_are_for_openai(outbound: Outbound) -> None:
    fields: dict[str, object] = {"max_tokens": 1}
    for base_url in ("https://api.openai.com/v1", "https://eu.api.openai.com/v1", None):
        spec = connected(outbound, api_key="env:KEY", base_url=base_url).spec
        changed = dict(fields)
        spec.rules.apply("gpt-5", changed)
        assert changed == {"max_completion_tokens": 1}
    for base_url in ("http://127.0.0.1:9", "https://notapi.openai.com.example/v1"):
        spec = connected(outbound, base_url=base_url).spec
        changed = dict(fields)
        spec.rules.apply("gpt-5", changed)
        assert changed == fields
        assert list(spec.ops) == [Op.CHAT]


def test_text_completions_are_for_models_that_have_them(outbound: Outbound) -> None:
    spec = connected(outbound, api_key="env:KEY").spec
    assert spec.endpoint(Op.COMPLETIONS, "gpt-3.5-turbo-instruct") is not None
    assert spec.endpoint(Op.COMPLETIONS, "gpt-4o") is None


@pytest.mark.parametrize(
    ("api_version", "path"),
    [
        (None, "/openai/v1/completions"),
        (
            "2024-10-21",
            "/openai/deployments/gpt-35-turbo-instruct/completions?api-version=2024-10-21",
        ),
    ],
)
def test_azure_completes_text_where_the_model_does(
    outbound: Outbound, api_version: str | None, path: str
) -> None:
    reached = connected(
        outbound,
        type="azure",
        api_key="env:KEY",
        base_url="https://a.openai.azure.com",
        api_version=api_version,
        models=["gpt-35-turbo-instruct", "mine"],
    )
    sent = head(reached, Op.COMPLETIONS, "gpt-35-turbo-instruct")
    assert sent.startswith(f"POST {path} HTTP/1.1\r\n")
    fields: dict[str, object] = {"max_tokens": 1}
    reached.spec.rules.apply("gpt-35-turbo-instruct", fields)
    assert fields == {"max_tokens": 1}
    assert reached.spec.endpoint(Op.COMPLETIONS, "mine") is None


def test_who_is_not_to_be_asked_need_not_list(outbound: Outbound) -> None:
    section = {"type": "bedrock", "api_key": "env:KEY", "aws_region": "us-east-1"}
    assert connected(outbound, **section, auto_discover=False).spec.listing is None


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "google", "bedrock", "cohere"])
def test_the_fake_inside_speaks_each_dialect(outbound: Outbound, dialect: str) -> None:
    reached = connected(outbound, type="fake", api_format=dialect)
    assert reached.base_url is None
    assert reached.spec.dialect == DialectName(dialect)
    assert reached.spec.lists_prefixed
    assert reached.spec.facts is not None


@pytest.mark.parametrize(
    ("section", "setting", "says"),
    [
        ({"type": "bedrock", "api_key": "env:KEY", **MODELS}, None, "needs an aws_region"),
        ({"type": "bedrock", "aws_region": "us-east-1", **MODELS}, None, "env:AWS_BEARER_TOKEN"),
        ({"type": "bedrock", "api_key": "env:KEY", "aws_region": "r"}, None, "list its models"),
        (
            {"type": "bedrock", "aws_region": "r", "aws_access_key_id": "env:KEY", **MODELS},
            None,
            "needs aws_access_key_id, aws_secret_access_key and aws_region together",
        ),
        ({"type": "vertex", "project": "p", **MODELS}, None, "needs a credentials_file"),
        ({"type": "vertex", **MODELS}, None, "needs a project"),
        (
            {"type": "vertex", "credentials_file": "/nowhere/a.json", **MODELS},
            "credentials_file",
            "no such file",
        ),
        ({"type": "anthropic"}, None, "env:ANTHROPIC_API_KEY"),
        ({"type": "groq", "aws_region": "us-east-1"}, "aws_region", "is of no use to Groq"),
        ({"type": "groq", "project": "p"}, "project", "is of no use to Groq"),
        ({"type": "groq", "api_version": "2024-10-21"}, "api_version", "is of no use to Groq"),
        (
            {"type": "groq", "api_key": "env:KEY", "api_format": "anthropic"},
            "api_format",
            "give the base_url",
        ),
        (
            {
                "type": "bedrock",
                "api_key": "env:KEY",
                "aws_region": "r",
                "auto_discover": True,
                **MODELS,
            },
            "auto_discover",
            "cannot be asked",
        ),
        ({"type": "azure", "api_key": "env:KEY"}, None, "base_url"),
    ],
)
def test_what_does_not_fit_together_is_told(
    outbound: Outbound, section: dict[str, object], setting: str | None, says: str
) -> None:
    found = problem(outbound, **section)
    assert says in str(found)
    assert found.path == ("providers", "x", *([setting] if setting else []))
    assert str(found).startswith("providers.x")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"private_key": "sEcr3t"}, "no RSA key"),
        ({"private_key": "", "client_email": ""}, "service_account or authorized_user"),
        ({"token_uri": "not a url"}, "token_uri"),
    ],
)
def test_a_key_file_that_is_none_is_told_without_its_contents(
    outbound: Outbound, tmp_path: Path, fields: dict[str, object], says: str
) -> None:
    file = key_file(tmp_path, **fields)
    found = problem(outbound, type="vertex", credentials_file=str(file), **MODELS)
    assert says in str(found)
    assert "sEcr3t" not in str(found)


def test_a_key_file_that_others_can_read_is_refused(outbound: Outbound, tmp_path: Path) -> None:
    file = key_file(tmp_path)
    file.chmod(0o644)
    found = problem(outbound, type="vertex", credentials_file=str(file), **MODELS)
    assert "chmod 600" in str(found)


def test_two_credentials_are_one_too_many(outbound: Outbound, account: str) -> None:
    section = {"credentials_file": account, "api_key": "env:KEY", **MODELS}
    assert "leave one of them out" in str(problem(outbound, type="vertex", **section))


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.type)
def test_each_vendor_can_be_set_up(outbound: Outbound, spec: ProviderSpec, account: str) -> None:
    section: dict[str, object] = {"type": spec.type}
    if spec.type == "vertex":
        section |= {"credentials_file": account}
    elif spec.type == "bedrock":
        section |= {"aws_region": "us-east-1", "api_key": "env:KEY"}
    elif spec.api_key_env:
        section |= {"api_key": "env:KEY"}
    if spec.base_url is None and spec.type != "fake":
        section |= {"base_url": "https://h.example"}
    if spec.listing is None:
        section |= MODELS
    reached = connected(outbound, **section)
    if spec.type != "fake":
        assert head(reached).startswith("POST /")
