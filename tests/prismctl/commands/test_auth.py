import json
from pathlib import Path

import pytest

from prismctl import contexts
from tests.prismctl import stub as canned
from tests.prismctl.stub import StubGateway, listing
from tests.prismctl.support import Run

BACKEND = "tests.prismctl.keyrings.Memory"


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    stub.on("GET", "/-/capabilities", {"version": "0.1.0"})
    stub.on("GET", "/v1/models", listing())
    return stub


def test_login_keeps_the_token_in_a_private_file_and_says_so(
    cli: Run, gateway: StubGateway, config_dir: Path
) -> None:
    result = cli("auth", "login", stdin="new-token\n")
    assert (result.code, result.out) == (0, "")
    assert "warning:" in result.err
    assert "kept as plain text" in result.err
    path = config_dir / "credentials" / "stub.token"
    assert path.read_text() == "new-token\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert contexts.load().get("stub").token == f"file:{path}"
    assert gateway.last("GET").headers["authorization"] == "Bearer new-token"


def test_a_token_that_is_not_accepted_is_not_kept(
    cli: Run, gateway: StubGateway, config_dir: Path
) -> None:
    before = contexts.load()
    gateway.on("GET", "/-/capabilities", canned.error(401, "invalid_admin_token", "Unknown."))
    result = cli("auth", "login", stdin="wrong")
    assert result.code == 3
    assert contexts.load() == before
    assert not (config_dir / "credentials").exists()


def test_login_with_a_key_checks_it_where_keys_are_used(cli: Run, gateway: StubGateway) -> None:
    assert cli("auth", "login", "--key", "--storage", "file", stdin="sk-prism-x").code == 0
    assert gateway.last("GET").path == "/v1/models"
    assert str(contexts.load().get("stub").key).endswith("credentials/stub.key")


def test_login_makes_a_context_for_a_new_url(cli: Run, gateway: StubGateway) -> None:
    url = gateway.url.replace("127.0.0.1", "localhost")
    assert cli("auth", "login", "--url", url, "--context", "prod", stdin="t").code == 0
    assert contexts.load().get("prod").url == url
    assert contexts.load().current == "stub"


def test_the_keyring_is_used_where_there_is_one(
    cli: Run, gateway: StubGateway, monkeypatch: pytest.MonkeyPatch, config_dir: Path
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", BACKEND)
    import keyring

    keyring.set_keyring(keyring.core.load_keyring(BACKEND))
    result = cli("auth", "login", stdin="ring-token")
    assert "warning" not in result.err
    assert contexts.load().get("stub").token == "keyring:stub.token"
    assert not (config_dir / "credentials").exists()
    gateway.on("GET", "/-/models", listing())
    cli("models", "list")
    assert gateway.last("GET").headers["authorization"] == "Bearer ring-token"
    assert cli("auth", "logout").code == 0
    assert keyring.get_password("prismctl", "stub.token") is None
    assert contexts.load().get("stub").token is None


def test_a_keyring_that_was_asked_for_and_is_not_there_is_2(cli: Run, gateway: StubGateway) -> None:
    result = cli("auth", "login", "--storage", "keyring", stdin="t")
    assert result.code == 2
    assert "hint: prismctl auth login --storage file" in result.err


def test_a_keyring_that_hangs_is_given_up(
    cli: Run, gateway: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prismctl import credentials

    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "x")
    monkeypatch.setattr(credentials, "KEYRING_TIMEOUT_S", 0.05)
    import keyring

    from tests.prismctl.keyrings import Hanging

    hanging = Hanging()
    keyring.set_keyring(hanging)
    result = cli("auth", "login", stdin="t")
    hanging.release.set()
    assert result.code == 0
    assert "it does not answer; is it locked?" in result.err
    assert str(contexts.load().get("stub").token).startswith("file:")


def test_status_says_where_each_credential_is_and_whether_it_works(
    cli: Run, gateway: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRISMCTL_API_KEY", "sk-x")
    gateway.on("GET", "/v1/models", canned.error(401, "invalid_api_key", "Unknown key."))
    result = cli("auth", "status", "-o", "json")
    assert result.code == 8
    token, key = json.loads(result.out)["data"]
    assert token["state"] == "ok"
    assert token["source"].startswith("file:")
    assert (key["state"], key["source"], key["problem"]) == (
        "error",
        "env:PRISMCTL_API_KEY",
        "Unknown key.",
    )


def test_logout_leaves_files_that_are_not_ours(
    cli: Run, gateway: StubGateway, tmp_path: Path
) -> None:
    result = cli("auth", "logout")
    assert result.code == 0
    assert (tmp_path / "token").exists()
    assert "is not prismctl's own" in result.err
    assert contexts.load().get("stub").key is None
