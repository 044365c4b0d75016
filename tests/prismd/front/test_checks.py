import pytest

from prismd.front import spelling
from prismd.front.checks import check_headers, check_host, check_path
from prismd.kernel.errors import Forbidden, InvalidRequest, UnsupportedEncoding

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@pytest.mark.parametrize(
    "host", [b"localhost", b"LOCALHOST:8080", b"127.0.0.1:1", b"[::1]", b"[::1]:8080"]
)
def test_allowed_hosts_pass(host: bytes) -> None:
    check_host({b"host": host}, LOOPBACK)


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a/?b#c",
        b"a b",
        b"user@localhost",
        b"localhost:",
        b"localhost:123456",
        b"[::1",
        b"a\\b",
    ],
)
def test_malformed_hosts_are_400(host: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_host({b"host": host}, None)
    assert (caught.value.status, caught.value.code) == (400, "invalid_host")


def test_no_host_is_400_and_a_foreign_one_403() -> None:
    with pytest.raises(InvalidRequest):
        check_host({}, None)
    with pytest.raises(Forbidden) as caught:
        check_host({b"host": b"evil.example"}, LOOPBACK)
    assert caught.value.code == "host_not_allowed"
    check_host({b"host": b"evil.example"}, None)


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/v1/models/fake/echo",
        b"/v1/models/fake%2Fecho",
        b"/v1/models/a%2fb%2Fc",
        b"/v1/models/gpt-4o.mini_x:free",
        b"/-/keys/key_1",
        b"/v1/models/caf%C3%A9",
    ],
)
def test_plain_paths_pass(path: bytes) -> None:
    check_path(path)


@pytest.mark.parametrize(
    "path",
    [
        b"//-/keys",
        b"/v1//models",
        b"/v1/../-/keys",
        b"/v1/.",
        b"/v1/..",
        b"/%2e%2e/-/keys",
        b"/v1/%2E/x",
        b"/v1/models/a%252fb",
        b"/v1/models/a%00",
        b"/v1/models/a%0d%0a",
        b"/v1%2fmodels",
        b"/-%2fkeys",
        b"/v1/models/a\\b",
        b"/v1/models/a%5cb",
        b"/v1/models/\xff",
    ],
)
def test_paths_that_could_mean_another_are_refused(path: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_path(path)
    assert caught.value.code == "invalid_path"


def test_headers_of_which_one_must_count_may_not_come_twice() -> None:
    check_headers([(b"accept", b"a"), (b"accept", b"b"), (b"authorization", b"x")])
    for name in (b"authorization", b"host", b"content-type", b"x-api-key", b"if-match"):
        with pytest.raises(InvalidRequest) as caught:
            check_headers([(name, b"a"), (name, b"a")])
        assert (caught.value.code, caught.value.param) == ("duplicate_header", name.decode())


def test_compressed_bodies_are_refused() -> None:
    check_headers([(b"content-encoding", b"identity")])
    with pytest.raises(UnsupportedEncoding) as caught:
        check_headers([(b"content-encoding", b"gzip")])
    assert caught.value.status == 415


def test_the_later_spelling_is_understood_and_repeated() -> None:
    headers = [(b"x-agentcc-request-timeout", b"5"), (b"accept", b"*")]
    assert spelling.used_in(dict(headers), b"x-agentcc-request-timeout")[1]
    assert spelling.used_in({b"x-prism-a": b"1"}, b"x-prism-a") == (True, False)
    assert spelling.used_in({b"x-request-id": b"1"}, b"x-request-id") == (False, False)
    assert spelling.to_ours(headers) == [(b"x-prism-request-timeout", b"5"), (b"accept", b"*")]
    answer = [(b"x-prism-cost", b"1"), (b"date", b"x")]
    assert spelling.with_later(answer) == [*answer, (b"x-agentcc-cost", b"1")]
