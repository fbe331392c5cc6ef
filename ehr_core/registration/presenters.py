"""Facts of a person as the API says them: a search hit, the banner. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from data_contracts.api.patients import PatientBanner, PatientHit
from data_contracts.code_systems import PANEL_STATUS
from ehr_core.kernel.fhir_json import codings, words
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.same_name import mistakable

STATUS_WORDS = {
    "outreach-opt-out": "Opted out of outreach",
    "transferred-out": "Transferred out of this practice",
}


def present_hits(
    people: Sequence[PersonFacts], today: date, *, alike: Collection[str] = ()
) -> list[PatientHit]:
    """One row a person, those with a name like another's on the list marked. `alike`: not found as typed."""
    mistaken = mistakable({person.patient_id: person.name for person in people})
    return [
        PatientHit(
            patient_id=person.patient_id,
            name=person.name,
            birth_date=person.birth_date,
            age_years=person.age_years(today),
            sex=person.sex,
            mrn=person.mrn,
            phone=person.phone,
            same_name=person.patient_id in mistaken,
            deceased=person.deceased,
            active=person.active and person.replaced_by is None,
            alike=person.patient_id in alike,
        )
        for person in people
    ]


def present_banner(person: PersonFacts, today: date) -> PatientBanner:
    return PatientBanner(
        patient_id=person.patient_id,
        name=person.name,
        birth_date=person.birth_date,
        age_years=person.age_years(today),
        sex=person.sex,
        gender_identity=person.gender_identity,
        pronouns=person.pronouns,
        mrn=person.mrn,
        language=person.language,
        interpreter_required=person.interpreter_required,
        deceased=person.deceased,
        deceased_on=person.deceased_on,
        active=person.active,
        replaced_by=person.replaced_by,
        statuses=status_words(person.flags),
        clinic=person.clinic,
        clinician=person.clinician,
        clinician_id=person.clinician_id,
        photo_key=person.photo_key,
    )


def status_words(flags: Iterable[dict[str, Any]]) -> list[str]:
    """Active flags in words; our panel statuses by our own words, each once."""
    said = []
    for flag in flags:
        panel = [code for system, code in codings(flag.get("code")) if system == PANEL_STATUS.uri]
        said.append(
            STATUS_WORDS.get(panel[0], panel[0]) if panel else words(flag.get("code")) or "Flag without words"
        )
    return list(dict.fromkeys(said))
