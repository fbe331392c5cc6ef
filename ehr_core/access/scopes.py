"""SMART scopes: what an outside application may do with which resources. Pure.

Version 2 (`patient/Observation.rs?category=system|code`), and version 1 (`patient/Observation.read`) in other words.
Source: HL7 SMART App Launch 2.2, Scopes for requesting FHIR resources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

FORM = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>[A-Z][A-Za-z]{1,40}|\*)\."
    r"(?P<acts>c?r?u?d?s?|read|write|\*)(?:\?(?P<query>[^\s]{1,300}))?"
)
VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
CATEGORY_TYPES = frozenset(
    {"Observation", "Condition", "DocumentReference", "DiagnosticReport", "ServiceRequest"}
)
"""Types whose categories are kept in a column, and may be asked for in a scope."""

LAUNCHES = frozenset({"launch", "launch/patient", "launch/encounter"})
SIGN_ON = frozenset({"openid", "fhirUser", "profile"})
LASTING = frozenset({"offline_access", "online_access"})

WORDS = {"c": "create", "r": "read", "u": "change", "d": "delete", "s": "search"}
PLAIN_ACTS = {"r": "read", "s": "read", "c": "add", "u": "change", "d": "delete"}
TYPE_WORDS = {
    "*": "everything",
    "AllergyIntolerance": "allergies",
    "Appointment": "appointments",
    "CarePlan": "care plans",
    "CareTeam": "the care team",
    "Condition": "problems and diagnoses",
    "Coverage": "insurance",
    "Device": "implants and devices",
    "DiagnosticReport": "reports of tests",
    "DocumentReference": "notes and documents",
    "Encounter": "visits",
    "Goal": "goals",
    "Immunization": "vaccinations",
    "MedicationDispense": "medicines handed out",
    "MedicationRequest": "prescriptions",
    "Observation": "test results and measurements",
    "Patient": "name, address and other details",
    "Procedure": "procedures",
    "QuestionnaireResponse": "answers to questionnaires",
    "ServiceRequest": "orders and referrals",
}
"""What people call what a type holds; any other type goes by its own name."""
WHERE_WORDS = {
    "patient": "in the chosen record",
    "user": "in every record that you can open",
    "system": "in every record that it is registered for",
}


@dataclass(frozen=True)
class ResourceScope:
    """`category` is `system|code`, for a scope that is narrowed to it."""

    level: str
    type_name: str
    acts: frozenset[str]
    category: str | None = None

    def covers(self, type_name: str, act: str) -> bool:
        return act in self.acts and self.type_name in (type_name, "*")

    def within(self, wider: ResourceScope) -> bool:
        """Whether the other scope allows everything that this one does."""
        return (
            self.level == wider.level
            and wider.type_name in (self.type_name, "*")
            and self.acts <= wider.acts
            and (wider.category is None or wider.category == self.category)
        )


def parse(scope: str) -> ResourceScope | None:
    """The scope; None for one that is no scope of resources, or that is narrowed by what is not supported."""
    found = FORM.fullmatch(scope)
    if found is None or not found["acts"]:
        return None
    category = None
    if found["query"] is not None:
        given = parse_qsl(found["query"], keep_blank_values=True)
        if len(given) != 1 or given[0][0] != "category" or found["type"] not in CATEGORY_TYPES:
            return None
        category = given[0][1]
        if not re.fullmatch(r"[^|\s]+\|[^|\s]+", category):
            return None
    acts = VERSION_1.get(found["acts"], found["acts"])
    return ResourceScope(found["level"], found["type"], frozenset(acts), category)


def is_known(scope: str) -> bool:
    return scope in LAUNCHES | SIGN_ON | LASTING or parse(scope) is not None


def granted(asked: Iterable[str], registered: Iterable[str], *, levels: Iterable[str]) -> tuple[str, ...]:
    """Of what is asked, what the application is registered for and this sign-in can give; in the order asked.

    A scope of resources is given when a registered one allows all of it: nobody gets more than was registered.
    """
    wide = [found for one in registered if (found := parse(one))]
    plain = {one for one in registered if parse(one) is None}
    allowed = set(levels)

    def is_given(scope: str) -> bool:
        found = parse(scope)
        if found is None:
            return scope in plain and is_known(scope)
        return found.level in allowed and any(found.within(one) for one in wide)

    return tuple(dict.fromkeys(scope for scope in asked if is_given(scope)))


def covering(scopes: Iterable[str], type_name: str, act: str) -> list[ResourceScope]:
    """The scopes that allow this act on this type; empty: it is refused."""
    return [found for one in scopes if (found := parse(one)) and found.covers(type_name, act)]


def exported_types(scopes: Iterable[str]) -> frozenset[str]:
    """The types ('*' for all) that a backend service may export: whole ones, so a narrowed scope gives none."""
    found = (parse(one) for one in scopes)
    return frozenset(
        one.type_name
        for one in found
        if one and one.level == "system" and one.category is None and "r" in one.acts
    )


def has_level(scopes: Iterable[str], level: str) -> bool:
    return any((found := parse(one)) and found.level == level for one in scopes)


def acts_of(scopes: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(found.acts for one in scopes if (found := parse(one))))


def permissions_of_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """What scopes leave of somebody's permissions: reading and writing FHIR, nothing of the screens."""
    acts = acts_of(scopes)
    reading = {"fhir.read", "own.read"} if acts & {"r", "s"} else set()
    return frozenset(reading | ({"fhir.write"} if acts & {"c", "u", "d"} else set()))


def sentence(scope: str) -> str:
    """A scope for the person who is asked to allow it."""
    plain = {
        "launch": "Know which patient's chart is open",
        "launch/patient": "Know whose record you choose",
        "launch/encounter": "Know which visit is open",
        "openid": "Know who you are",
        "fhirUser": "Know which record or directory entry is yours",
        "profile": "Know your name",
        "offline_access": "Keep this access after you have signed out, until you take it away",
        "online_access": "Keep this access while you are signed in",
    }
    found = parse(scope)
    if found is None:
        return plain.get(scope, scope)
    acts = list(dict.fromkeys(PLAIN_ACTS[act] for act in "rscud" if act in found.acts))
    told = " and ".join(filter(None, (", ".join(acts[:-1]), acts[-1]))).capitalize()
    what = TYPE_WORDS.get(found.type_name, f"{found.type_name} records")
    of_kind = f" ({found.category.rpartition('|')[2].replace('-', ' ')} alone)" if found.category else ""
    return f"{told} {what}{of_kind} {WHERE_WORDS[found.level]}"
