"""What a policy lets through, by name and by address."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.sandbox.http1 import BadMessage, parse_head
from journeyman.sandbox.policy import Policy, normal_host

POLICY = Policy(
    allowed=("example.org", "*.shop.example", "api.example:8443"),
    private_ok=("127.0.0.1:8000", "dev.local:3000", "[::1]:9000"),
    mounts={"miniwob.test": Path("/nowhere")},
)


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("example.org", 80, True),
        ("example.org", 443, True),
        ("example.org", 22, False),
        ("www.example.org", 443, False),
        ("notexample.org", 443, False),
        ("example.org.evil.com", 443, False),
        ("a.b.shop.example", 443, True),
        ("shop.example", 443, False),
        ("evilshop.example", 443, False),
        ("api.example", 8443, True),
        ("api.example", 443, False),
        ("127.0.0.1", 8000, True),
        ("127.0.0.1", 8001, False),
        ("dev.local", 3000, True),
        ("::1", 9000, True),
        ("miniwob.test", 80, True),
        ("miniwob.test", 443, False),
        ("sub.miniwob.test", 80, False),
    ],
)
def test_hosts_are_matched_whole(host: str, port: int, allowed: bool) -> None:
    assert (POLICY.refuse_host(host, port) is None) is allowed


def test_a_refusal_says_what_may_be_reached() -> None:
    assert "example.org" in (POLICY.refuse_host("evil.com", 443) or "")
    assert "no host" in (Policy().refuse_host("example.org", 443) or "")
    assert Policy(("*",)).refuse_host("anything.com", 443) is None
    assert Policy(("*",)).refuse_host("anything.com", 6379) is not None


PRIVATE_4 = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1"
PRIVATE_4 += " 192.168.1.1 192.0.0.1 192.88.99.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255"
PRIVATE_6 = ":: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1"
PRIVATE_6 += " 2002:7f00:1:: 2002:a9fe:a9fe:: fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1"
PRIVATE_6 += " ff02::1 2001::1 4000::1 nonsense"


@pytest.mark.parametrize("address", f"{PRIVATE_4} {PRIVATE_6}".split())
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert Policy(("*",)).refuse_address("example.org", 443, address) is not None


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_public_addresses_are_taken(address: str) -> None:
    assert Policy(("*",)).refuse_address("example.org", 443, address) is None


def test_a_private_address_is_reached_only_when_named() -> None:
    assert POLICY.refuse_address("127.0.0.1", 8000, "127.0.0.1") is None
    assert POLICY.refuse_address("dev.local", 3000, "10.0.0.5") is None
    assert "private_ok" in (POLICY.refuse_address("example.org", 443, "10.0.0.5") or "")


@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
def test_no_other_spelling_of_an_address_passes(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    spellings = [ipaddress.IPv6Address(0xFFFF << 32 | number)]
    spellings.append(ipaddress.IPv6Address((0x64FF9B << 96) | number))
    spellings.append(ipaddress.IPv6Address((0x2002 << 112) | number << 80))
    for spelling in (address, *spellings):
        assert Policy(("*",)).refuse_address("h.example", 443, str(spelling)) is not None


@given(st.text(max_size=40))
def test_a_normal_host_is_plain_and_stays_so(text: str) -> None:
    host = normal_host(text)
    if host is not None:
        assert host.isascii() and not set(host) & set(" /@?#\\[]%\r\n\0")
        assert normal_host(f"[{host}]" if ":" in host else host) == host


@pytest.mark.parametrize(
    "wrong",
    [
        {"private_ok": ("127.0.0.1",)},
        {"private_ok": ("http://127.0.0.1:80",)},
        {"allowed": ("https://example.org",)},
        {"allowed": ("*.*.org",)},
        {"allowed": ("",)},
        {"mounts": {"example.org": Path("/x")}},
        {"mounts": {"Miniwob.test": Path("/x")}},
    ],
)
def test_a_wrong_entry_is_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not '"):
        Policy(**wrong)  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_any_head_is_read_or_refused(raw: bytes) -> None:
    try:
        head = parse_head(raw + b"\r\n\r\n")
    except BadMessage:
        return
    for name, value in head.headers:
        assert name and not set(name + value) & set("\r\n\0")


@pytest.mark.parametrize(
    "lines",
    [
        b"GET / HTTP/1.1\nHost: a",
        b"GET / HTTP/1.1\r\nHost : a",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
        b"GET / HTTP/1.1\r\nContent-Length: +1",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        b"GET / HTTP/1.1\r\nA: \0",
        b"GET",
    ],
)
def test_heads_with_two_readings_are_refused(lines: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_head(lines + b"\r\n\r\n")
