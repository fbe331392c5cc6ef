"""The transport within a process: whoever still waits when it closes is told, and nothing hangs."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from ehr_core.client.in_process import InProcess


def test_who_still_waits_when_it_closes_is_told_that_no_answer_comes():
    asked = threading.Event()

    async def never(scope, receive, send):
        asked.set()
        await asyncio.sleep(3600)

    transport = InProcess(never)
    closing = threading.Thread(target=lambda: (asked.wait(5), transport.close()))
    closing.start()
    with pytest.raises(httpx.ConnectError):
        httpx.Client(transport=transport, base_url="http://x").get("/")
    closing.join(5)
    assert not closing.is_alive()
