"""What should be looked after: at the gateway, and what only this machine can see."""

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prismctl import __version__, clock, contexts
from prismctl.contexts import Context
from tests.certificates import certify
from tests.prismctl.stub import Canned, StubGateway
from tests.prismctl.support import PEOPLE, PIPE, Run

ON_TIME = "Mon, 23 Nov 2026 12:00:02 GMT"


def check(id_: str, state: str = "ok", fix: str | None = None) -> dict[str, Any]:
    return {"id": id_, "state": state, "message": f"{id_} is {state}", "fix": fix}


def told(stub: StubGateway, *checks: dict[str, Any], date: str = ON_TIME) -> None:
    answer = {"object": "doctor", "is_well": True, "checks": list(checks)}
    stub.on("GET", "/-/doctor", Canned(answer, headers={"date": date}))
    stub.on("GET", "/-/capabilities", {"version": __version__})


def here(cli: Run, *words: str) -> dict[str, dict[str, Any]]:
    answer = json.loads(cli("doctor", "-o", "json", *words).out)
    return {row["id"]: row for row in answer["client_checks"]}


def test_what_failed_comes_first_and_a_fix_is_never_cut(cli: Run, stub: StubGateway) -> None:
    long = "set server.limits.max_request_body_bytes in prism.yaml to a number " * 3
    told(stub, check("a"), check("b", "warning", "w"), check("c", "failed", long.strip()))
    result = cli("doctor", terminal=PEOPLE)
    assert result.code == 8
    lines = result.out.splitlines()
    assert lines[0] == "Failed"
    assert f"fix: {long.strip()}" in lines[2]
    assert lines.index("Worth a look") < lines.index("Well")
    assert lines[-1].startswith("7 checks: 1 failed, 1 warning, 5 ok")
    assert "not well: c" in result.err


def test_a_warning_is_no_failure(cli: Run, stub: StubGateway) -> None:
    told(stub, check("a", "warning", "w"))
    assert cli("doctor").code == 0


def test_probe_is_asked_for(cli: Run, stub: StubGateway) -> None:
    told(stub)
    cli("doctor")
    assert stub.sent[0].query == ""
    cli("doctor", "--probe")
    assert [one.query for one in stub.sent if one.path == "/-/doctor"][-1] == "probe=true"


def test_json_is_the_answer_and_beside_it_what_this_machine_sees(
    cli: Run, stub: StubGateway
) -> None:
    told(stub, check("a"))
    answer = json.loads(cli("doctor", "-o", "json").out)
    checks = answer.pop("client_checks")
    told_there = stub.answers["GET", "/-/doctor"][0]
    assert isinstance(told_there, Canned)
    assert answer == told_there.body
    assert [row["id"] for row in checks] == [
        "client.gateway", "client.secrets", "client.versions", "client.clock"
    ]  # fmt: skip
    assert {row["state"] for row in checks} == {"ok"}


def test_the_other_formats_have_all_rows(cli: Run, stub: StubGateway) -> None:
    told(stub, check("a"))
    assert cli("doctor", "-o", "name").out.splitlines()[:2] == ["a", "client.gateway"]
    assert cli("doctor", "-o", "csv").out.count("\n") == 6


@pytest.mark.parametrize(
    ("date", "state", "words"),
    [
        (ON_TIME, "ok", "agree"),
        ("Mon, 23 Nov 2026 12:01:30 GMT", "warning", "90 s ahead of this one"),
        ("Mon, 23 Nov 2026 11:00:00 GMT", "warning", "3,600 s behind this one"),
    ],
)
def test_clocks_are_compared(
    cli: Run, stub: StubGateway, date: str, state: str, words: str
) -> None:
    told(stub, date=date)
    found = here(cli)["client.clock"]
    assert (found["state"], words in found["message"]) == (state, True)


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_a_gateway_that_tells_no_time_is_not_judged(
    cli: Run, stub: StubGateway, headers: dict[str, str]
) -> None:
    told(stub)
    stub.on("GET", "/-/doctor", Canned({"checks": []}, headers=headers))
    assert "client.clock" not in here(cli)


def test_other_versions_are_a_warning(cli: Run, stub: StubGateway) -> None:
    told(stub)
    stub.on("GET", "/-/capabilities", {"version": "9.9.9"})
    found = here(cli)["client.versions"]
    assert found["state"] == "warning"
    assert found["fix"] == f"install prismctl 9.9.9 here, or {__version__} there"


def test_every_file_with_a_secret_is_looked_at_whichever_context_refers_to_it(
    cli: Run, stub: StubGateway, tmp_path: Path
) -> None:
    told(stub)
    other = tmp_path / "other"
    other.write_text("secret")
    other.chmod(0o644)
    far = Context(name="far", url="https://far.example", token=f"file:{other}", key="file:/gone")
    contexts.save(contexts.load().with_context(far))
    result = cli("doctor", "-o", "json")
    assert result.code == 8
    rows = [row for row in json.loads(result.out)["client_checks"] if row["state"] != "ok"]
    assert [row["state"] for row in rows] == ["warning", "failed"]
    assert rows[1]["fix"] == f"chmod 600 {other}"


def test_a_gateway_that_is_gone_is_a_finding_and_6(cli: Run, stub: StubGateway) -> None:
    stub.close()
    result = cli("doctor", "-o", "json")
    assert result.code == 6
    answer = json.loads(result.out)
    assert (answer["is_well"], answer["checks"]) == (False, [])
    [gateway] = [row for row in answer["client_checks"] if row["id"] == "client.gateway"]
    assert gateway["state"] == "failed"
    assert "prismctl up" in gateway["fix"]


def test_without_a_token_it_is_3(cli: Run, stub: StubGateway) -> None:
    result = cli("doctor", "--url", "http://localhost:1", terminal=PEOPLE)
    assert result.code == 3
    assert "✕ failed   client.gateway" in result.out
    assert "fix: prismctl auth login" in result.out


def test_a_token_that_travels_in_the_clear_is_told(
    cli: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(stub)
    assert "client.tls" not in here(cli)
    monkeypatch.setenv("PRISMCTL_TOKEN", "t")
    # Another name of this machine that is not known to be it.
    url = stub.url.replace("127.0.0.1", "127.0.0.2")
    found = here(cli, "--url", url)["client.tls"]
    assert found["state"] == "warning"


def test_the_days_of_a_certificate_are_told(
    cli: Run, stub: StubGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    stub.encrypt(context)
    told(stub)
    stub.on("GET", "/healthz", {})
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("PRISMCTL_TOKEN", "t")
    # Certificates are made for the real date.
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC))
    url = stub.url.replace("http://127.0.0.1", "https://localhost")
    found = here(cli, "--url", url)["client.tls"]
    assert found["state"] == "warning"
    assert found["message"] == "the certificate of localhost holds for 7 more days"
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) - timedelta(days=30))
    assert here(cli, "--url", url)["client.tls"]["state"] == "ok"


def test_hostile_text_is_shown_and_not_obeyed(cli: Run, stub: StubGateway) -> None:
    told(stub, check("x\x1b[2J", "failed", "run \x1b]0;owned\x07\u202e"))
    for terminal in (PIPE, PEOPLE):
        result = cli("doctor", terminal=terminal)
        assert not set(result.out + result.err) & set("\x1b\x07\u202e")
        assert "run \\x1b]0;owned\\x07\\u202e" in result.out
