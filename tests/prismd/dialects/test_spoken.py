import pytest

from prismd.dialects.spoken import action_in, dialect_of

ANTHROPIC, GOOGLE = {b"anthropic-version": b"2023-06-01"}, {b"x-goog-api-client": b"genai"}


@pytest.mark.parametrize(
    ("method", "path", "head", "dialect"),
    [
        ("POST", "/v1/chat/completions", ANTHROPIC, "openai"),
        ("POST", "/v1/completions", GOOGLE, "openai"),
        ("POST", "/v1/messages", {}, "anthropic"),
        ("GET", "/v1/messages", GOOGLE, "anthropic"),
        ("POST", "/v1/messages/count_tokens", {}, "anthropic"),
        ("POST", "/v1/messages/nowhere", {}, "anthropic"),
        ("POST", "/v1/messagesx", {}, "openai"),
        ("POST", "/v1beta/models/a:generateContent", {}, "google"),
        ("GET", "/v1beta/nowhere", ANTHROPIC, "google"),
        ("POST", "/v1beta", {}, "openai"),
        ("POST", "/v1/models/a/b:c:generateContent", ANTHROPIC, "google"),
        ("POST", "/v1/models/a:nothing", {}, "google"),
        ("POST", "/v1/models/a:b/c", {}, "openai"),
        ("POST", "/v1/models/a", {}, "openai"),
        ("GET", "/v1/models/a:free", {}, "openai"),
        ("GET", "/v1/models", {}, "openai"),
        ("GET", "/v1/models", ANTHROPIC, "anthropic"),
        ("GET", "/v1/models/a", ANTHROPIC, "anthropic"),
        ("GET", "/v1/models", GOOGLE, "google"),
        ("GET", "/v1/models/a", {b"x-goog-api-key": b"k"}, "google"),
        ("GET", "/v1/modelsx", GOOGLE, "openai"),
        ("GET", "/-/keys", ANTHROPIC | GOOGLE, "openai"),
        ("", "", {}, "openai"),
    ],
)
def test_the_dialect_of_an_answer(
    method: str, path: str, head: dict[bytes, bytes], dialect: str
) -> None:
    assert dialect_of(method, path, head) == dialect


def test_an_action_is_what_follows_the_last_colon() -> None:
    assert action_in("/v1/models/a:b:countTokens") == "countTokens"
    assert action_in("/v1/models/a:") == ""
    assert action_in("/v1/models/a:b/c") is None
    assert action_in("/v1/models/a") is None
