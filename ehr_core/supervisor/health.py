"""Asks a service whether it is well, and a port whether it is free."""

from __future__ import annotations

import http.client
import socket
import urllib.request

ANSWER_SECONDS = 3.0


def answers(url: str, *, seconds: float = ANSWER_SECONDS) -> bool:
    """Whether a GET of the health URL comes back with 200 in time; proxies of the environment are not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as response:
            return response.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def port_is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
