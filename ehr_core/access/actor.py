"""Who acts: a person of the staff, a patient, or a service; what they may do and how far they reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_contracts.sensitivity import ORDINARY_LABELS
from ehr_core.kernel.errors import Forbidden


@dataclass(frozen=True)
class ApplicationGrant:
    """What an outside application may do in somebody's name: its scopes, and the patient that it was opened for.

    `only` is that patient when no scope reaches anybody else: then the database shows it that one chart. `grant_id` is
    what somebody allowed it; None for a backend service, which acts as itself.
    """

    client_id: str
    scopes: tuple[str, ...]
    patient_id: str | None = None
    only: str | None = None
    grant_id: str | None = None


ORDINARY_CODES = frozenset(code for _, code in ORDINARY_LABELS)


def restricting_labels(inherited: str | None) -> list[str]:
    """Of the labels that an answer inherits from its evidence, a space between, those that restrict somebody."""
    return [label for label in (inherited or "").split() if label.rpartition("|")[2] not in ORDINARY_CODES]


@dataclass(frozen=True)
class Actor:
    """`patient_id` is set for a patient only (for a proxy, whom they act for); `practitioner_id` links a clinician to
    the FHIR directory. `chart_reach` and `sees` (sensitive labels, '*' for all) are the roles' part of the policy on
    charts; a patient sees the labels that are named, never '*'. `application` narrows all of it to what an outside
    application was granted.
    """

    actor_id: str
    kind: Literal["user", "service", "patient"]
    name: str
    roles: tuple[str, ...]
    permissions: frozenset[str]
    session_id: str | None = None
    patient_id: str | None = None
    practitioner_id: str | None = None
    chart_reach: Literal["all", "site", "panel", "none"] = "all"
    sees: frozenset[str] = frozenset({"*"})
    application: ApplicationGrant | None = None

    def __post_init__(self) -> None:
        if (self.kind == "patient") != (self.patient_id is not None):
            raise ValueError("a patient actor needs a patient_id, and nobody else has one")
        if not self.actor_id:
            raise ValueError("an actor needs an id")

    @property
    def reach(self) -> Literal["all", "own"]:
        """How far row-level security lets this actor see: a patient only into their own record."""
        return "own" if self.kind == "patient" else "all"

    @property
    def labels_seen(self) -> frozenset[str]:
        """`sees`, of which '*' is for staff and services alone."""
        return self.sees - {"*"} if self.kind == "patient" else self.sees

    def sees_labels(self, inherited: str | None) -> bool:
        """May this actor see an item that carries these inherited labels (each its code, or `system|code`)?"""
        found = restricting_labels(inherited)
        if self.kind == "patient":
            return self.labels_seen.issuperset(found)
        return all(self.sees & {"*", label, label.rpartition("|")[2]} for label in found)

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises Forbidden when the actor's roles do not give this permission."""
        if permission not in self.permissions:
            raise Forbidden(f"This needs the permission '{permission}', which your role does not give.")
