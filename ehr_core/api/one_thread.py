"""Routes whose transaction begins, works and commits on one thread: each change of threads costs more than a look-up.

FastAPI would open a unit of work on one thread, call the route on another and commit on a third. Here the route's
`work: Work` is opened around the route itself. It is for routes that make their whole answer: what a response model
makes of it would come after the commit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, Any, get_type_hints

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Depends, Request
from fastapi.routing import APIRoute

from ehr_core.api.dependencies import WORK_SLOTS, Work, work_of

ASKED = "asked_on_one_thread"
_slots: RunVar[CapacityLimiter] = RunVar("slots of routes on one thread")


class OneThreadRoute(APIRoute):
    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any):
        super().__init__(path, on_one_thread(endpoint), **given)


def on_one_thread(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The route as FastAPI calls it; one without a unit of work, or already so, as it is."""
    hints = get_type_hints(endpoint, include_extras=True)
    name = next((name for name, hint in hints.items() if hint == Work), None)
    if name is None or inspect.iscoroutinefunction(endpoint):
        return endpoint

    def whole(request: Request, given: dict[str, Any]) -> Any:
        with work_of(request) as work:
            return endpoint(**given, **{name: work})

    @wraps(endpoint)
    async def in_its_turn(**given: Any) -> Any:
        request = given.pop(ASKED)
        return await to_thread.run_sync(partial(whole, request, given), limiter=slots())

    taken = inspect.signature(endpoint).parameters.values()
    kept = [one.replace(annotation=hints[one.name]) for one in taken if one.name != name]
    asked = inspect.Parameter(
        ASKED, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Request, Depends(itself)]
    )
    in_its_turn.__signature__ = inspect.Signature([*kept, asked])
    in_its_turn.__annotations__ = {one.name: one.annotation for one in (*kept, asked)}
    return in_its_turn


async def itself(request: Request) -> Request:
    return request


def slots() -> CapacityLimiter:
    """As many as WORK_SLOTS, of this event loop."""
    try:
        return _slots.get()
    except LookupError:
        made = CapacityLimiter(WORK_SLOTS)
        _slots.set(made)
        return made
