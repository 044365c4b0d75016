import pytest

from prismd.kernel.secret import (
    ADMIN_PREFIX,
    KEY_PREFIX,
    Secret,
    digest,
    display,
    is_well_formed,
    new_token,
    same,
    seal,
    unseal,
)


@pytest.mark.parametrize("prefix", [KEY_PREFIX, ADMIN_PREFIX])
def test_a_new_token_is_well_formed_and_any_changed_character_is_noticed(prefix: str) -> None:
    token = new_token(prefix).reveal()
    assert is_well_formed(token)
    for place in range(len(prefix), len(token)):
        other = "A" if token[place] != "A" else "B"
        assert not is_well_formed(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("text", ["", "sk-prism-", "sk-openai-" + "a" * 36, "é" * 45])
def test_garbage_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)


def test_a_secret_does_not_show_itself() -> None:
    token = new_token(KEY_PREFIX)
    assert token.reveal() not in f"{token} {token!r} {[token]}"
    shown = display(token)
    assert shown.startswith(KEY_PREFIX)
    assert len(shown) < len(token.reveal())
    assert Secret("a") == Secret("a") != Secret("b")


def test_the_digest_depends_on_pepper_and_token() -> None:
    assert len(digest("a", b"p")) == 32
    assert len({digest("a", b"p"), digest("b", b"p"), digest("a", b"q")}) == 3
    assert digest("\udce9", b"p")


def test_same() -> None:
    assert same(b"abc", b"abc")
    assert not same(b"abc", b"abd")


def test_sealed_bytes_open_only_with_the_same_key_at_the_same_place() -> None:
    sealed = seal(b"k" * 32, b"value", where="meta|pepper|value")
    assert b"value" not in sealed
    assert unseal(b"k" * 32, sealed, where="meta|pepper|value") == b"value"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for key, data, where in [
        (b"x" * 32, sealed, "meta|pepper|value"),
        (b"k" * 32, sealed, "meta|other|value"),
        (b"k" * 32, changed, "meta|pepper|value"),
    ]:
        with pytest.raises(ValueError, match="cannot unseal"):
            unseal(key, data, where=where)
