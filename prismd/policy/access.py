"""What a key may use: addresses, models, providers, tools. Pure rules over a key record.

For every list None means "no restriction" and an empty list "nothing is permitted".
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from prismd.kernel.errors import Forbidden
from prismd.wire.key import KeyRecord

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=4096)
def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Read addresses and CIDR networks.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ip_network(text, strict=False) for text in texts)


def is_in(ip: str, networks: Iterable[Network]) -> bool:
    """Say whether an address lies in one of the networks; an IPv4-mapped one counts as IPv4."""
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks if network.version == address.version)


def client_ip(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the client's address.

    ``X-Forwarded-For`` is believed only as far as trusted proxies wrote it: from the right, the
    first address that is no trusted proxy is the client.
    """
    if not trusted or not is_in(peer, trusted):
        return peer
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",") if hop.strip()]
    for hop in reversed(hops):
        if not is_in(hop, trusted):
            return hop
    return hops[0] if hops else peer


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Say whether a name is listed; a trailing ``*`` matches any ending."""
    return any(
        name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))
        for pattern in patterns
    )


def may_use_model(key: KeyRecord, model: str) -> bool:
    """Say whether a key may use a model."""
    return key.models is None or matches(model, key.models)


def may_use_provider(key: KeyRecord, provider_id: str) -> bool:
    """Say whether a key may use a provider."""
    return key.providers is None or provider_id in key.providers


def check_ip(key: KeyRecord, ip: str) -> None:
    """Refuse a caller whose address the key does not allow.

    Raises:
        Forbidden: ``param`` is ``ip``.
    """
    if key.allowed_ips is not None and not is_in(ip, parse_networks(key.allowed_ips)):
        raise Forbidden(f"This key may not be used from the address {ip}.", param="ip")


def check_model(key: KeyRecord, model: str) -> None:
    """Refuse a model that the key does not allow.

    Raises:
        Forbidden: ``param`` is ``model``.
    """
    if not may_use_model(key, model):
        msg = f"This key may not use the model '{model}'. GET /v1/models lists what it may use."
        raise Forbidden(msg, param="model")


def check_tools(key: KeyRecord, names: Iterable[str]) -> None:
    """Refuse a request that offers a tool which the key does not allow.

    Raises:
        Forbidden: ``param`` is ``tool``.
    """
    for name in names:
        denied = key.denied_tools is not None and matches(name, key.denied_tools)
        if denied or (key.allowed_tools is not None and not matches(name, key.allowed_tools)):
            raise Forbidden(f"This key may not offer the tool '{name}'.", param="tool")
