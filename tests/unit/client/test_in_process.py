"""An application that is closed leaves nobody waiting for its answer."""

from __future__ import annotations

import asyncio
import threading

import httpx

from ehr_core.client.in_process import InProcess


def test_a_caller_that_waits_is_told_when_the_application_closes():
    asked = threading.Event()

    async def never_answers(scope, receive, send):
        asked.set()
        await asyncio.Event().wait()

    transport = InProcess(never_answers)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            transport.handle_request(httpx.Request("GET", "http://almoner/"))
        except httpx.ReadError as error:
            errors.append(error)

    caller = threading.Thread(target=ask, daemon=True)
    caller.start()
    assert asked.wait(10)
    transport.close()
    caller.join(10)
    assert not caller.is_alive()
    assert len(errors) == 1
