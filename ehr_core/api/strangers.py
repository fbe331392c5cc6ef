"""Whoever is not let in hears that, and nothing of what is wrong with what they sent.

The framework reads a body before it asks who sent it. What it then refuses comes by here first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import Request

from ehr_core.api.cds_hooks.callers import known_caller
from ehr_core.api.dependencies import work_of
from ehr_core.kernel.errors import AlmonerError


def _ask_for_work(request: Request) -> None:
    with work_of(request):
        pass


DOORS: Mapping[str, Callable[[Request], object]] = {
    "/api": _ask_for_work,
    "/fhir": _ask_for_work,
    "/cds-services": known_caller,
}
"""Addresses behind a sign-in. The pages of the sign-in itself have none before them; those for applications
(`/auth/token` and its like) ask for the application's own proof, in OAuth's words."""


def turned_away(request: Request) -> AlmonerError | None:
    """Why this request is not heard at all; None when its sender is let in, or nobody has to be."""
    if getattr(request.state, "actor", None) is not None:
        return None
    path = request.url.path
    ask = next((ask for door, ask in DOORS.items() if path == door or path.startswith(f"{door}/")), None)
    try:
        if ask is not None:
            ask(request)
    except AlmonerError as refused:
        return refused
    return None
