"""Asks a service whether it is well, and a port whether it is free."""

from __future__ import annotations

import http.client
import socket
import urllib.request

from ehr_core.kernel.heartbeat import STALE_AFTER_SECONDS, Heartbeat

ANSWER_SECONDS = 3.0


def is_well(health_url: str | None, heartbeat: Heartbeat | None, began: float | None) -> bool:
    """Whether a running process that began then answers, or beats; one that has neither (PostgreSQL) runs."""
    if health_url is not None and not answers(health_url):
        return False
    if heartbeat is None:
        return True
    age = heartbeat.age_seconds(began)
    return age is not None and age <= STALE_AFTER_SECONDS


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
