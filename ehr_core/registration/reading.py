"""Reads a Patient resource into facts: which of several names, numbers and languages counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from data_contracts.api.patients import PatientName
from ehr_core.display import show_language, show_phone
from ehr_core.kernel.fhir_json import codings, extension, reference_id, words
from ehr_core.registration.ages import possible_days
from ehr_core.registration.model import PersonFacts

Resource = dict[str, Any]

MRN_SYSTEM = "https://almoner.dev/fhir/NamingSystem/mrn"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
INTERPRETER_URL = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
PRONOUNS_URL = "http://hl7.org/fhir/StructureDefinition/individual-pronouns"
GENDER_IDENTITY_URLS = (
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity",
    "http://hl7.org/fhir/StructureDefinition/individual-genderIdentity",
)
BIRTH_SEX_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
BIRTH_SEX_WORDS = {"M": "male (at birth)", "F": "female (at birth)"}

NAME_USES = ("official", "usual", None, "nickname", "anonymous", "temp", "maiden", "old")
CALLED_BY = ("usual", "nickname")
PHONE_USES = ("mobile", "home", None, "work", "temp")


def read_person(patient: Resource, today: date) -> PersonFacts:
    """The facts that the Patient resource itself holds: what counts on this day, not what has ended."""
    deceased_on = patient.get("deceasedDateTime")
    language, language_tag = preferred_language(patient)
    return PersonFacts(
        patient_id=patient["id"],
        name=read_name(patient, today),
        birth_date=patient.get("birthDate"),
        deceased=bool(deceased_on or patient.get("deceasedBoolean")),
        deceased_on=deceased_on,
        sex=_sex(patient),
        mrn=read_mrn(patient, today),
        phone=_phone(patient, today),
        email=_contact(patient, "email", today),
        language=language,
        language_tag=language_tag,
        interpreter_required=_interpreter(patient),
        gender_identity=_gender_identity(patient),
        pronouns=_pronouns(patient),
        active=patient.get("active") is not False,
        replaced_by=_replaced_by(patient),
        clinic_id=reference_id(patient.get("managingOrganization"), "Organization"),
        clinician_id=_clinician_id(patient),
        photo_key=_photo_key(patient),
    )


def _photo_key(patient: Resource) -> str | None:
    """What changes when the photo does; None without one that is kept here."""
    photo = next(iter(patient.get("photo") or ()), {})
    url = photo.get("url") or ""
    if photo.get("data"):
        return f"version-{(patient.get('meta') or {}).get('versionId')}"
    return url.removeprefix("Binary/") if url.startswith("Binary/") else None


def read_name(patient: Resource, today: date) -> PatientName:
    """Official before usual, present before past; the name in use beside it when the given names differ."""
    names = sorted(patient.get("name") or (), key=lambda name: _name_rank(name, today))
    if not names:
        return PatientName()
    first = names[0]
    given = " ".join(first.get("given") or ()) or None
    family = first.get("family")
    if not (given or family):
        return PatientName(family=first.get("text"), prefix=_joined(first.get("prefix")))
    called = next(
        (name for name in names[1:] if name.get("use") in CALLED_BY and not _ended(name, today)), None
    )
    used = " ".join((called or {}).get("given") or ()) or (called or {}).get("text")
    return PatientName(
        family=family, given=given, prefix=_joined(first.get("prefix")), used=used if used != given else None
    )


def _name_rank(name: Resource, today: date) -> tuple[bool, int]:
    """A name whose period has ended comes after every present one."""
    use = name.get("use")
    return _ended(name, today), NAME_USES.index(use) if use in NAME_USES else len(NAME_USES)


def _ended(item: Resource, today: date) -> bool:
    """Whether its period is over: every day that the end may mean lies before today."""
    days = possible_days((item.get("period") or {}).get("end"))
    return days is not None and days[1] < today


def _is_current(item: Resource, today: date) -> bool:
    return bool(item.get("value")) and item.get("use") != "old" and not _ended(item, today)


def _joined(parts: Iterable[str] | None) -> str | None:
    return " ".join(parts or ()) or None


def read_mrn(patient: Resource, today: date) -> str | None:
    """This site's record number; else one that says it is a medical record number; never another kind."""
    listed = [item for item in patient.get("identifier") or () if _is_current(item, today)]
    ours = next((item for item in listed if item.get("system") == MRN_SYSTEM), None)
    typed = next((item for item in listed if (IDENTIFIER_TYPE, "MR") in codings(item.get("type"))), None)
    found = ours or typed
    return found["value"] if found else None


def _sex(patient: Resource) -> str | None:
    """Administrative gender; the recorded birth sex, named as such, when there is none."""
    if patient.get("gender"):
        return patient["gender"]
    recorded = (extension(patient, BIRTH_SEX_URL) or {}).get("valueCode", "")
    return BIRTH_SEX_WORDS.get(recorded)


def _phone(patient: Resource, today: date) -> str | None:
    number = _contact(patient, "phone", today) or _contact(patient, "sms", today)
    return show_phone(number) if number else None


def _contact(patient: Resource, system: str, today: date) -> str | None:
    """The best current contact of that kind: by rank, then mobile before home."""
    listed = [
        item
        for item in patient.get("telecom") or ()
        if item.get("system") == system and _is_current(item, today)
    ]
    listed.sort(key=lambda item: (item.get("rank", 99), _phone_rank(item.get("use"))))
    return listed[0]["value"] if listed else None


def _phone_rank(use: str | None) -> int:
    return PHONE_USES.index(use) if use in PHONE_USES else len(PHONE_USES)


def preferred_language(patient: Resource) -> tuple[str | None, str | None]:
    """(in words, BCP 47 tag) of the preferred language, or of the only one; (None, None) when not recorded."""
    listed = patient.get("communication") or []
    chosen = next((item for item in listed if item.get("preferred")), listed[0] if len(listed) == 1 else None)
    if chosen is None:
        return None, None
    concept = chosen.get("language")
    tag = next((code for _, code in codings(concept)), None)
    return (show_language(tag) if tag else words(concept)), tag


def _interpreter(patient: Resource) -> bool | None:
    return (extension(patient, INTERPRETER_URL) or {}).get("valueBoolean")


def _pronouns(patient: Resource) -> str | None:
    value = extension(extension(patient, PRONOUNS_URL), "value") or {}
    return words(value.get("valueCodeableConcept"))


def _gender_identity(patient: Resource) -> str | None:
    for url in GENDER_IDENTITY_URLS:
        found = extension(patient, url)
        nested = extension(found, "value") or found or {}
        if nested.get("valueCodeableConcept"):
            return words(nested["valueCodeableConcept"])
    return None


def _replaced_by(patient: Resource) -> str | None:
    links = (link for link in patient.get("link") or () if link.get("type") == "replaced-by")
    return next(filter(None, (reference_id(link.get("other"), "Patient") for link in links)), None)


def _clinician_id(patient: Resource) -> str | None:
    listed = patient.get("generalPractitioner") or ()
    return next(filter(None, (reference_id(item, "Practitioner") for item in listed)), None)
