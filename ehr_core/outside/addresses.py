"""Which addresses this server calls: https to public machines, and the private networks that the site names.

The name is resolved here, every answer is judged, and the call goes to the address that was judged: a name that answers
differently a moment later leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.settings import Settings

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LookUp = Callable[[str, int], list[str]]
LONGEST_URL = 2000
LONGEST_NAME = 253
HOST_NAME = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+\.?$|0x[0-9a-f]*\.?$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?",
    re.IGNORECASE,
)
"""Labels of a name, the last of which is no number: that would be an IPv4 address in another spelling.
Source: RFC 1035, 2.3.4; WHATWG URL Standard, 3.5."""
LOOPBACK_NAME = re.compile(r"(?:.+\.)?localhost\.?", re.IGNORECASE)
"""Source: RFC 6761, 6.3."""
TRANSLATED = tuple(ipaddress.ip_network(name) for name in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))
"""IPv6 that stands for an IPv4 address behind a translator. Source: RFC 6052, RFC 8215, RFC 3056."""


class AddressRefused(BadRequest):
    """The address is none that this server calls."""


@dataclass(frozen=True)
class Reach:
    """`networks` may be called although they are private; `plain`: http to this machine, for development alone."""

    networks: tuple[Network, ...] = ()
    plain: bool = False

    def allows(self, address: IpAddress) -> bool:
        mapped = getattr(address, "ipv4_mapped", None)
        judged = mapped or address
        if any(judged in network for network in self.networks if network.version == judged.version):
            return True
        if any(address in network for network in TRANSLATED if network.version == address.version):
            return False
        return judged.is_global and not judged.is_multicast


@dataclass(frozen=True)
class Target:
    """An address to call: `ip` is where the name led when it was judged."""

    scheme: str
    host: str
    port: int
    path: str
    ip: str


def reach_of(settings: Settings) -> Reach:
    """Raises BadRequest naming the setting. A loopback network is for development and refused in production."""
    networks = []
    for word in settings.outside_networks.replace(" ", "").split(","):
        if not word:
            continue
        try:
            networks.append(ipaddress.ip_network(word))
        except ValueError:
            raise BadRequest(
                f"ALMONER_OUTSIDE_NETWORKS holds '{word[:60]}'. Write networks such as 10.20.0.0/16, with commas."
            ) from None
    here = any(network.is_loopback or network.is_link_local for network in networks)
    if here and settings.environment == "production":
        raise BadRequest(
            "ALMONER_OUTSIDE_NETWORKS names this machine or its link: in production neither is called."
        )
    return Reach(tuple(networks), plain=here)


def look_up(host: str, port: int) -> list[str]:
    """Every address that the name has. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def check_shape(url: str, reach: Reach, what: str = "address") -> None:
    """What can be said of an address without looking its name up. Raises AddressRefused naming `what`.

    A number, and the name that is always this machine's, are judged as at a call.
    """
    host = _parts(url, reach, what)[1]
    if _is_ip(host):
        _judge([host], reach, what)
    elif LOOPBACK_NAME.fullmatch(host):
        _judge(["127.0.0.1"], reach, what)
    elif not HOST_NAME.fullmatch(host) or len(host) > LONGEST_NAME:
        raise AddressRefused(f"{what}: this is no address. Write one such as https://example.org/hook.")


def check_named(url: str, reach: Reach, what: str = "address") -> None:
    """The same, and an address that is a number is judged; a name is when it is called. Raises AddressRefused."""
    host = _parts(url, reach, what)[1]
    if _is_ip(host):
        resolved(url, reach, what=what)


def resolved(url: str, reach: Reach, look: LookUp = look_up, *, what: str = "address") -> Target:
    """The target of a call. Raises AddressRefused when any of the name's addresses is one that is not called."""
    scheme, host, port, path = _parts(url, reach, what)
    try:
        ips = [str(ipaddress.ip_address(host))]
    except ValueError:
        try:
            ips = look(host, port)
        except (OSError, UnicodeError):
            raise AddressRefused(f"{what}: the name of the machine is not known.") from None
    judged = _judge(ips, reach, what)
    if scheme == "http" and not all(one.is_loopback for one in judged):
        raise AddressRefused(f"{what}: write an address that begins with https.")
    return Target(scheme, host, port, path, str(judged[0]))


def _judge(ips: Sequence[str], reach: Reach, what: str) -> list[IpAddress]:
    """Raises AddressRefused unless all of them may be called."""
    judged = [ipaddress.ip_address(ip.partition("%")[0]) for ip in ips]
    if not judged or not all(reach.allows(one) for one in judged):
        raise AddressRefused(
            f"{what}: it leads into a private network or to this machine. Name a public machine, or let the operator "
            "allow the network."
        )
    return judged


def _parts(url: str, reach: Reach, what: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (
            (parts.hostname or "").encode("idna").decode() if not _is_ip(parts.hostname) else parts.hostname
        )
    except (ValueError, UnicodeError):
        raise AddressRefused(
            f"{what}: this is no address. Write one such as https://example.org/hook."
        ) from None
    shown = all(" " < letter < "\x7f" for letter in url)
    if not host or not shown or len(url) > LONGEST_URL or parts.fragment or "\\" in url:
        raise AddressRefused(f"{what}: this is no address. Write one such as https://example.org/hook.")
    if parts.scheme != "https" and not (parts.scheme == "http" and reach.plain):
        raise AddressRefused(f"{what}: write an address that begins with https.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(f"{what}: an address with a name or password in it is not called.")
    return parts.scheme, str(host), port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_ip(host: str | None) -> bool:
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True
