"""Which addresses on the network an image may be fetched from: public unicast ones, and nothing that hides another.

The lists are written out, from the registries of special-purpose addresses of IANA (RFC 6890 and what updates it),
because Python's `is_global` differs between its releases.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_IPV4 = {
    IPv4Network("0.0.0.0/8"): "an address of this host",
    IPv4Network("10.0.0.0/8"): "a private address",
    IPv4Network("100.64.0.0/10"): "a shared address behind a provider's NAT",
    IPv4Network("127.0.0.0/8"): "a loopback address",
    IPv4Network("168.63.129.16/32"): "a cloud's own address",
    IPv4Network("169.254.0.0/16"): "a link-local address",
    IPv4Network("172.16.0.0/12"): "a private address",
    IPv4Network("192.0.0.0/24"): "an address for protocols",
    IPv4Network("192.0.2.0/24"): "an address for documentation",
    IPv4Network("192.88.99.0/24"): "a 6to4 relay",
    IPv4Network("192.168.0.0/16"): "a private address",
    IPv4Network("198.18.0.0/15"): "an address for benchmarks",
    IPv4Network("198.51.100.0/24"): "an address for documentation",
    IPv4Network("203.0.113.0/24"): "an address for documentation",
    IPv4Network("224.0.0.0/4"): "a multicast address",
    IPv4Network("240.0.0.0/4"): "a reserved address",
}
_IPV6 = {
    IPv6Network("::/128"): "an address of this host",
    IPv6Network("::1/128"): "a loopback address",
    IPv6Network("::ffff:0:0/96"): "an IPv4 address inside IPv6",
    IPv6Network("::ffff:0:0:0/96"): "an IPv4 address inside IPv6",
    IPv6Network("::/96"): "an IPv4 address inside IPv6",
    IPv6Network("64:ff9b::/96"): "a NAT64 address",
    IPv6Network("64:ff9b:1::/48"): "a NAT64 address",
    IPv6Network("2001::/32"): "a Teredo address",
    IPv6Network("2001::/23"): "an address for protocols",
    IPv6Network("2001:db8::/32"): "an address for documentation",
    IPv6Network("2002::/16"): "a 6to4 address",
    IPv6Network("3fff::/20"): "an address for documentation",
    IPv6Network("fc00::/7"): "a private address",
    IPv6Network("fe80::/10"): "a link-local address",
    IPv6Network("fec0::/10"): "a private address",
    IPv6Network("ff00::/8"): "a multicast address",
}
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The upper half of an interface id that holds an IPv4 address (RFC 5214)."""


def problem_with_address(address: Address) -> str | None:
    """Return what an address is that nothing may be fetched from, or None for a public unicast address."""
    if isinstance(address, IPv4Address):
        return next((what for network, what in _IPV4.items() if address in network), None)
    for network, what in _IPV6.items():
        if address in network:
            return what
    if address not in _PUBLIC_IPV6:
        return "an address that is not in public use"
    return "an ISATAP address" if int(address) >> 32 & 0xFFFFFFFF in _ISATAP else None


def read_address(text: str) -> Address:
    """Return an address as a resolver writes it; a zone such as `%eth0` is kept out.

    Raises:
        ValueError: for anything else.
    """
    return ip_address(text.partition("%")[0])
