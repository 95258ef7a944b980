"""Which hosts and addresses a task may reach. Decides only; `proxy.py` enforces.

Covered: host name, port, and the address a name resolves to. Not covered: what is asked of an
allowed host, and another name served by the same server inside an encrypted tunnel.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

Origin = tuple[str, str, int]
"""Scheme, host as `normal_host` gives it, and port."""

WEB_PORTS = (80, 443)
PORTS = {"http": 80, "https": 443}
NEAR = (".test", ".localhost", ".local", ".internal", ".home.arpa")
"""How names end that no one outside can own."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What `is_global` lets through: a relay of 6to4; in IPv6 much that was never given out.
RELAY = ipaddress.IPv4Network("192.88.99.0/24")
UNICAST = ipaddress.IPv6Network("2000::/3")
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


@dataclass(frozen=True, slots=True)
class Policy:
    """What one task may reach. Nothing at all by default."""

    allowed: tuple[str, ...] = ()
    """`example.org`, `*.example.org` (its subdomains), `*` (any public host).

    The first two take a `:port`; without it they mean 80 and 443."""
    private_ok: tuple[str, ...] = ()
    """`127.0.0.1:8000` or `name:port`, exactly: reached although its address is private."""
    mounts: Mapping[str, Path] = field(default_factory=dict)
    """Reserved host name (`miniwob.test`) to the folder served there over http."""
    downloads_mb: int = 0
    """Megabytes of files that the task may receive; with none every download is refused."""

    def __post_init__(self) -> None:
        for host in self.mounts:
            if not host.endswith(".test") or normal_host(host) != host:
                raise ValueError(f"a folder is mounted under a name ending in .test, not {host!r}")
        for entry in self.private_ok:
            _split(entry, needs_port=True)
        for entry in self.allowed:
            _split(entry.removeprefix("*.") if entry != "*" else "any", needs_port=False)

    def refuse_host(self, host: str, port: int) -> str | None:
        """Say why a host, as `normal_host` gives it, may not be reached, or None."""
        if self.mount(host, port) is not None or self._named(host, port):
            return None
        if host in self.mounts:
            return f"{host} is served over http on port 80 only"
        if any(_matches(pattern, host, port) for pattern in self.allowed):
            return None
        reach = ", ".join((*self.mounts, *self.allowed, *self.private_ok)) or "no host"
        return f"{host}:{port} is not allowed in this task, which may reach {reach}"

    def refuse_address(self, host: str, port: int, address: str) -> str | None:
        """Say why a resolved address may not be connected to, or None."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return f"{host} resolves to {address!r}, which is no address"
        if _public(parsed) or self._named(host, port):
            return None
        return (
            f"{host} is at {parsed}, which is no public address; name {host}:{port} in the"
            " policy's private_ok to allow it"
        )

    def mount(self, host: str, port: int) -> Path | None:
        """The folder served under this origin, if there is one."""
        return self.mounts.get(host) if port == 80 else None

    def _named(self, host: str, port: int) -> bool:
        return any(_split(entry, needs_port=True) == (host, port) for entry in self.private_ok)


def normal_host(host: str) -> str | None:
    """Lower case, without a closing dot or brackets; None for what is no host."""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            return str(ipaddress.IPv6Address(host)) if "%" not in host else None
        except ValueError:
            return None
    host = host.lower().removesuffix(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in host.split(".")):
        return None
    return host


def origin_of(url: str) -> Origin | None:
    """Where an address is; None for what is not on the web (`about:blank`, `data:`)."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    name = parts.hostname or ""
    host = normal_host(f"[{name}]" if ":" in name else name)
    return (parts.scheme, host, port) if host else None


def is_near(host: str) -> bool:
    """Whether a host, as `normal_host` gives it, is this machine or on a network of its own."""
    try:
        return not _public(ipaddress.ip_address(host))
    except ValueError:
        return host == "localhost" or host.endswith(NEAR)


def _split(entry: str, *, needs_port: bool) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::(\d{1,5}))?", entry)
    host = normal_host(match[1]) if match else None
    if match is None or host is None or (needs_port and match[2] is None):
        wanted = "host:port" if needs_port else "host, *.host, * or host:port"
        raise ValueError(f"a policy entry is {wanted}, not {entry!r}")
    return host, int(match[2]) if match[2] else None


def _matches(pattern: str, host: str, port: int) -> bool:
    if pattern == "*":
        return port in WEB_PORTS
    name, wanted = _split(pattern.removeprefix("*."), needs_port=False)
    if port != wanted and not (wanted is None and port in WEB_PORTS):
        return False
    return host.endswith(f".{name}") if pattern.startswith("*.") else host == name


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _public(inner)
        if address not in UNICAST:
            return False
    elif address in RELAY:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
