"""Which headers of a client go on to a vendor: those that the vendor's table or config names."""

from tests.conftest import StartDaemon
from tests.scripted_vendor import COMPLETION, plain, scripted_vendor

SAID = {
    "Anthropic-Beta": "context-1m",
    "OpenAI-Beta": "assistants=v2",
    "OpenAI-Organization": "org-1",
    "OpenAI-Project": "proj-1",
    "X-Team": "blue",
    "X-Other": "no",
    "Cookie": "a=b",
}


def test_only_what_is_named_goes_on(start: StartDaemon) -> None:
    with scripted_vendor() as vendor:
        vendor["m"] = [plain(COMPLETION)]
        box = f"{{type: openai, base_url: {vendor.url}, models: [m], pass_headers: [X-Team]}}"
        daemon = start(f"providers:\n  box: {box}\n")
        answer = daemon.chat(daemon.create_key(), "m", headers=SAID)
        assert answer.status_code == 200, answer.text
    (head,) = vendor.heads
    assert head["openai-beta"] == "assistants=v2"
    assert head["x-team"] == "blue"
    others = {"anthropic-beta", "openai-organization", "openai-project", "x-other", "cookie"}
    assert not others & set(head)


def test_what_cannot_be_passed_on_is_refused(start: StartDaemon) -> None:
    with scripted_vendor() as vendor:
        box = f"{{type: openai, base_url: {vendor.url}, models: [m], pass_headers: [X-Team]}}"
        daemon = start(f"providers:\n  box: {box}\n")
        key = f"Bearer {daemon.create_key().secret}".encode()
        answer = daemon.admin.post(
            "/v1/chat/completions",
            json={"model": "m", "messages": [{"role": "user", "content": "x"}]},
            headers={b"authorization": key, b"x-team": b"bl\xfc"},
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "x-team"
    assert vendor.heads == []
