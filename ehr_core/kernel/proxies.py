"""The proxies whose word about a caller's address is taken, as an operator names them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

PROXIES = "FORWARDED_ALLOW_IPS"
"""The environment variable that names them; without it the address of a caller is where the connection comes from."""
EXPECTED = "addresses and networks with commas, such as '10.0.0.5, 10.1.0.0/16', and never '*'"


def trusted_proxies(text: str) -> list[str]:
    """The addresses and networks. Raises ValueError for anything else.

    '*' would take the word of whoever connects: then a caller chooses the address that is written down and counted.
    """
    named = [one.strip() for one in text.split(",") if one.strip()]
    for one in named:
        if "/" in one:
            if ip_network(one).prefixlen == 0:
                raise ValueError("a network of everybody")
        else:
            ip_address(one)
    return named
