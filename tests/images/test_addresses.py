from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.images.addresses import problem_with_address, read_address

REFUSED = [
    ("0.0.0.0", "this host"),
    ("0.1.2.3", "this host"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "provider's NAT"),
    ("100.100.100.200", "provider's NAT"),
    ("100.127.255.255", "provider's NAT"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "cloud"),
    ("169.254.169.254", "link-local"),
    ("169.254.170.2", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "protocols"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "benchmarks"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.9", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "this host"),
    ("::1", "loopback"),
    ("::7f00:1", "inside IPv6"),
    ("::ffff:127.0.0.1", "inside IPv6"),
    ("::ffff:169.254.169.254", "inside IPv6"),
    ("::ffff:93.184.216.34", "inside IPv6"),
    ("::ffff:0:10.0.0.1", "inside IPv6"),
    ("64:ff9b::a9fe:a9fe", "NAT64"),
    ("64:ff9b:1::1", "NAT64"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
    ("2001:10::1", "protocols"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::1", "6to4"),
    ("2002:c0a8:101::1", "6to4"),
    ("2a00:1450::5efe:10.0.0.1", "ISATAP"),
    ("2a00:1450::200:5efe:7f00:1", "ISATAP"),
    ("3fff::1", "documentation"),
    ("4000::1", "not in public use"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fe80::1", "link-local"),
    ("fec0::1", "private"),
    ("ff02::1", "multicast"),
]
"""Every range that a server of ours must not be talked into asking, with a word of what it is."""

PUBLIC = ["1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1"]
PUBLIC += ["192.167.255.255", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1"]


@pytest.mark.parametrize(("text", "word"), REFUSED)
def test_an_address_that_is_not_public_is_refused_with_what_it_is(text: str, word: str) -> None:
    problem = problem_with_address(ip_address(text))
    assert problem is not None and word in problem


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_let_through(text: str) -> None:
    assert problem_with_address(ip_address(text)) is None


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_nothing_is_let_through_that_python_knows_to_be_special(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert problem_with_address(address) is not None


@given(st.integers(0, 2**32 - 1), st.sampled_from(["::ffff:0:0", "::", "64:ff9b::", "::ffff:0:0:0"]))
def test_no_ipv4_address_passes_inside_ipv6(inner: int, prefix: str) -> None:
    assert problem_with_address(IPv6Address(int(IPv6Address(prefix)) + inner)) is not None


def test_a_zone_does_not_hide_an_address() -> None:
    assert problem_with_address(read_address("fe80::1%eth0")) == "a link-local address"
    assert read_address("2606:4700::1111%eth0") == ip_address("2606:4700::1111")
    with pytest.raises(ValueError, match="does not appear"):
        read_address("example.org")
