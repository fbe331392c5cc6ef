"""Writes who somebody is: Patient, coverage, consent to be contacted, panel status, family history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from data_contracts import demographics
from ehr_core.population.assumptions import assumptions, snomed
from ehr_core.population.facts.chart import Chart
from ehr_core.population.person import Person, years_before
from ehr_core.population.site import clinic_reference, clinician_reference, payer_reference
from ehr_core.population.vocabulary import (
    ACT_CODE,
    FHIR_EXTENSION,
    ICD10CM,
    LOINC,
    MEMBER_NUMBER,
    MRN,
    OUTREACH_CHANNEL,
    PANEL_STATUS,
    RACE_AND_ETHNICITY,
    SNOMED,
    SOPT,
    TERMINOLOGY,
    US_CORE,
    category,
    coding,
    concept,
    profile,
    status_concept,
)

PRONOUNS = {
    "he": ("LA29518-0", "he/him/his/his/himself"),
    "she": ("LA29519-8", "she/her/her/hers/herself"),
    "they": ("LA29520-6", "they/them/their/theirs/themselves"),
}
FLAGS = {
    "opted_out": ("outreach-opt-out", "Opted out of outreach"),
    "transferred_out": ("transferred-out", "Transferred out of this practice"),
}


def write_patient(chart: Chart) -> None:
    person = chart.person
    claim = {"meta": profile("us-core-patient")} if person.gender else {}
    body: dict[str, Any] = claim | {"extension": _extensions(person)}
    body["identifier"] = [_mrn(person)]
    body["active"] = person.standing not in ("inactive", "merged")
    body["name"] = [{"use": "official", "family": person.family, "given": person.given}]
    if person.used:
        body["name"].append({"use": "usual", "family": person.family, "given": [person.used]})
    body["telecom"] = _telecom(chart)
    if person.gender:
        body["gender"] = person.gender
    if person.birth_date:
        body["birthDate"] = person.birth_date.isoformat()
    if person.deceased_on:
        body["deceasedDateTime"] = person.deceased_on.isoformat()
    body["address"] = [_address(chart)]
    body["contact"] = [_emergency_contact(chart)]
    body["communication"] = [_communication(person)]
    body["generalPractitioner"] = [clinician_reference(person.clinician)]
    body["managingOrganization"] = clinic_reference(person.clinician)
    if link := _link(person):
        body["link"] = [link]
    chart.add("Patient", body, resource_id=person.patient_id)


def _extensions(person: Person) -> list[dict[str, Any]]:
    heritage = assumptions("demographics")["heritage"][person.heritage]
    race: list[dict[str, Any]] = []
    if heritage["race"]:
        value = coding(RACE_AND_ETHNICITY, heritage["race"], heritage["race_text"])
        race.append({"url": "ombCategory", "valueCoding": value})
    race.append({"url": "text", "valueString": heritage["race_text"]})
    made = [{"url": f"{US_CORE}/us-core-race", "extension": race}]
    if heritage["race"]:
        made.append({"url": f"{US_CORE}/us-core-ethnicity", "extension": _ethnicity(heritage["hispanic"])})
    if person.birth_sex:
        made.append({"url": f"{US_CORE}/us-core-birthsex", "valueCode": person.birth_sex})
    made += _snomed_extensions(person)
    if person.pronouns:
        code, words = PRONOUNS[person.pronouns]
        value = {"url": "value", "valueCodeableConcept": concept(LOINC, code, words)}
        made.append({"url": f"{FHIR_EXTENSION}/individual-pronouns", "extension": [value]})
    if person.interpreter is not None:
        url = f"{FHIR_EXTENSION}/patient-interpreterRequired"
        made.append({"url": url, "valueBoolean": person.interpreter})
    return made


def _ethnicity(hispanic: bool) -> list[dict[str, Any]]:
    words = "Hispanic or Latino" if hispanic else "Not Hispanic or Latino"
    value = coding(RACE_AND_ETHNICITY, "2135-2" if hispanic else "2186-5", words)
    return [{"url": "ombCategory", "valueCoding": value}, {"url": "text", "valueString": words}]


def _snomed_extensions(person: Person) -> list[dict[str, Any]]:
    """US Core writes sex and gender identity in SNOMED CT: only where the site has the codes."""
    codes = snomed()
    made: list[dict[str, Any]] = []
    if codes and person.gender in codes["sex"]:
        made.append({"url": f"{US_CORE}/us-core-sex", "valueCode": codes["sex"][person.gender]})
    if codes and person.gender_identity:
        row = codes["gender_identity"][person.gender_identity]
        value = concept(SNOMED, row["code"], row["display"])
        made.append({"url": f"{US_CORE}/us-core-genderIdentity", "valueCodeableConcept": value})
    return made


def mrn(person: Person) -> str:
    """A record number of this site: eight digits after an M, in the order of registration."""
    return f"M{10_000_000 + person.index}"


def _mrn(person: Person) -> dict[str, Any]:
    kind = concept(f"{TERMINOLOGY}/v2-0203", "MR", "Medical record number")
    return {"use": "usual", "type": kind, "system": MRN, "value": mrn(person)}


def _phone(chart: Chart) -> str:
    area = chart.draws.pick(assumptions("demographics")["phones"]["area_codes"])
    return f"{area}-555-01{chart.draws.whole(0, 99):02d}"


def _telecom(chart: Chart) -> list[dict[str, str]]:
    person, draws = chart.person, chart.draws
    email = assumptions("demographics")["email"]
    made = [{"system": "phone", "value": _phone(chart), "use": "mobile" if draws.chance(0.8) else "home"}]
    if (person.age is None or person.age >= 14) and draws.chance(email["share"]):
        name = f"person{person.index}@{draws.pick(email['domains'])}"
        made.append({"system": "email", "value": name})
    return made


def _address(chart: Chart) -> dict[str, Any]:
    draws, told = chart.draws, chart.person.address
    facts = assumptions("demographics")
    towns = facts["town"]
    town = towns[int(draws.weighted({str(place): row["share"] for place, row in enumerate(towns)}))]
    lines = [f"{draws.whole(1, 480)} {draws.pick(facts['streets']['names'])}"]
    if draws.chance(facts["streets"]["unit_share"]):
        lines.append(f"Apt {draws.whole(1, 40)}")
    made = {
        "use": "home",
        "line": lines,
        "city": town["name"],
        "state": town["state"],
        "postalCode": draws.pick(town["zip"]),
        "country": "US",
    }
    return made | (told or {})


def _emergency_contact(chart: Chart) -> dict[str, Any]:
    person, draws = chart.person, chart.draws
    names = assumptions("names")[assumptions("demographics")["heritage"][person.heritage]["names"]]
    child = person.age is not None and person.age < 18
    sex = draws.pick(["female", "male"])
    relationship = ("PRN", "parent") if child else ("C", "Emergency contact")
    system = f"{TERMINOLOGY}/v3-RoleCode" if child else f"{TERMINOLOGY}/v2-0131"
    return {
        "relationship": [concept(system, *relationship)],
        "name": {"family": person.family, "given": [draws.pick(names[sex])]},
        "telecom": [{"system": "phone", "value": _phone(chart), "use": "mobile"}],
        "gender": sex,
    }


def _communication(person: Person) -> dict[str, Any]:
    words = assumptions("demographics")["languages"][person.language]
    return {"language": concept("urn:ietf:bcp:47", person.language, words), "preferred": True}


def _link(person: Person) -> dict[str, Any] | None:
    if person.replaced_by:
        return {"other": {"reference": f"Patient/{person.replaced_by}"}, "type": "replaced-by"}
    if person.replaces:
        return {"other": {"reference": f"Patient/{person.replaces}"}, "type": "replaces"}
    return None


def write_coverage(chart: Chart) -> None:
    person = chart.person
    row = assumptions("demographics")["payer"][person.payer]
    member = f"{row['sopt']}SYN{900_000_000 + person.index}"
    payor = chart.subject if person.payer == "self_pay" else payer_reference(person.payer)
    start = chart.calendar.as_of.replace(month=1, day=1) - timedelta(days=365 * chart.draws.whole(0, 4))
    if person.birth_date:
        start = max(start, person.birth_date)
    kind = concept(f"{TERMINOLOGY}/v2-0203", "MB", "Member Number")
    chart.add(
        "Coverage",
        {
            "meta": profile("us-core-coverage"),
            "identifier": [{"type": kind, "system": MEMBER_NUMBER, "value": member}],
            "status": "active",
            "type": concept(SOPT, row["sopt"], row["name"]),
            "subscriberId": member,
            "beneficiary": chart.subject,
            "order": 1,
            "relationship": status_concept("subscriber-relationship", "self"),
            "period": {"start": start.isoformat()},
            "payor": [payor],
        },
    )


def write_consents(chart: Chart) -> None:
    """What was said about each channel; a channel without a Consent was never asked about."""
    for channel, shares in assumptions("demographics")["consent"].items():
        rest = max(0.0, 1 - shares["given"] - shares["refused"])
        said = chart.draws.weighted({"given": shares["given"], "refused": shares["refused"], "": rest})
        if chart.person.standing == "opted_out":
            said = "refused"
        if said:
            _write_consent(chart, channel, given=said == "given")


def _write_consent(chart: Chart, channel: str, *, given: bool) -> None:
    day = chart.calendar.days_ago(chart.draws.whole(30, 900))
    if chart.person.birth_date:
        day = max(day, chart.person.birth_date + timedelta(days=4))
    chart.add(
        "Consent",
        {
            "status": "active",
            "scope": status_concept("consentscope", "patient-privacy"),
            "category": [concept(LOINC, "59284-0", "Patient Consent")],
            "patient": chart.subject,
            "dateTime": day.isoformat(),
            "policyRule": {"coding": [coding(ACT_CODE, "OPTIN" if given else "OPTOUT")]},
            "provision": {
                "type": "permit" if given else "deny",
                "code": [concept(OUTREACH_CHANNEL, channel, f"Messages by {channel}")],
            },
        },
    )


def write_flags(chart: Chart) -> None:
    if chart.person.standing in FLAGS:
        code, words = FLAGS[chart.person.standing]
        start = chart.calendar.days_ago(chart.draws.whole(20, 300))
        chart.add(
            "Flag",
            {
                "status": "active",
                "category": category("flag-category", "admin"),
                "code": concept(PANEL_STATUS, code, words),
                "subject": chart.subject,
                "period": {"start": start.isoformat()},
            },
        )


def write_family_history(chart: Chart) -> None:
    if not chart.draws.chance(0.06) or not chart.person.birth_date:
        return
    code, words, who, name = chart.draws.pick(
        [
            ("Z80.0", "Family history of malignant neoplasm of digestive organs", "FTH", "father"),
            ("Z80.3", "Family history of malignant neoplasm of breast", "MTH", "mother"),
            ("Z83.3", "Family history of diabetes mellitus", "MTH", "mother"),
        ]
    )
    chart.add(
        "FamilyMemberHistory",
        {
            "status": "completed",
            "patient": chart.subject,
            "date": max(chart.calendar.days_ago(700), years_before(chart.calendar.as_of, 2)).isoformat(),
            "relationship": concept(f"{TERMINOLOGY}/v3-RoleCode", who, name),
            "condition": [
                {"code": concept(ICD10CM, code, words)},
            ],
        },
    )


def write_proxy(
    chart: Chart, day: date, *, given: str, family: str, relationship: str, scopes: Sequence[str]
) -> None:
    """Somebody who may act for the person from that day on, within these scopes."""
    related = demographics.relationships()[relationship]
    chart.add(
        "RelatedPerson",
        {
            "extension": [{"url": demographics.PROXY_SCOPE_URL, "valueCode": scope} for scope in scopes],
            "active": True,
            "patient": chart.subject,
            "relationship": [concept(related.system, related.code, related.display)],
            "name": [{"family": family, "given": [given]}],
            "telecom": [{"system": "phone", "value": _phone(chart)}],
            "period": {"start": day.isoformat()},
        },
    )


def write_directive(chart: Chart, day: date, *, kind: str, note: str) -> None:
    """An advance directive in force since that day; its document lies elsewhere."""
    chart.add(
        "Consent",
        {
            "status": "active",
            "scope": status_concept("consentscope", "adr"),
            "category": [demographics.directive_category(kind)],
            "patient": chart.subject,
            "dateTime": day.isoformat(),
            "policyRule": {"text": note},
        },
    )
