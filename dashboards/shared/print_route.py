"""A page for the printer, in a tab of its own: held for two minutes under a secret address, and given out once."""

from __future__ import annotations

import secrets
import time
from threading import Lock

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

HELD_SECONDS = 120
MOST_HELD = 200

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
GONE = "This page was opened already, or it is older than two minutes. Go back and open it again."

_held: dict[str, tuple[float, str]] = {}
_lock = Lock()


def hold_for_print(html: str) -> str:
    """The address of the page. Whoever has it can open it once: it is shown to nobody but who asked."""
    address = secrets.token_urlsafe(32)
    now = time.monotonic()
    with _lock:
        for old in [key for key, (until, _) in _held.items() if until < now]:
            del _held[old]
        while len(_held) >= MOST_HELD:
            del _held[next(iter(_held))]
        _held[address] = (now + HELD_SECONDS, html)
    return f"/print/{address}"


def _give(request: Request) -> Response:
    with _lock:
        until, html = _held.pop(request.path_params["address"], (0.0, ""))
    if until < time.monotonic():
        return HTMLResponse(f"<!doctype html><p>{GONE}</p>", status_code=410, headers=HEADERS)
    return HTMLResponse(html, headers=HEADERS)


PRINT_ROUTE = Route("/print/{address}", _give, methods=["GET"])
