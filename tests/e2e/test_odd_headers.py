"""Header values that once were a 500: each is refused by name, or means nothing."""

import pytest

from tests.daemon_process import Daemon, Key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-prism-request-timeout", b"9" * 5000),
        ("x-prism-request-timeout", "²".encode("latin-1")),
        ("x-prism-fake-latency", b"\xe9"),
        ("x-agentcc-fake-latency", b"\xe9"),
    ],
)
def test_a_bad_header_of_ours_is_400(daemon: Daemon, key: Key, name: str, value: bytes) -> None:
    body = {"model": "mock/echo", "messages": [{"role": "user", "content": "x"}]}
    headers = [(b"authorization", f"Bearer {key.secret}".encode()), (name.encode(), value)]
    with daemon.client() as client:
        answer = client.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_header"


def test_an_endless_last_event_id_means_nothing(daemon: Daemon) -> None:
    headers = {"last-event-id": "9" * 5000}
    with daemon.admin.stream("GET", "/-/events", headers=headers) as feed:
        assert feed.status_code == 200
