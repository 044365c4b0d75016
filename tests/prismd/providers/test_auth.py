import pytest

from prismd.kernel.secret import Secret
from prismd.providers.auth import auth_headers
from prismd.providers.base import AuthKind


def test_each_kind_has_its_header() -> None:
    key = Secret("sk-1")
    assert auth_headers(AuthKind.BEARER, key) == (("authorization", "Bearer sk-1"),)
    assert auth_headers(AuthKind.API_KEY_HEADER, key) == (("api-key", "sk-1"),)
    assert auth_headers(AuthKind.X_API_KEY, key) == (("x-api-key", "sk-1"),)
    assert auth_headers(AuthKind.GOOGLE_KEY, key) == (("x-goog-api-key", "sk-1"),)
    assert auth_headers(AuthKind.NONE, key) == ()
    assert auth_headers(AuthKind.BEARER, None) == ()


@pytest.mark.parametrize("value", ["", "sk-secret\n", "sk secret", "sk-sécret", "sk-secret\x00"])
def test_a_credential_that_no_header_can_carry_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ValueError, match="credential") as caught:
        auth_headers(AuthKind.BEARER, Secret(value))
    assert "cret" not in str(caught.value)
