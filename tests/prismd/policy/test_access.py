import pytest

from prismd.kernel.errors import Forbidden
from prismd.policy import access
from tests.builders import make_key

TRUSTED = access.parse_networks(("10.0.0.0/8", "::1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("1.2.3.4", ["9.9.9.9"], "1.2.3.4"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["9.9.9.9"], "9.9.9.9"),
        ("10.0.0.1", ["6.6.6.6, 9.9.9.9"], "9.9.9.9"),
        ("10.0.0.1", ["6.6.6.6, 9.9.9.9, 10.0.0.2"], "9.9.9.9"),
        ("10.0.0.1", ["9.9.9.9", "10.0.0.2"], "9.9.9.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["garbage"], "garbage"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: list[str], client: str) -> None:
    assert access.client_ip(peer, forwarded, TRUSTED) == client


def test_without_trusted_proxies_the_header_means_nothing() -> None:
    assert access.client_ip("10.0.0.1", ["9.9.9.9"], ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("ip", "allowed"),
    [
        ("192.168.1.7", True),
        ("192.168.2.7", False),
        ("::ffff:192.168.1.7", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("garbage", False),
        ("", False),
    ],
)
def test_addresses(ip: str, *, allowed: bool) -> None:
    key = make_key(allowed_ips=("192.168.1.0/24", "2001:db8::/32"))
    if allowed:
        access.check_ip(key, ip)
    else:
        with pytest.raises(Forbidden) as caught:
            access.check_ip(key, ip)
        assert caught.value.param == "ip"


def test_an_empty_list_permits_nothing_and_none_permits_everything() -> None:
    nothing = make_key(models=(), providers=(), allowed_ips=(), allowed_tools=())
    assert not access.may_use_model(nothing, "m")
    assert not access.may_use_provider(nothing, "p")
    with pytest.raises(Forbidden):
        access.check_ip(nothing, "127.0.0.1")
    with pytest.raises(Forbidden):
        access.check_tools(nothing, ["t"])
    everything = make_key()
    assert access.may_use_model(everything, "m")
    assert access.may_use_provider(everything, "p")
    access.check_ip(everything, "127.0.0.1")


def test_model_patterns() -> None:
    key = make_key(models=("gpt-4o", "fake/*"))
    assert access.may_use_model(key, "gpt-4o")
    assert access.may_use_model(key, "fake/echo")
    assert not access.may_use_model(key, "gpt-4o-mini")
    with pytest.raises(Forbidden) as caught:
        access.check_model(key, "gpt-4o-mini")
    assert caught.value.param == "model"


def test_a_denied_tool_is_refused_even_if_allowed() -> None:
    key = make_key(allowed_tools=("search_*", "rm"), denied_tools=("rm",))
    access.check_tools(key, ["search_web"])
    for name in ("rm", "other"):
        with pytest.raises(Forbidden) as caught:
            access.check_tools(key, [name])
        assert caught.value.param == "tool"
