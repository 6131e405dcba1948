# SPDX-License-Identifier: Apache-2.0
"""The peer of a request: the address of its connection, or the one that a trusted proxy names. Pure functions."""

import ipaddress
from collections.abc import Collection, Sequence
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# A client that has one IPv6 address usually has a whole network of this size.
_IPV6_PREFIX: Final = 64


def peer_of(address: str, forwarded: Sequence[str], trusted: Collection[Network]) -> str:
    """Return the last address that is not a trusted proxy's. The client may have invented those before it."""
    peer = address
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    while hops and is_trusted(peer, trusted):
        peer = hops.pop()
    return peer


def is_trusted(address: str, trusted: Collection[Network]) -> bool:
    """Return whether this is the address of a trusted proxy."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in trusted)


def group_of(peer: str) -> str:
    """Return what is counted as one peer: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped:
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), _IPV6_PREFIX), strict=False))
