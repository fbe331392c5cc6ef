"""Who acts: a person of the staff, a patient, or a service; what they may do and how far they reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ehr_core.kernel.errors import Forbidden


@dataclass(frozen=True)
class Actor:
    """`patient_id` is set for a patient only; `practitioner_id` links a clinician to the FHIR directory."""

    actor_id: str
    kind: Literal["user", "service", "patient"]
    name: str
    roles: tuple[str, ...]
    permissions: frozenset[str]
    session_id: str | None = None
    patient_id: str | None = None
    practitioner_id: str | None = None

    def __post_init__(self) -> None:
        if (self.kind == "patient") != (self.patient_id is not None):
            raise ValueError("a patient actor needs a patient_id, and nobody else has one")
        if not self.actor_id:
            raise ValueError("an actor needs an id")

    @property
    def reach(self) -> Literal["all", "own"]:
        """How far row-level security lets this actor see: a patient only into their own record."""
        return "own" if self.kind == "patient" else "all"

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises Forbidden when the actor's roles do not give this permission."""
        if permission not in self.permissions:
            raise Forbidden(f"This needs the permission '{permission}', which your role does not give.")
