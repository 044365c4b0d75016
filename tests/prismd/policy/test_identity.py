import pytest

from prismd.kernel.errors import Forbidden, Unauthenticated
from prismd.kernel.secret import ADMIN_PREFIX, KEY_PREFIX, digest, new_token
from prismd.policy.identity import KeyTable, check_admin, identify
from prismd.wire.key import KeyStatus
from tests.builders import make_key

PEPPER = b"pepper"
TOKEN = new_token(KEY_PREFIX).reveal()
ADMIN = new_token(ADMIN_PREFIX).reveal()


def table(**changes: object) -> KeyTable:
    return KeyTable([make_key(digest=digest(TOKEN, PEPPER), **changes)])


def test_a_valid_key_is_found() -> None:
    assert identify(TOKEN, table(), pepper=PEPPER, now_s=0).id == "key_1"


def test_unknown_revoked_expired_and_garbled_look_the_same() -> None:
    answers = set()
    for token, keys in [
        (new_token(KEY_PREFIX).reveal(), table()),
        (TOKEN, table(status=KeyStatus.REVOKED)),
        (TOKEN, table(expires_at_s=10)),
        (TOKEN[:-1] + "!", table()),
        ("é\udce9", table()),
    ]:
        with pytest.raises(Unauthenticated) as caught:
            identify(token, keys, pepper=PEPPER, now_s=10)
        answers.add((caught.value.code, caught.value.message))
    assert len(answers) == 1


def test_a_blocked_key_is_told_so() -> None:
    with pytest.raises(Forbidden, match="blocked"):
        identify(TOKEN, table(status=KeyStatus.BLOCKED), pepper=PEPPER, now_s=0)


def test_a_key_in_the_wrong_place_is_told_so() -> None:
    with pytest.raises(Unauthenticated) as caught:
        identify(ADMIN, table(), pepper=PEPPER, now_s=0)
    assert caught.value.code == "admin_token_on_api"
    with pytest.raises(Unauthenticated) as caught:
        check_admin(TOKEN, ADMIN.encode())
    assert caught.value.code == "api_key_on_admin"


@pytest.mark.parametrize("token", [None, ""])
def test_no_credential(token: str | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        identify(token, table(), pepper=PEPPER, now_s=0)
    assert caught.value.code == "missing_api_key"
    with pytest.raises(Unauthenticated):
        check_admin(token, ADMIN.encode())


def test_the_admin_token() -> None:
    check_admin(ADMIN, ADMIN.encode())
    for wrong in (ADMIN[:-1], new_token(ADMIN_PREFIX).reveal(), "é\udce9"):
        with pytest.raises(Unauthenticated):
            check_admin(wrong, ADMIN.encode())


def test_a_changed_key_replaces_the_old_one() -> None:
    keys = table()
    keys.put(make_key(digest=digest(TOKEN, PEPPER), name="new"))
    assert len(keys) == 1
    assert identify(TOKEN, keys, pepper=PEPPER, now_s=0).name == "new"
    found = keys.get("key_1")
    assert found is not None
    assert found.name == "new"
