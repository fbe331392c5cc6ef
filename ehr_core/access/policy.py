"""Is this session still good, and as whom? Pure: facts and the time in, an answer out. No answer means no."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class SessionFacts:
    """What is stored about a session and its account, read at this very call."""

    account_disabled: bool
    revoked: bool
    last_seen_at: datetime
    ends_at: datetime
    roles: tuple[str, ...]
    patient_id: str | None


def why_session_ended(facts: SessionFacts, *, now: datetime, idle: timedelta) -> str | None:
    """Why this session may no longer be used; None while it may."""
    if facts.account_disabled:
        return "account_disabled"
    if facts.revoked:
        return "revoked"
    if now >= facts.ends_at:
        return "expired"
    if now - facts.last_seen_at >= idle:
        return "idle"
    return None


def effective_roles(
    roles: Collection[str], allowed: Collection[str], *, patient_id: str | None
) -> tuple[str, ...]:
    """The account's roles that count in this app: a staff role is worth nothing in the portal, and back.

    The patient role without a patient's id is worth nothing anywhere.
    """
    counted = set(roles) & set(allowed)
    if patient_id is None:
        counted -= {"patient"}
    return tuple(sorted(counted))
