"""Roles and the permissions they give, read from roles.toml. No role, no permission."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from ehr_core.kernel.errors import BadRequest

STAFF_ROLES = frozenset(
    {"clinician", "nurse", "pharmacist", "care_manager", "front_desk", "admin", "analyst"}
)
PATIENT_ROLES = frozenset({"patient"})
SERVICE_ROLES = frozenset({"service_pipeline", "service_remeasure"})
ACCOUNT_ROLES = STAFF_ROLES | PATIENT_ROLES


@cache
def permissions_by_role() -> MappingProxyType[str, frozenset[str]]:
    """Every role with its permissions, as the file says."""
    text = files("ehr_core.access").joinpath("roles.toml").read_text(encoding="utf-8")
    roles = {name: frozenset(entry["permissions"]) for name, entry in tomllib.loads(text).items()}
    return MappingProxyType(roles)


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """The permissions of these roles together. A role that nobody knows gives nothing."""
    known = permissions_by_role()
    return frozenset().union(*(known.get(role, frozenset()) for role in roles))


def check_account_roles(roles: Iterable[str], *, patient_id: str | None) -> tuple[str, ...]:
    """The roles of an account, sorted; refuses unknown ones, mixtures and a patient without a record."""
    given = frozenset(roles)
    unknown = sorted(given - ACCOUNT_ROLES)
    if unknown:
        raise BadRequest(
            f"No account can have the role {', '.join(map(repr, unknown))}. "
            f"Choose from {', '.join(sorted(ACCOUNT_ROLES))}."
        )
    if not given:
        raise BadRequest("An account needs at least one role.")
    if given & PATIENT_ROLES and given & STAFF_ROLES:
        raise BadRequest(
            "One account cannot be both staff and patient. Make a second account for the portal."
        )
    if bool(given & PATIENT_ROLES) != (patient_id is not None):
        raise BadRequest("A patient's account needs the patient's id, and a staff account must not have one.")
    return tuple(sorted(given))
