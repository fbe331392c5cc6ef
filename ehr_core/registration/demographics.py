"""The demographic facts of a Patient as a form, and the form back into the Patient. Pure.

Writing changes what the form knows of and nothing else: an entry keeps what it holds beyond the form, and an entry that
says the same stays as it is, digit for digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import (
    AddressEntry,
    ContactEntry,
    Demographics,
    Heritage,
    NameEntry,
    TelecomEntry,
)
from data_contracts.api.model import ApiModel
from ehr_core.kernel.fhir_json import codings, extension, reference_id, without_empty, words
from ehr_core.registration.combining import ETHNICITY_URL, RACE_URL
from ehr_core.registration.new_patient import LANGUAGE_SYSTEM
from ehr_core.registration.reading import (
    BIRTH_SEX_URL,
    GENDER_IDENTITY_URLS,
    INTERPRETER_URL,
    PRONOUNS_URL,
    preferred_language,
)

Resource = dict[str, Any]
Entry = TypeVar("Entry", bound=ApiModel)

PHARMACY_URL = "http://hl7.org/fhir/StructureDefinition/patient-preferredPharmacy"
PHARMACY_PHONE_URL = "https://almoner.dev/fhir/StructureDefinition/pharmacy-phone"
LOINC = "http://loinc.org"
NULL_ANSWERS = {code: answer for answer, (code, _) in vocabulary.ANSWERS_WITHOUT.items()}


# Reading


def read_facts(patient: Resource) -> Demographics:
    """What the record holds, as the form shows it."""
    gender, gender_text = _coded(_gender_identity(patient), vocabulary.gender_identities())
    pronouns, pronouns_text = _coded(_inner(patient, PRONOUNS_URL), vocabulary.choices("pronouns"))
    deceased_on = patient.get("deceasedDateTime")
    return Demographics(
        names=[_read_name(place, name) for place, name in enumerate(patient.get("name") or ())],
        birth_date=patient.get("birthDate"),
        birth_order=patient.get("multipleBirthInteger"),
        sex=patient.get("gender"),
        birth_sex=(extension(patient, BIRTH_SEX_URL) or {}).get("valueCode"),
        gender_identity=gender,
        gender_identity_text=gender_text,
        pronouns=pronouns,
        pronouns_text=pronouns_text,
        race=_read_heritage(patient, RACE_URL),
        ethnicity=_read_heritage(patient, ETHNICITY_URL),
        language=preferred_language(patient)[1],
        interpreter_required=(extension(patient, INTERPRETER_URL) or {}).get("valueBoolean"),
        deceased=True if deceased_on else patient.get("deceasedBoolean"),
        deceased_on=deceased_on,
        telecom=[_read_telecom(place, item) for place, item in enumerate(patient.get("telecom") or ())],
        addresses=[_read_address(place, item) for place, item in enumerate(patient.get("address") or ())],
        contacts=[_read_contact(place, item) for place, item in enumerate(patient.get("contact") or ())],
        clinician_id=_clinician_id(patient),
        pharmacy=(_pharmacy(patient).get("display")),
        pharmacy_phone=(extension(_pharmacy(patient), PHARMACY_PHONE_URL) or {}).get("valueString"),
        active=patient.get("active") is not False,
    )


def _read_name(place: int, name: Resource) -> NameEntry:
    period = name.get("period") or {}
    family, given = name.get("family"), " ".join(name.get("given") or ()) or None
    return NameEntry(
        place=place,
        use=name.get("use"),
        family=family if family or given else name.get("text"),
        given=given,
        prefix=" ".join(name.get("prefix") or ()) or None,
        suffix=" ".join(name.get("suffix") or ()) or None,
        start=period.get("start"),
        end=period.get("end"),
    )


def _read_telecom(place: int, item: Resource) -> TelecomEntry:
    return TelecomEntry(
        place=place,
        system=item.get("system") or "other",
        value=item.get("value"),
        use=item.get("use"),
        rank=item.get("rank") if 1 <= (item.get("rank") or 0) <= 9 else None,
    )


def _read_address(place: int, item: Resource) -> AddressEntry:
    period = item.get("period") or {}
    return AddressEntry(
        place=place,
        use=item.get("use"),
        line="\n".join(item.get("line") or ()) or item.get("text"),
        city=item.get("city"),
        state=item.get("state"),
        postal_code=item.get("postalCode"),
        country=item.get("country"),
        start=period.get("start"),
        end=period.get("end"),
    )


def _read_contact(place: int, item: Resource) -> ContactEntry:
    name = item.get("name") or {}
    telecom = {each.get("system"): each.get("value") for each in reversed(item.get("telecom") or ())}
    codes = [code for concept in item.get("relationship") or () for _, code in codings(concept)]
    return ContactEntry(
        place=place,
        name=" ".join([*(name.get("given") or ()), name.get("family") or ""]).strip() or name.get("text"),
        relationship=next((code for code in codes if code in vocabulary.relationships()), None),
        phone=telecom.get("phone"),
        email=telecom.get("email"),
    )


def _read_heritage(patient: Resource, url: str) -> Heritage:
    inner = (extension(patient, url) or {}).get("extension") or ()
    codes = [item["valueCoding"]["code"] for item in inner if item.get("url") == "ombCategory"]
    answers = [NULL_ANSWERS[code] for code in codes if code in NULL_ANSWERS]
    return Heritage(
        categories=[code for code in codes if code not in NULL_ANSWERS],
        detailed=[item["valueCoding"]["code"] for item in inner if item.get("url") == "detailed"],
        answer=answers[0] if answers else None,
    )


def _gender_identity(patient: Resource) -> Resource | None:
    for url in GENDER_IDENTITY_URLS:
        found = extension(patient, url)
        if found:
            return found.get("valueCodeableConcept") or _inner(patient, url)
    return None


def _inner(patient: Resource, url: str) -> Resource | None:
    return (extension(extension(patient, url), "value") or {}).get("valueCodeableConcept")


def _coded(concept: Resource | None, known: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(code, None) for one that the form offers, else (None, its words)."""
    code = next((code for _, code in codings(concept) if code in known), None)
    return (code, None) if code else (None, words(concept))


def _clinician_id(patient: Resource) -> str | None:
    listed = patient.get("generalPractitioner") or ()
    return next(filter(None, (reference_id(item, "Practitioner") for item in listed)), None)


def _pharmacy(patient: Resource) -> Resource:
    return (extension(extension(patient, PHARMACY_URL), "pharmacy") or {}).get("valueReference") or {}


# Writing


def write_facts(patient: Resource, facts: Demographics, *, clinician: Resource | None) -> Resource:
    """The Patient with the form's facts. `clinician`: a reference to the chosen Practitioner."""
    was = read_facts(patient)
    made = dict(patient)
    if facts.active != was.active:
        made["active"] = facts.active
    _set(made, "birthDate", facts.birth_date)
    _set(made, "gender", facts.sex)
    _set(made, "multipleBirthInteger", facts.birth_order)
    if facts.birth_order is not None:
        made.pop("multipleBirthBoolean", None)
    _write_death(made, facts)
    made["name"] = _entries(patient.get("name"), was.names, facts.names, _write_name)
    made["telecom"] = _entries(patient.get("telecom"), was.telecom, facts.telecom, _write_telecom)
    made["address"] = _entries(patient.get("address"), was.addresses, facts.addresses, _write_address)
    made["contact"] = _entries(patient.get("contact"), was.contacts, facts.contacts, _write_contact)
    if facts.language != was.language:
        made["communication"] = _communication(patient, facts.language)
    if facts.clinician_id != was.clinician_id:
        others = [
            item
            for item in patient.get("generalPractitioner") or ()
            if not reference_id(item, "Practitioner")
        ]
        made["generalPractitioner"] = [*([clinician] if clinician else []), *others]
    _write_extensions(made, was, facts)
    return without_empty(made)


def _set(made: Resource, element: str, value: Any) -> None:
    if value is None:
        made.pop(element, None)
    else:
        made[element] = value


def _write_death(made: Resource, facts: Demographics) -> None:
    made.pop("deceasedBoolean", None)
    made.pop("deceasedDateTime", None)
    if facts.deceased and facts.deceased_on:
        made["deceasedDateTime"] = facts.deceased_on
    elif facts.deceased is not None:
        made["deceasedBoolean"] = facts.deceased


def _entries(
    stored: list[Resource] | None,
    was: Sequence[Entry],
    now: Sequence[Entry],
    write: Callable[[Resource, Any], Resource],
) -> list[Resource]:
    """An entry that says the same stays as it is; a changed one is written over what it was; the rest is gone."""
    old = list(stored or ())
    made = []
    for entry in now:
        place = entry.place
        if place is not None and place < len(old) and was[place] == entry:
            made.append(old[place])
        else:
            made.append(write(dict(old[place]) if place is not None and place < len(old) else {}, entry))
    return [item for item in made if without_empty(item)]


def _write_name(old: Resource, entry: NameEntry) -> Resource:
    old.pop("text", None)
    return old | {
        "use": entry.use,
        "family": _said(entry.family),
        "given": (entry.given or "").split(),
        "prefix": (entry.prefix or "").split(),
        "suffix": (entry.suffix or "").split(),
        "period": _period(old, entry.start, entry.end),
    }


def _write_telecom(old: Resource, entry: TelecomEntry) -> Resource:
    return old | {
        "system": entry.system,
        "value": _said(entry.value),
        "use": entry.use,
        "rank": entry.rank,
    }


def _write_address(old: Resource, entry: AddressEntry) -> Resource:
    old.pop("text", None)
    return old | {
        "use": entry.use,
        "line": [line for line in map(_said, (entry.line or "").splitlines()) if line],
        "city": _said(entry.city),
        "state": _said(entry.state),
        "postalCode": _said(entry.postal_code),
        "country": _said(entry.country),
        "period": _period(old, entry.start, entry.end),
    }


def _write_contact(old: Resource, entry: ContactEntry) -> Resource:
    *given, family = (entry.name or "").split() or [""]
    known = vocabulary.relationships().get(entry.relationship or "")
    telecom = [item for item in old.get("telecom") or () if item.get("system") not in ("phone", "email")]
    telecom += [
        {"system": system, "value": _said(value)}
        for system, value in (("phone", entry.phone), ("email", entry.email))
        if _said(value)
    ]
    relationship = old.get("relationship")
    if known:
        coding = {"system": known.system, "code": known.code, "display": known.display}
        relationship = [{"coding": [coding], "text": known.words}]
    return old | {
        "name": {"given": given, "family": family or None} if entry.name else None,
        "relationship": relationship,
        "telecom": telecom,
    }


def _period(old: Resource, start: str | None, end: str | None) -> Resource:
    return {**(old.get("period") or {}), "start": start or None, "end": end or None}


def _communication(patient: Resource, tag: str | None) -> list[Resource]:
    """The preferred language first; others that are recorded stay, not preferred."""
    others = []
    for item in patient.get("communication") or ():
        if tag not in {code for _, code in codings(item.get("language"))} and not item.get("preferred"):
            others.append(item)
    if tag is None:
        return others
    return [{"language": {"coding": [{"system": LANGUAGE_SYSTEM, "code": tag}]}, "preferred": True}, *others]


def _write_extensions(made: Resource, was: Demographics, facts: Demographics) -> None:
    """Replaces the extensions whose fact changed, and no other."""
    changed: dict[str, Resource | None] = {}
    if facts.birth_sex != was.birth_sex:
        changed[BIRTH_SEX_URL] = _simple(BIRTH_SEX_URL, "valueCode", facts.birth_sex)
    if facts.interpreter_required != was.interpreter_required:
        changed[INTERPRETER_URL] = _simple(INTERPRETER_URL, "valueBoolean", facts.interpreter_required)
    if facts.race != was.race:
        changed[RACE_URL] = _heritage(RACE_URL, facts.race, vocabulary.races())
    if facts.ethnicity != was.ethnicity:
        changed[ETHNICITY_URL] = _heritage(ETHNICITY_URL, facts.ethnicity, vocabulary.ethnicities())
    if (facts.gender_identity, facts.gender_identity_text) != (was.gender_identity, was.gender_identity_text):
        changed |= dict.fromkeys(GENDER_IDENTITY_URLS)
        changed[GENDER_IDENTITY_URLS[0]] = _gender(facts)
    if (facts.pronouns, facts.pronouns_text) != (was.pronouns, was.pronouns_text):
        changed[PRONOUNS_URL] = _pronouns(facts)
    if (facts.pharmacy, facts.pharmacy_phone) != (was.pharmacy, was.pharmacy_phone):
        changed[PHARMACY_URL] = _write_pharmacy(facts)
    kept = [item for item in made.get("extension") or () if item.get("url") not in changed]
    made["extension"] = kept + [item for item in changed.values() if item]


def _simple(url: str, element: str, value: Any) -> Resource | None:
    return None if value is None else {"url": url, element: value}


def _heritage(url: str, heritage: Heritage, groups: vocabulary.Groups) -> Resource | None:
    if heritage.answer:
        code, display = vocabulary.ANSWERS_WITHOUT[heritage.answer]
        coding = {"system": vocabulary.NULL_FLAVOR, "code": code, "display": display}
        return _heritage_of(url, [("ombCategory", coding)], display)
    codes = [("ombCategory", code) for code in heritage.categories]
    codes += [("detailed", code) for code in heritage.detailed]
    if not codes:
        return None
    named = [
        (kind, {"system": vocabulary.RACE_AND_ETHNICITY, "code": code, "display": groups.words(code)})
        for kind, code in codes
    ]
    said = ", ".join(coding["display"] or coding["code"] for _, coding in named)
    return _heritage_of(url, named, said)


def _heritage_of(url: str, named: list[tuple[str, Resource]], text: str) -> Resource:
    inner: list[Resource] = [{"url": kind, "valueCoding": coding} for kind, coding in named]
    return {"url": url, "extension": [*inner, {"url": "text", "valueString": text}]}


def _gender(facts: Demographics) -> Resource | None:
    known = vocabulary.gender_identities().get(facts.gender_identity or "")
    if known:
        coding = {"system": known.system, "code": known.code, "display": known.display}
        return {
            "url": GENDER_IDENTITY_URLS[0],
            "valueCodeableConcept": {"coding": [coding], "text": known.words},
        }
    said = _said(facts.gender_identity_text)
    return {"url": GENDER_IDENTITY_URLS[0], "valueCodeableConcept": {"text": said}} if said else None


def _pronouns(facts: Demographics) -> Resource | None:
    known = vocabulary.choices("pronouns").get(facts.pronouns or "")
    if known:
        concept: Resource = {
            "coding": [{"system": LOINC, "code": facts.pronouns, "display": known}],
            "text": known,
        }
    elif said := _said(facts.pronouns_text):
        concept = {"text": said}
    else:
        return None
    return {"url": PRONOUNS_URL, "extension": [{"url": "value", "valueCodeableConcept": concept}]}


def _write_pharmacy(facts: Demographics) -> Resource | None:
    said, phone = _said(facts.pharmacy), _said(facts.pharmacy_phone)
    if not said:
        return None
    reference: Resource = {"display": said}
    if phone:
        reference["extension"] = [{"url": PHARMACY_PHONE_URL, "valueString": phone}]
    return {"url": PHARMACY_URL, "extension": [{"url": "pharmacy", "valueReference": reference}]}


def _said(text: str | None) -> str | None:
    return " ".join((text or "").split()) or None
