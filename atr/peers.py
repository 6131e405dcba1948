# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end: the peer of a connection, or whom a trusted proxy names. Pure."""

import ipaddress
from collections.abc import Collection, Sequence
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Whoever has one address of IPv6 has a whole network of this size.
_IPV6_PREFIX: Final = 64


def peer_of(address: str, forwarded: Sequence[str], trusted: Collection[Network]) -> str:
    """Who asks: the last address that no trusted proxy has; what stands before it may be anybody's invention."""
    peer = address
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    while hops and is_trusted(peer, trusted):
        peer = hops.pop()
    return peer


def is_trusted(address: str, trusted: Collection[Network]) -> bool:
    """Whether what this address says of others is believed."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in trusted)


def group_of(peer: str) -> str:
    """What is counted as one peer."""
    try:
        parsed = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped:
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), _IPV6_PREFIX), strict=False))
