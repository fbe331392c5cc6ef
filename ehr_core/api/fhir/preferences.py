"""The Prefer header: what a write is to answer, and how strictly a search is read."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

RETURNS = ("minimal", "representation", "OperationOutcome")


@dataclass(frozen=True)
class Preferences:
    """`returns` is one of RETURNS. Not `strict`: what a search does not understand is a warning in its answer."""

    returns: str = "representation"
    strict: bool = False


def preferences(request: Request) -> Preferences:
    """What the caller prefers; an unknown preference is none."""
    named = _named(request)
    returns = named.get("return", "")
    return Preferences(
        returns if returns in RETURNS else Preferences.returns, named.get("handling", "").lower() == "strict"
    )


def prefers_async(request: Request) -> bool:
    """Whether an answer that comes later is wanted, in whichever of several Prefer headers that stands."""
    return "respond-async" in _named(request)


def _named(request: Request) -> dict[str, str]:
    named = {}
    for header in request.headers.getlist("prefer"):
        for part in header.replace(";", ",").split(","):
            name, _, value = part.strip().partition("=")
            named[name.strip().lower()] = value.strip().strip('"')
    return named
