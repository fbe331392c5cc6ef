"""Roles and the permissions they give, read from roles.toml. No role, no permission."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ehr_core.kernel.errors import BadRequest

STAFF_ROLES = frozenset(
    {"clinician", "nurse", "pharmacist", "care_manager", "front_desk", "biller", "admin", "analyst"}
)
PATIENT_ROLES = frozenset({"patient", "proxy"})
SERVICE_ROLES = frozenset({"service_pipeline", "service_remeasure"})
ACCOUNT_ROLES = STAFF_ROLES | PATIENT_ROLES


REACHES = ("none", "panel", "site", "all")
"""How far a role reaches, the narrowest first. Of several roles the widest counts."""


@dataclass(frozen=True)
class RolePolicy:
    """Whose charts a role opens and which sensitive labels it sees, before any rule about a patient."""

    reach: str = "none"
    sees: frozenset[str] = frozenset()


@cache
def _roles() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("ehr_core.access").joinpath("roles.toml").read_text(encoding="utf-8"))


@cache
def permissions_by_role() -> MappingProxyType[str, frozenset[str]]:
    """Every role with its permissions, as the file says."""
    return MappingProxyType({name: frozenset(entry["permissions"]) for name, entry in _roles().items()})


@cache
def policy_by_role() -> MappingProxyType[str, RolePolicy]:
    """Every staff role's reach and labels, as the file says; a site may say otherwise."""
    return MappingProxyType(
        {name: RolePolicy(_roles()[name]["reach"], frozenset(_roles()[name]["sees"])) for name in STAFF_ROLES}
    )


@cache
def own_labels() -> frozenset[str]:
    """The sensitive labels that a patient of age reads in their own record."""
    return frozenset(_roles()["patient"]["sees"])


def policy_of(roles: Iterable[str], at_this_site: Mapping[str, RolePolicy]) -> RolePolicy:
    """The roles together: the widest reach, every label. What the site says of a role replaces the file's word."""
    known = dict(policy_by_role()) | dict(at_this_site)
    found = [known[role] for role in roles if role in known]
    widest = max((one.reach for one in found), key=REACHES.index, default="none")
    return RolePolicy(widest, frozenset().union(*(one.sees for one in found)))


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
    if ("patient" in given) != (patient_id is not None):
        raise BadRequest("A patient's account needs the patient's id, and no other account may have one.")
    return tuple(sorted(given))
