"""What unknown, revoked, expired, blocked and misplaced credentials get."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.bad_input import (
    CHAT,
    COUNT_CONTENT,
    GENERATE,
    GOOD_BODY,
    GOODS,
    KEYS,
    MESSAGES,
    STREAM,
    assert_refused,
    bearer,
    body_with,
    dialect_of,
    good_body,
    post,
    send,
)
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


@pytest.mark.parametrize("path", GOODS)
def test_each_dialect_says_in_its_own_words_who_is_nobody(daemon: Daemon, path: str) -> None:
    dialect, body = dialect_of(path), good_body(path)
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    expired, revoked = daemon.create_key(expires_at=past), daemon.create_key()
    daemon.admin.delete(f"{KEYS}/{revoked.id}").raise_for_status()
    places = ("Authorization: Bearer", "x-api-key:", "x-goog-api-key:")
    for secret in (expired.secret, revoked.secret, *INVALID_KEYS.values()):
        for place in places:
            answer = send(daemon, post(path, body, f"{place} {secret}"))
            assert_refused(answer, 401, "invalid_api_key", dialect=dialect)
    assert_refused(send(daemon, post(path, body)), 401, "missing_api_key", dialect=dialect)


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


@pytest.mark.parametrize("path", GOODS)
def test_the_places_for_a_key(daemon: Daemon, key: Key, path: str) -> None:
    for header in (f"X-API-Key: {key.secret}", f"X-Goog-Api-Key: {key.secret}"):
        assert send(daemon, post(path, good_body(path), header)).status == 200


def test_of_several_keys_the_first_counts(daemon: Daemon, key: Key) -> None:
    """A placeholder behind it shuts nobody out; a valid one behind it lets nobody in."""
    good, bad = key.secret, "sk-ant-placeholder"
    query = f"{GENERATE}?key="
    for path, *headers in (
        (GENERATE, bearer(good), f"x-api-key: {bad}", f"x-goog-api-key: {bad}"),
        (GENERATE, f"x-api-key: {good}", f"x-goog-api-key: {bad}"),
        (GENERATE, "Authorization: Basic dTpw", f"x-goog-api-key: {good}"),
        (query + bad, f"x-goog-api-key: {good}"),
        (f"{query}{good}&key={bad}",),
    ):
        assert send(daemon, post(path, good_body(GENERATE), *headers)).status == 200
    for path, *headers in (
        (GENERATE, bearer(bad), f"x-api-key: {good}"),
        (GENERATE, f"x-api-key: {bad}", f"x-goog-api-key: {good}"),
        (query + good, f"x-goog-api-key: {bad}"),
        (f"{query}{bad}&key={good}",),
    ):
        answer = send(daemon, post(path, good_body(GENERATE), *headers))
        assert_refused(answer, 401, "invalid_api_key", dialect="google")


def test_a_key_in_the_query_opens_googles_api_only(daemon: Daemon, key: Key) -> None:
    for path in (GENERATE, f"{STREAM}?alt=sse", COUNT_CONTENT):
        mark = "&" if "?" in path else "?"
        url = f"{path}{mark}key={key.secret}"
        assert send(daemon, post(url, good_body(GENERATE))).status == 200
    for path in set(GOODS) - {GENERATE, STREAM, COUNT_CONTENT}:
        answer = send(daemon, post(f"{path}?key={key.secret}", good_body(path)))
        assert_refused(answer, 401, "missing_api_key", dialect=dialect_of(path))
    answer = send(daemon, request(f"GET {KEYS}?key={daemon.admin_token}"))
    assert_refused(answer, 401, "missing_admin_token")


def test_a_key_in_the_query_is_shown_nowhere(daemon: Daemon, key: Key) -> None:
    """Not in an answer, an error, the log, a trace, an event, nor in a file."""
    body = good_body(GENERATE)
    secret = key.secret.removeprefix("sk-prism-")
    with daemon.admin.stream("GET", "/-/events", params={"topics": "call", "key": key.id}) as feed:
        for path, status in (
            (GENERATE, 200),
            (STREAM, 200),
            ("/v1beta/models/nope:generateContent", 404),
            ("/v1beta/models/fake/echo:nothing", 404),
            ("/v1beta/nowhere", 404),
            ("/v1beta//nowhere", 400),
            (f"{MESSAGES}/nowhere", 404),
        ):
            answer = send(daemon, post(f"{path}?key={key.secret}", body))
            assert answer.status == status
            assert secret.encode() not in answer.body
            assert secret not in str(answer.headers)
        line = next(line for line in feed.iter_lines() if key.id in line)
    assert secret not in line
    listed = daemon.admin.get("/-/requests", params={"key": key.id, "limit": 50}).text
    assert key.id in listed
    assert secret not in listed + daemon.log
    for file in daemon.data_dir.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_a_key_is_no_part_of_what_an_idempotency_key_stands_for(daemon: Daemon, key: Key) -> None:
    body, once = good_body(GENERATE), "Idempotency-Key: in-the-query"
    first = send(daemon, post(f"{GENERATE}?key={key.secret}", body, once))
    assert first.status == 200
    again = send(daemon, post(f"{GENERATE}?key={key.secret}", body, once))
    assert (again.status, again.body) == (200, first.body)
