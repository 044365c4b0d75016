from pathlib import Path

import pytest

from prismctl import contexts
from prismctl.exits import ExitCode
from tests.prismctl import stub as canned
from tests.prismctl.stub import StubGateway
from tests.prismctl.support import Run


def test_every_code_says_what_it_means_and_the_help_topic_lists_it(cli: Run) -> None:
    topic = cli("help", "exit-codes").out
    for code in ExitCode:
        assert code.__doc__
        assert f"{int(code):>3}  {code.__doc__}" in topic


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (500, "internal_error", ExitCode.FAILED),
        (502, "upstream_error", ExitCode.FAILED),
        (400, "unknown_field", ExitCode.USAGE),
        (401, "invalid_api_key", ExitCode.DENIED),
        (403, "permission_denied", ExitCode.DENIED),
        (404, "key_not_found", ExitCode.NOT_FOUND),
        (409, "key_revoked", ExitCode.CONFLICT),
        (412, "version_mismatch", ExitCode.CONFLICT),
        (402, "insufficient_credits", ExitCode.LIMIT_REACHED),
        (402, "ledger_mismatch", ExitCode.LIMIT_REACHED),
        (429, "budget_exceeded", ExitCode.LIMIT_REACHED),
        (403, "model_not_priced", ExitCode.DENIED),
        (409, "budget_exists", ExitCode.CONFLICT),
        (429, "rate_limit_exceeded", ExitCode.LIMIT_REACHED),
    ],
)
def test_an_error_of_the_gateway_ends_with_its_code(
    cli: Run, stub: StubGateway, status: int, code: str, exit_code: ExitCode
) -> None:
    stub.on("GET", "/-/models", canned.error(status, code, "No."))
    result = cli("models", "list")
    assert (result.code, result.out) == (exit_code, "")
    assert result.err.startswith("prismctl: error: No.\n")
    assert "request id: req_1" in result.err


@pytest.mark.parametrize(
    ("resets_at", "hint"),
    [
        ("2026-12-01T00:00:00Z", "hint: wait until 2026-12-01T00:00:00Z, or raise it: "),
        (None, "hint: raise it: "),
    ],
)
def test_a_budget_that_is_used_up_says_until_when_and_what_to_do(
    cli: Run, stub: StubGateway, resets_at: str | None, hint: str
) -> None:
    details = {"scope": "owner", "subject": "ana", "window": "daily", "resets_at": resets_at}
    refusal = canned.error(429, "budget_exceeded", "Spent.", **{"retry-after": "648000"})
    refusal.body["error"] |= details
    stub.on("POST", "/v1/chat/completions", refusal)
    result = cli("chat", "-m", "m", "hi")
    assert result.code == ExitCode.LIMIT_REACHED
    assert f"{hint}prismctl budgets set owner:ana USD/daily" in result.err


def test_ok_is_0(cli: Run, stub: StubGateway) -> None:
    stub.on("GET", "/-/models", canned.listing())
    assert cli("models", "list").code == ExitCode.OK


def test_a_wrong_command_line_is_2(cli: Run) -> None:
    assert cli("keys", "list", "--nonsense").code == ExitCode.USAGE


def test_no_credential_is_3(cli: Run) -> None:
    result = cli("keys", "list", "--url", "http://127.0.0.1:1")
    assert result.code == ExitCode.DENIED
    assert "hint: prismctl auth login" in result.err


def test_a_secret_file_open_to_others_is_2(cli: Run, stub: StubGateway, tmp_path: Path) -> None:
    (tmp_path / "token").chmod(0o644)
    result = cli("keys", "list")
    assert result.code == ExitCode.USAGE
    assert f"hint: chmod 600 {tmp_path / 'token'}" in result.err
    assert stub.sent == []


def test_an_unknown_context_is_4(cli: Run, stub: StubGateway) -> None:
    result = cli("keys", "list", "--context", "stb")
    assert result.code == ExitCode.NOT_FOUND
    assert "hint: did you mean stub?" in result.err


def test_nobody_there_is_6(cli: Run, stub: StubGateway) -> None:
    stub.close()
    result = cli("keys", "list")
    assert result.code == ExitCode.UNREACHABLE
    assert f"cannot reach {stub.url}" in result.err


def test_no_answer_in_time_is_6(cli: Run) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        contexts.save(contexts.Contexts().with_context(contexts.Context(name="x", url=url)))
        result = cli("api", "GET", "/healthz", "--token-file", "-", "--timeout", "0.1", stdin="t")
    assert result.code == ExitCode.UNREACHABLE
    assert "did not answer in time" in result.err


def test_a_failed_check_is_8_and_the_answer_is_printed_all_the_same(
    cli: Run, stub: StubGateway
) -> None:
    row = {"id": "groq", "type": "groq", "healthy": False, "state": "failing", "request_count": 9}
    stub.on("GET", "/-/health/providers", {"object": "list", "window_s": 300, "providers": [row]})
    result = cli("providers", "health", "-o", "name")
    assert (result.code, result.out) == (ExitCode.CHECK_FAILED, "groq\n")
    assert "prismctl: error: groq: failing" in result.err


def test_ctrl_c_is_130(cli: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    from prismctl.client.admin import Admin

    def interrupted(self: Admin) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Admin, "models", interrupted)
    assert cli("models", "list").code == ExitCode.INTERRUPTED
