"""An end to bodies that are sent too slowly: a pace on the average, so that what is large and moves is not cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

FIRST_SECONDS = 20.0
"""How long the sender of a body may take, whatever there is of it."""
LEAST_BYTES_PER_SECOND = 2000
"""And one second more for each so many bytes that have come. Slower than any line that people still use.

Source: Apache httpd, mod_reqtimeout: body=20,MinRate=500 is its default.
"""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class SentTooSlowly(HTTPException):
    """The body did not come at the least pace. Says what to do, and ends the connection."""

    def __init__(self) -> None:
        super().__init__(
            408,
            f"The request came too slowly: its body has {FIRST_SECONDS:g} seconds and one more for each "
            f"{LEAST_BYTES_PER_SECOND:,} bytes. Send it again on a better line, or in smaller parts.",
            {"Connection": "close"},
        )


def paced(receive: Receive) -> Receive:
    """The same body. Raises SentTooSlowly; only the time in which this server waits for the sender counts."""
    left, complete = FIRST_SECONDS, False

    async def receive_paced() -> Message:
        nonlocal left, complete
        if complete:
            return await receive()
        began = time.monotonic()
        try:
            async with asyncio.timeout(max(left, 0.0)):
                message = await receive()
        except TimeoutError:
            raise SentTooSlowly from None
        left += len(message.get("body", b"")) / LEAST_BYTES_PER_SECOND - (time.monotonic() - began)
        complete = not message.get("more_body", False)
        return message

    return receive_paced


def has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    """By the two headers that announce one."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
