"""A transport that stays in the process: the client speaks to an ASGI application without a socket. For tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from typing import Any

import httpx

LEAVING_SECONDS = 10.0


class InProcess(httpx.BaseTransport):
    """Runs the application on an event loop of its own thread; close it at the end.

    `address` is what the application sees as the caller's.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], *, address: str = "127.0.0.1"):
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 50_000))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="in-process-api", daemon=True)
        self._thread.start()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return asyncio.run_coroutine_threadsafe(self._exchange(request), self._loop).result()
        except CancelledError:
            raise httpx.ConnectError("The application was closed meanwhile.", request=request) from None

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        outgoing = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.read(),
            extensions=_without_timeout(request.extensions),
        )
        answer = await self._transport.handle_async_request(outgoing)
        content = await answer.aread()
        return httpx.Response(
            answer.status_code, headers=answer.headers.raw, content=content, request=request
        )

    def close(self) -> None:
        """Who still waits for an answer is told that none will come."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @staticmethod
    async def _leave() -> None:
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=LEAVING_SECONDS)


def _without_timeout(extensions: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(extensions).items() if name != "timeout"}
