"""Security headers on everything that one of the Streamlit apps answers, and an end to what is sent too slowly."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from ehr_core.kernel.slow_senders import has_body, paced

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.S)

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
}
"""Dictation and a photo of the insurance card use the microphone and the camera of this page, and of no other."""


class GuardedApp:
    """Wraps an ASGI app. A header that a route of the app's own has set stays as it is."""

    def __init__(self, app: Any):
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                named = {name.lower() for name, _ in message["headers"]}
                message["headers"] = list(message["headers"]) + [
                    (name.encode(), value.encode())
                    for name, value in {**HEADERS, "content-security-policy": policy()}.items()
                    if name.encode() not in named
                ]
            await send(message)

        sent = paced(receive) if has_body(scope["headers"]) else receive
        await self._app(scope, sent, send_guarded)


@cache
def policy() -> str:
    """Scripts, styles and connections of this server alone.

    `unsafe-eval` is what charts compile their expressions with, `unsafe-inline` styles are Streamlit's own; of inline
    scripts the one of its page, by its hash.
    """
    scripts = " ".join(f"'sha256-{one}'" for one in _inline_scripts())
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'unsafe-eval' {scripts}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' blob: data:",
            "worker-src 'self' blob:",
            "frame-src 'self' blob: data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


def _inline_scripts() -> list[str]:
    page = files("streamlit").joinpath("static/index.html").read_text(encoding="utf-8")
    found = [one for one in INLINE_SCRIPT.findall(page) if one.strip()]
    return [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in found]
