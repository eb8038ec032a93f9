"""Which IP addresses belong to the public internet (IANA special-purpose address registries)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

IPAddress = IPv4Address | IPv6Address

#: Written out: what `ipaddress` calls global differs between the releases of Python.
_SPECIAL_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's platform services, a public number that only its machines reach
            "169.254.0.0/16",  # link-local; the metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
#: All else is special: loopback, mapped and translated IPv4 (NAT64), unique local, link-local, multicast.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_SPECIAL_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
#: Private networks, which an operator may open by name. The others lead to the machine's platform.
_PRIVATE: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    *map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    *map(IPv6Network, ("::1/128", "fc00::/7")),
)
#: Metadata services of clouds at private addresses: Alibaba, AWS.
_METADATA: Final = frozenset({IPv4Address("100.100.100.200"), IPv6Address("fd00:ec2::254")})
#: Interface identifiers of ISATAP (RFC 5214): an IPv4 address in the last 32 bits.
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


def is_public(address: IPAddress) -> bool:
    """Whether `address` is on the public internet; IPv6 forms that carry an IPv4 address are not."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return (
        address in _GLOBAL_UNICAST
        and not any(address in network for network in _SPECIAL_V6)
        and int(address) >> 32 & 0xFFFF_FFFF not in _ISATAP
    )


def is_private(address: IPAddress) -> bool:
    """Whether `address` is in a private network or on this machine, which an operator may open by name."""
    return address not in _METADATA and any(
        address in network for network in _PRIVATE if network.version == address.version
    )
