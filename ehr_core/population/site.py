"""The site: clinics, payers and the people who work there, as FHIR resources that patients refer to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson

from ehr_core.kernel.ids import stable_id
from ehr_core.population.assumptions import assumptions
from ehr_core.population.draws import Draws
from ehr_core.population.vocabulary import NPI, NUCC, TERMINOLOGY, concept, profile, status_concept

NAMESPACE = "https://almoner.dev/population/site"

Line = tuple[str, bytes]


@cache
def site_id(resource_type: str, key: str) -> str:
    """Ids of the site do not depend on the seed: the same clinic in every synthetic population."""
    return stable_id(NAMESPACE, f"{resource_type}/{key}")


def clinician_key(clinician: int) -> str:
    return f"clinician-{clinician}"


def clinic_key(clinician: int) -> str:
    clinics = assumptions("site")["clinic"]
    return clinics[clinician % len(clinics)]["key"]


@cache
def clinician_name(clinician: int) -> dict[str, Any]:
    """The first clinicians have names of their own; later ones are drawn."""
    named = assumptions("site")["clinician"]
    if clinician < len(named):
        return named[clinician]
    draws = Draws(f"{NAMESPACE}/{clinician}")
    names = assumptions("names")
    pool = names[draws.pick(["white", "black", "hispanic", "asian"])]
    gender = draws.pick(["female", "male"])
    return {"family": draws.pick(pool["family"]), "given": draws.pick(pool[gender]), "gender": gender}


@cache
def clinician_reference(clinician: int) -> dict[str, str]:
    name = clinician_name(clinician)
    return {
        "reference": f"Practitioner/{site_id('Practitioner', clinician_key(clinician))}",
        "display": f"Dr. {name['given']} {name['family']}",
    }


@cache
def clinic_reference(clinician: int) -> dict[str, str]:
    return {"reference": f"Organization/{site_id('Organization', clinic_key(clinician))}"}


@cache
def location_reference(clinician: int) -> dict[str, str]:
    return {"reference": f"Location/{site_id('Location', clinic_key(clinician))}"}


@cache
def payer_reference(payer: str) -> dict[str, str]:
    return {
        "reference": f"Organization/{site_id('Organization', payer)}",
        "display": assumptions("demographics")["payer"][payer]["organization"],
    }


def clinicians_for(patients: int) -> int:
    return -(-patients // assumptions("site")["panel_size"])


def write_site(patients: int) -> Iterator[Line]:
    """Everything that patients refer to, before the first patient."""
    yield from _organizations()
    yield from _locations()
    for number in range(clinicians_for(patients)):
        yield from _clinician(number)
    for member in assumptions("site")["staff"]:
        yield from _staff(member)
    for number in range(clinicians_for(patients)):
        yield _care_team(number)


def _line(resource_type: str, key: str, body: dict[str, Any]) -> Line:
    made = {"resourceType": resource_type, "id": site_id(resource_type, key), **body}
    return resource_type, orjson.dumps(made)


def _address(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "use": "work",
        "line": [row["line"]],
        "city": row["city"],
        "state": row["state"],
        "postalCode": row["zip"],
        "country": "US",
    }


def _organizations() -> Iterator[Line]:
    for row in assumptions("site")["clinic"]:
        yield _line(
            "Organization",
            row["key"],
            {
                "meta": profile("us-core-organization"),
                "active": True,
                "type": [concept(f"{TERMINOLOGY}/organization-type", "prov", "Healthcare Provider")],
                "name": row["name"],
                "telecom": [{"system": "phone", "value": row["phone"], "use": "work"}],
                "address": [_address(row)],
            },
        )
    for key, row in assumptions("demographics")["payer"].items():
        if row["organization"]:
            yield _line(
                "Organization",
                key,
                {
                    "meta": profile("us-core-organization"),
                    "active": True,
                    "type": [concept(f"{TERMINOLOGY}/organization-type", "pay", "Payer")],
                    "name": row["organization"],
                },
            )


def _locations() -> Iterator[Line]:
    for row in assumptions("site")["clinic"]:
        yield _line(
            "Location",
            row["key"],
            {
                "meta": profile("us-core-location"),
                "status": "active",
                "name": row["name"],
                "telecom": [{"system": "phone", "value": row["phone"], "use": "work"}],
                "address": _address(row),
                "managingOrganization": {"reference": f"Organization/{site_id('Organization', row['key'])}"},
            },
        )


def npi_shaped(number: int) -> str:
    """Ten digits with the check digit that US provider numbers use (Luhn over 80840 and nine digits)."""
    nine = str(assumptions("site")["identifier_base"] + number)
    total = 0
    for place, digit in enumerate(reversed(f"80840{nine}")):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{nine}{-total % 10}"


def _clinician(number: int) -> Iterator[Line]:
    name = clinician_name(number)
    yield _practitioner(clinician_key(number), name, npi_shaped(number), prefix="Dr.")
    specialty = assumptions("site")["specialty"]
    yield _role(clinician_key(number), number, specialty["nucc"], specialty["name"])


def _staff(member: dict[str, Any]) -> Iterator[Line]:
    yield _practitioner(member["key"], member, None, prefix=None)
    yield _role(member["key"], 0, member["nucc"], member["title"])


def _practitioner(key: str, name: dict[str, Any], npi: str | None, *, prefix: str | None) -> Line:
    written: dict[str, Any] = {"use": "official", "family": name["family"], "given": [name["given"]]}
    if prefix:
        written["prefix"] = [prefix]
    body: dict[str, Any] = {"meta": profile("us-core-practitioner")}
    if npi:
        body["identifier"] = [{"system": NPI, "value": npi}]
    else:
        body["identifier"] = [{"system": f"{NAMESPACE}/staff", "value": key}]
    body |= {"active": True, "name": [written], "gender": name["gender"]}
    return _line("Practitioner", key, body)


def _role(key: str, clinician: int, nucc: str, title: str) -> Line:
    role = concept(NUCC, nucc, title) if nucc else {"text": title}
    body = {
        "meta": profile("us-core-practitionerrole"),
        "active": True,
        "practitioner": {"reference": f"Practitioner/{site_id('Practitioner', key)}"},
        "organization": clinic_reference(clinician),
        "code": [role],
        "location": [location_reference(clinician)],
        "telecom": [{"system": "phone", "value": "518-555-0100", "use": "work"}],
    }
    return _line("PractitionerRole", key, body)


def _care_team(number: int) -> Line:
    """One team a clinician: the clinician and the care manager. People's own plans refer to it."""
    manager = {"reference": f"Practitioner/{site_id('Practitioner', 'care-manager')}"}
    body = {
        "status": "active",
        "category": [status_concept("care-team-category", "team")],
        "name": f"Care team of {clinician_reference(number)['display']}",
        "participant": [
            {"role": [{"text": "Primary care clinician"}], "member": clinician_reference(number)},
            {"role": [{"text": "Care manager"}], "member": manager},
        ],
        "managingOrganization": [clinic_reference(number)],
    }
    return _line("CareTeam", clinician_key(number), body)
