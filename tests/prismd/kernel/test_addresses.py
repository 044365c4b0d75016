"""Every way to write, tunnel or hide an address that is not public."""

from ipaddress import ip_address, ip_network

import pytest

from prismd.kernel.addresses import inner, is_public, is_this_machine

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "0.0.0.0",  # unspecified
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",  # carriers
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",  # metadata of clouds
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",  # relay of 6to4
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "64:ff9b:1::808:808",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo of 127.0.0.1
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo of 10.0.0.1
    "2001:db8::1",
    "2001:2::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of clouds
    "fe80::1",
    "fec0::1",  # site-local
    "ff02::1",
    "ff0e::1",  # multicast of the whole internet
]
NOTHING = [
    "fe80::1%eth0",
    "2606:4700:4700::1111%1",
    "",
    "localhost",
    "127.1",
    "0x7f.1",
    "1.1.1.1/8",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE + NOTHING)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("address", "network", "expected"),
    [
        ("10.1.2.3", "10.1.0.0/16", True),
        ("::ffff:10.1.2.3", "10.1.0.0/16", True),
        ("10.2.0.1", "10.1.0.0/16", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "10.0.0.0/8", False),
        ("10.0.0.1", "fd00::/8", False),
        ("169.254.169.254", "10.0.0.0/8", False),
        ("fd00::1%eth0", "fd00::/8", False),
    ],
)
def test_what_the_operator_allows(address: str, network: str, expected: bool) -> None:
    assert is_public(address, allowed=[ip_network(network)]) is expected


def test_tunnels_are_looked_through() -> None:
    assert str(inner(ip_address("2002:a00:1::1"))) == "10.0.0.1"
    assert str(inner(ip_address("2001:0:4136:e378:8000:63bf:80ff:fffe"))) == "127.0.0.1"
    assert str(inner(ip_address("2606:4700::1"))) == "2606:4700::1"


def test_this_machine() -> None:
    mine = ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "0.0.0.0"]
    assert [is_this_machine(one) for one in mine] == [True] * 4
    assert [is_this_machine(one) for one in ("8.8.8.8", "2606:4700::1")] == [False] * 2
