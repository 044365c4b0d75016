"""What unknown, revoked, expired, blocked and misplaced credentials get."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.bad_input import CHAT, GOOD_BODY, KEYS, assert_refused, bearer, body_with, post, send
from tests.daemon_process import Daemon, Key
from tests.raw_http import request

pytestmark = pytest.mark.usefixtures("it_goes_on")

INVALID_KEYS = {
    "garbage": "xyz",
    "checksum": "sk-prism-" + "A" * 36,
    "no ascii": "sk-prism-\xff\xfe",
    "long": "sk-prism-" + "a" * 30_000,
}


@pytest.mark.parametrize("name", INVALID_KEYS)
def test_unknown_keys(daemon: Daemon, name: str) -> None:
    answer = send(daemon, post(CHAT, GOOD_BODY, bearer(INVALID_KEYS[name])))
    assert_refused(answer, 401, "invalid_api_key")
    answer = send(daemon, request(f"GET {KEYS}", bearer(INVALID_KEYS[name])))
    code = "api_key_on_admin" if INVALID_KEYS[name].startswith("sk-") else "invalid_admin_token"
    assert_refused(answer, 401, code)


def test_unknown_revoked_and_expired_keys_look_the_same(daemon: Daemon) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    expired, revoked = daemon.create_key(expires_at=past), daemon.create_key()
    assert expired.answer["is_expired"] is True
    daemon.admin.delete(f"{KEYS}/{revoked.id}").raise_for_status()
    other = revoked.secret[:-1] + ("a" if revoked.secret[-1] != "a" else "b")
    answers = [
        send(daemon, post(CHAT, GOOD_BODY, bearer(secret)))
        for secret in (expired.secret, revoked.secret, other)
    ]
    for answer in answers:
        assert_refused(answer, 401, "invalid_api_key")
    assert len({answer.body for answer in answers}) == 1


def test_a_blocked_key(daemon: Daemon, key: Key) -> None:
    daemon.admin.put(f"{KEYS}/{key.id}", json={"status": "blocked"}).raise_for_status()
    answer = send(daemon, post(CHAT, GOOD_BODY, bearer(key.secret)))
    assert_refused(answer, 403, "permission_denied", "key")
    daemon.admin.put(f"{KEYS}/{key.id}", json={"status": "active"}).raise_for_status()
    assert daemon.chat(key).status_code == 200


def test_a_key_in_the_wrong_place(daemon: Daemon, key: Key) -> None:
    assert_refused(send(daemon, post(CHAT, GOOD_BODY)), 401, "missing_api_key")
    for header in (f"Authorization: {key.secret}", f"Authorization: Basic {key.secret}"):
        assert_refused(send(daemon, post(CHAT, GOOD_BODY, header)), 401, "missing_api_key")
    asked = request(f"GET /v1/models?api_key={key.secret}&key={key.secret}")
    assert_refused(send(daemon, asked), 401, "missing_api_key")
    body = body_with(api_key=key.secret)
    assert_refused(send(daemon, post(CHAT, body)), 401, "missing_api_key")
    assert_refused(
        send(daemon, request(f"GET {KEYS}", bearer(key.secret))), 401, "api_key_on_admin"
    )
    assert_refused(
        send(daemon, post(CHAT, GOOD_BODY, bearer(daemon.admin_token))), 401, "admin_token_on_api"
    )
    assert_refused(
        send(daemon, post(CHAT, GOOD_BODY, f"x-api-key: {daemon.admin_token}")),
        401,
        "admin_token_on_api",
    )


def test_the_second_place_for_a_key(daemon: Daemon, key: Key) -> None:
    assert send(daemon, post(CHAT, GOOD_BODY, f"X-API-Key: {key.secret}")).status == 200
