"""Problems, medications, visits and vaccinations: resources in, lines out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ehr_core.charting import summary


def condition(identity, clinical="active", verification="confirmed", **more):
    return {
        "id": identity,
        "code": {"coding": [{"system": "i", "code": "E11.9"}], "text": "Type 2 diabetes"},
        "clinicalStatus": {"coding": [{"code": clinical}]} if clinical else None,
        "verificationStatus": {"coding": [{"code": verification}]},
        **more,
    }


@pytest.mark.parametrize(
    ("clinical", "verification", "shown"),
    [
        ("active", "confirmed", True),
        ("recurrence", "confirmed", True),
        ("relapse", "provisional", True),
        (None, "confirmed", True),
        ("resolved", "confirmed", False),
        ("remission", "confirmed", False),
        ("inactive", "confirmed", False),
        ("active", "refuted", False),
        ("active", "entered-in-error", False),
    ],
)
def test_a_problem_is_active_unless_it_is_over_refuted_or_retracted(clinical, verification, shown):
    assert bool(summary.active_problems([condition("c", clinical, verification)])) is shown


def test_a_recording_date_is_never_shown_as_the_onset():
    lines = summary.active_problems(
        [
            condition("undated", recordedDate="2026-05-01"),
            condition("year", onsetDateTime="2019", code={"text": "Asthma"}),
            condition("month", onsetDateTime="2021-03", code={"text": "Gout"}),
        ]
    )
    assert [(line.condition_id, line.onset) for line in lines] == [
        ("month", "2021-03"),
        ("year", "2019"),
        ("undated", None),
    ]


def test_one_disease_of_many_visits_is_one_problem_and_the_problem_list_speaks_for_it():
    visit = [{"coding": [{"code": "encounter-diagnosis"}]}]
    lines = summary.active_problems(
        [
            condition("visit 1", category=visit, onsetDateTime="2026-01-02"),
            condition("listed", category=[{"coding": [{"code": "problem-list-item"}]}], onsetDateTime="2019"),
            condition("visit 2", category=visit),
        ]
    )
    assert [(line.condition_id, line.onset) for line in lines] == [("listed", "2019")]


@pytest.mark.parametrize(
    ("request_parts", "shown"),
    [
        ({"dosageInstruction": [{"text": "1 tablet twice daily"}]}, "1 tablet twice daily"),
        (
            {
                "dosageInstruction": [
                    {"doseAndRate": [{"doseQuantity": {"value": Decimal("0.50"), "unit": "mg"}}]}
                ]
            },
            "0.5 mg",
        ),
        ({"dosageInstruction": [{"asNeededBoolean": True}]}, None),
        ({}, None),
    ],
)
def test_a_dose_is_as_written_else_built_else_unknown(request_parts, shown):
    request = {
        "id": "m",
        "status": "active",
        "medicationCodeableConcept": {"text": "metFORMIN"},
        **request_parts,
    }
    assert summary.current_medications([request])[0].dose == shown


def test_what_is_reported_stands_beside_what_is_prescribed_each_with_its_standing():
    warfarin = {"medicationCodeableConcept": {"text": "Warfarin 5 MG"}}
    held = {"id": "r", "status": "on-hold", "authoredOn": "2026-01-05", **warfarin}
    stated = [
        {"id": "s1", "status": "active", "effectivePeriod": {"start": "2020"}, **warfarin},
        {"id": "s2", "status": "intended", "medicationCodeableConcept": {"text": "Zinc"}},
        {"id": "s3", "status": "unknown", "medicationCodeableConcept": {"text": "Vitamin D"}},
        *(
            {"id": status, "status": status, "medicationCodeableConcept": {"text": status}}
            for status in ("stopped", "completed", "not-taken", "entered-in-error")
        ),
    ]
    listed = summary.current_medications([held], stated)
    assert [(line.name, line.kind, line.status, line.since) for line in listed] == [
        ("Vitamin D", "reported", "unknown", None),
        ("Warfarin 5 MG", "prescribed", "on-hold", "2026-01-05"),
        ("Warfarin 5 MG", "reported", "active", "2020"),
        ("Zinc", "reported", "intended", None),
    ]


def test_only_what_is_being_taken_is_listed_and_a_referred_medication_is_named():
    requests = [
        {"id": "1", "status": "stopped", "medicationCodeableConcept": {"text": "old"}},
        {
            "id": "2",
            "status": "active",
            "doNotPerform": True,
            "medicationCodeableConcept": {"text": "not this"},
        },
        {"id": "3", "status": "active", "medicationReference": {"reference": "Medication/7"}},
        {"id": "4", "status": "on-hold", "medicationReference": {"reference": "Medication/8"}},
    ]
    listed = summary.current_medications(requests, names={"7": "Atorvastatin 20 mg"})
    assert [(line.name, line.status) for line in listed] == [
        ("Atorvastatin 20 mg", "active"),
        ("medication not named", "on-hold"),
    ]


def test_visits_are_the_ten_newest_that_took_place():
    visits = [
        {"id": f"{month:02d}", "status": "finished", "period": {"start": f"2026-{month:02d}-01"}}
        for month in range(1, 13)
    ]
    visits.append({"id": "gone", "status": "cancelled", "period": {"start": "2027-01-01"}})
    lines = summary.newest_encounters(visits)
    assert [line.encounter_id for line in lines] == [f"{month:02d}" for month in range(12, 2, -1)]


def test_a_visit_says_its_kind_reason_and_clinician_or_that_they_are_not_recorded():
    bare = {"id": "a", "status": "finished", "class": {"code": "EMER"}}
    full = {
        "id": "b",
        "status": "finished",
        "class": {"code": "AMB"},
        "type": [{"text": "Diabetes follow-up"}],
        "reasonCode": [{"text": "HbA1c"}],
        "participant": [{"individual": {"display": "Dr Okafor"}}],
        "period": {"start": "2026-02-01T09:00:00-05:00"},
    }
    first, second = summary.newest_encounters([bare, full])
    assert (first.kind, first.reason, first.with_whom) == ("Diabetes follow-up", "HbA1c", "Dr Okafor")
    assert (second.kind, second.reason, second.with_whom, second.on) == ("Emergency visit", None, None, None)


def test_only_vaccinations_that_were_given_are_listed_newest_first():
    given = [
        {"status": "completed", "vaccineCode": {"text": "Tdap"}, "occurrenceDateTime": "2020"},
        {"status": "not-done", "vaccineCode": {"text": "Influenza"}, "occurrenceDateTime": "2026-10-01"},
        {"status": "completed", "vaccineCode": {"text": "Influenza"}, "occurrenceDateTime": "2026-10-12"},
        {"status": "completed", "vaccineCode": {"text": "MMR"}, "occurrenceString": "in childhood"},
    ]
    assert summary.immunization_lines(given) == [
        "Influenza, 12-Oct-2026",
        "Tdap, 2020 (month not recorded)",
        "MMR, in childhood",
    ]
