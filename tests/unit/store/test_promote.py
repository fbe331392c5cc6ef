"""Which columns a resource fills."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from ehr_core.store.dates import bounds
from ehr_core.store.promote import Promoted, promote
from ehr_core.store.references import local_reference
from ehr_core.store.validation import validate

NEW_YORK = "America/New_York"


def promoted(body: dict, zone: str = NEW_YORK) -> Promoted:
    kind = body["resourceType"]
    return promote(kind, validate(kind, json.dumps(body).encode()), "r-1", zone)


def test_an_observation_shows_patient_codes_date_and_encounter() -> None:
    found = promoted(
        {
            "resourceType": "Observation",
            "meta": {
                "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]
            },
            "status": "final",
            "category": [{"coding": [{"system": "c", "code": "vital-signs"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}, {"code": "local"}]},
            "subject": {"reference": "Patient/p-1"},
            "encounter": {"reference": "Encounter/e-1"},
            "basedOn": [{"reference": "ServiceRequest/s-1/_history/2"}],
            "effectiveDateTime": "2024-03-10T10:00:00-04:00",
            "component": [{"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}}],
        }
    )

    assert found.patient_id == "p-1"
    assert found.status == "final"
    assert found.code_tokens == ["http://loinc.org|85354-9", "|local"]
    assert found.category_tokens == ["c|vital-signs"]
    assert found.encounter_id == "e-1"
    assert found.reference_tokens == ["based-on:ServiceRequest/s-1"]
    assert found.security_tokens == ["http://terminology.hl7.org/CodeSystem/v3-ActCode|PSY"]
    assert found.date_low == found.date_high == datetime(2024, 3, 10, 14, tzinfo=UTC)
    assert found.announced_codes == ["http://loinc.org|85354-9", "|local", "http://loinc.org|8480-6"]


@pytest.mark.parametrize(
    ("participants", "patient"),
    [
        (["Patient/a", "Practitioner/x"], "a"),
        (["Patient/a", "Patient/a"], "a"),
        (["Patient/a", "Patient/b"], None),
        (["Practitioner/x"], None),
        (["https://elsewhere/Patient/a"], None),
    ],
)
def test_a_visit_belongs_to_its_one_patient_or_to_nobody(
    participants: list[str], patient: str | None
) -> None:
    actors = [{"actor": {"reference": actor}, "status": "accepted"} for actor in participants]
    found = promoted({"resourceType": "Appointment", "status": "booked", "participant": actors})
    assert found.patient_id == patient


def test_a_person_is_found_by_folded_names_and_digits() -> None:
    found = promoted(
        {
            "resourceType": "Patient",
            "active": True,
            "identifier": [{"system": "urn:mrn", "value": "0012"}],
            "name": [
                {"use": "old", "family": "Smith"},
                {
                    "use": "official",
                    "family": "Núñez",
                    "given": ["José", "Luis"],
                    "prefix": ["Dr."],
                    "suffix": ["MD"],
                },
            ],
            "telecom": [
                {"system": "phone", "value": "+1 (212) 555-0199"},
                {"system": "email", "value": "a@b"},
            ],
            "birthDate": "1980-02-29",
            "link": [{"type": "replaced-by", "other": {"reference": "Patient/new"}}],
        }
    )

    assert found.patient_id == "r-1"
    assert found.extra["name_text"] == " smith jose luis nunez dr. md"
    assert len(found.extra["name_sounds"]) == 4, "titles are no part of how somebody is called"
    assert found.extra["display_name"] == "José Luis Núñez"
    assert found.extra["phone_digits"] == ["12125550199", "2125550199", "5550199"]
    assert found.extra["birth_date"] == date(1980, 2, 29)
    assert found.extra["replaced_by"] == "new"
    assert found.extra["deceased"] is False
    assert found.identifier_tokens == ["urn:mrn|0012", "*|0012"]


def test_a_birth_year_alone_gives_no_birth_day() -> None:
    found = promoted({"resourceType": "Patient", "birthDate": "1980"})
    assert found.extra["birth_date"] is None
    assert found.date_low == datetime(1980, 1, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024-03-10", "2024-03-10T05:00:00+00:00", "2024-03-11T03:59:59.999999+00:00"),  # the clock changes
        ("2024-02", "2024-02-01T05:00:00+00:00", "2024-03-01T04:59:59.999999+00:00"),
        ("2023", "2023-01-01T05:00:00+00:00", "2024-01-01T04:59:59.999999+00:00"),
        ("2023-12-31T23:30:00-05:00", "2024-01-01T04:30:00+00:00", "2024-01-01T04:30:00+00:00"),
        ("2023-12-31T23:30Z", "2023-12-31T23:30:00+00:00", "2023-12-31T23:30:59.999999+00:00"),
        ("2023-12-31T23:59:60Z", "2023-12-31T23:59:59+00:00", "2023-12-31T23:59:59+00:00"),
        ("2023-01-01T00:00:00.1234567Z", "2023-01-01T00:00:00.123456+00:00", "2023-01-01T00:00:00.123456+00:00"),
    ],
)  # fmt: skip
def test_a_date_stretches_over_the_sites_day(text: str, low: str, high: str) -> None:
    assert [bound.isoformat() for bound in bounds(text, NEW_YORK)] == [low, high]


@pytest.mark.parametrize("text", ["9999", "9999-12", "9999-12-31", "0001", "0001-01-01"])
def test_the_calendars_ends_are_dates_too(text: str) -> None:
    for zone in (NEW_YORK, "Pacific/Kiritimati"):
        low, high = bounds(text, zone)
        assert low <= high
        assert high - low >= timedelta(hours=1)


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:59:59-05:00", "9999-12-31T23:59Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00Z"],
)
def test_a_time_at_the_calendars_ends_is_cut_to_the_calendar(text: str) -> None:
    low, high = bounds(text, NEW_YORK)
    assert low <= high
    assert low.year == int(text[:4])


def test_an_open_period_has_an_open_end() -> None:
    found = promoted(
        {
            "resourceType": "Encounter",
            "status": "in-progress",
            "class": {"code": "AMB"},
            "period": {"start": "2024-01-01T10:00:00Z"},
        }
    )
    assert found.date_low == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert found.date_high is None


@pytest.mark.parametrize(
    ("reference", "local"),
    [
        ("Patient/1", "Patient/1"),
        ("Patient/1/_history/2", "Patient/1"),
        ("https://elsewhere/fhir/Patient/1", None),
        ("urn:uuid:1", None),
        ("#contained", None),
        ("Patient/", None),
    ],
)
def test_only_our_own_references_are_local(reference: str, local: str | None) -> None:
    assert local_reference(reference) == local
