"""Which addresses are public: nobody who names a URL may reach what is not.

``ipaddress.is_global`` alone is not enough: it calls tunnels to private addresses (NAT64, 6to4,
Teredo) and multicast global, so they are looked through, or refused, here.
"""

import socket
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_REFUSED = tuple(
    map(
        ip_network,
        (
            "64:ff9b:1::/48",  # NAT64 of a site
            "::/96",  # IPv4-compatible, and loopback
            "fec0::/10",  # site-local
            "100::/64",  # discard
            "2001:2::/48",  # benchmarks
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "192.88.99.0/24",  # 6to4 relays
            "100.64.0.0/10",  # carriers
        ),
    )
)


def inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(text: str, *, allowed: Iterable[Network] = ()) -> bool:
    """Say whether an address may be connected to for somebody else.

    Args:
        text: The address.
        allowed: Networks that the operator lets callers reach although they are private.
    """
    if "%" in text:  # the zone of one machine
        return False
    try:
        address = ip_address(text)
    except ValueError:
        return False
    real = inner(address)
    if any(
        one.version == network.version and one in network
        for network in allowed
        for one in (address, real)
    ):
        return True
    if any(address.version == network.version and address in network for network in _REFUSED):
        return False
    if any(real.version == network.version and real in network for network in _REFUSED):
        return False
    return real.is_global and not (real.is_multicast or real.is_reserved or real.is_unspecified)


def is_this_machine(text: str) -> bool:
    """Say whether an address is one of this machine: only those can be listened on."""
    address = inner(ip_address(text))
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004  # IPv4
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
