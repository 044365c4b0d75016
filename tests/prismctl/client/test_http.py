"""Changes are sent under a key of their own, and again when their answer does not arrive."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prismctl.client import http
from prismctl.client.http import TRIES, Http
from prismctl.errors import ApiError, Unreachable
from tests.certificates import certify
from tests.keeping_vendor import keeping_vendor
from tests.prismctl.stub import Canned, StubGateway, error

CUT = Canned({}, is_cut=True)
IN_FLIGHT = error(409, "idempotency_in_flight", **{"retry-after": "1"})


@pytest.fixture
def client(stub: StubGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:
    monkeypatch.setattr(http, "TRY_AGAIN_S", 0.0)
    with Http(stub.url, token="t") as opened:
        yield opened


def keys_of(stub: StubGateway) -> list[str | None]:
    return [sent.headers.get("idempotency-key") for sent in stub.sent]


def test_each_change_has_a_key_of_its_own_and_a_read_has_none(
    client: Http, stub: StubGateway
) -> None:
    for method in ("POST", "PUT", "DELETE", "GET"):
        stub.on(method, "/-/x", {})
        client.request(method, "/-/x")
    stub.on("POST", "/v1/x", {})
    client.request("POST", "/v1/x")
    *changes, read, inference = keys_of(stub)
    assert len(set(changes)) == 3
    assert all(key and len(key) == 32 for key in changes)
    assert (read, inference) == (None, None)


def test_a_change_whose_answer_is_lost_is_sent_again_under_its_key(
    client: Http, stub: StubGateway
) -> None:
    stub.on("POST", "/-/keys", CUT, IN_FLIGHT, Canned({"id": "key_1"}, 201))
    assert client.request("POST", "/-/keys", body={"name": "x"}).object() == {"id": "key_1"}
    assert len(stub.sent) == 3
    assert len(set(keys_of(stub))) == 1
    assert len({sent.body for sent in stub.sent}) == 1


def test_it_ends_after_some_tries(client: Http, stub: StubGateway) -> None:
    stub.on("POST", "/-/keys", CUT)
    with pytest.raises(Unreachable):
        client.request("POST", "/-/keys", body={})
    assert len(stub.sent) == TRIES


@pytest.mark.parametrize("code", ["idempotency_outcome_unknown", "key_revoked"])
def test_another_refusal_is_the_answer(client: Http, stub: StubGateway, code: str) -> None:
    stub.on("POST", "/-/keys", error(409, code))
    with pytest.raises(ApiError):
        client.request("POST", "/-/keys", body={})
    assert len(stub.sent) == 1


def test_what_is_no_change_of_the_gateway_is_sent_once(client: Http, stub: StubGateway) -> None:
    for method, path in (("GET", "/-/keys"), ("POST", "/v1/chat/completions")):
        stub.on(method, path, CUT)
        with pytest.raises(Unreachable):
            client.request(method, path)
    assert len(stub.sent) == 2


def test_a_certificate_for_this_machine_is_trusted_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify(tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with keeping_vendor(tmp_path) as vendor:
        url = f"https://localhost:{vendor.port}"
        with Http(url, token="t") as stranger, pytest.raises(Unreachable, match="certificate"):
            stranger.request("GET", "/-/x")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with Http(url, token="t") as opened:
            assert opened.request("GET", "/-/x").status == 200
