"""Doses in the clinic: checked like a prescription, recorded once, or not given and why."""

from __future__ import annotations

import pytest

from data_contracts.api.administration import Dose, RecordDose
from data_contracts.api.decision_support import Acknowledged
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.integration.medications.test_prescribing import AMOXICILLIN, RXNORM
from tests.lib.api import running_api

AT = "2026-11-20T09:00:00-05:00"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put(
            running,
            "AllergyIntolerance",
            "penicillin",
            patient=of("ana"),
            criticality="high",
            code={"coding": [{"system": RXNORM, "code": "723"}], "text": "amoxicillin"},
            reaction=[{"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe"}],
        )
        yield running


def dose(**more):
    given = {"rxcui": AMOXICILLIN, "name": "amoxicillin", "amount": 1, "unit": "capsule", "route": "oral"}
    return Dose(**given | more)


def record(number=1, **more):
    return RecordDose(
        request_id=f"request-{number}", dose=more.pop("dose", None) or dose(), at=more.pop("at", AT), **more
    )


def test_a_dose_that_a_warning_speaks_against_needs_a_reason_and_is_recorded_once(api):
    nurse = api.signed_in("joy", "nurse")
    cards = nurse.medications.check_dose("ana", dose(), "request-1").cards.interrupting
    assert cards
    with pytest.raises(Conflict, match="reason first"):
        nurse.medications.record_dose("ana", record())
    answers = [Acknowledged(card_key=card.key, reason_code=card.override_reasons[0].code) for card in cards]
    sent = record(acknowledged=answers, dose=dose(site=" left arm ", lot="A12"))
    first, second = (nurse.medications.record_dose("ana", sent) for _ in range(2))
    assert first.administration_id == second.administration_id
    (line,) = nurse.medications.given("ana").items
    assert (line.what, line.lot, line.by, line.not_given_because) == (
        "1 capsule, oral, left arm",
        "A12",
        "Joy",
        None,
    )
    stored = body_of(api, "MedicationAdministration", first.administration_id)
    assert (stored["status"], stored["dosage"]["route"]["coding"][0]["code"]) == ("completed", "PO")


def test_a_dose_that_was_not_given_says_why_and_asks_for_nothing_else(api):
    nurse = api.signed_in("joy", "nurse")
    given = nurse.medications.record_dose("ana", record(not_given_because="The patient declined"))
    assert given.not_given_because == "The patient declined"
    assert body_of(api, "MedicationAdministration", given.administration_id)["status"] == "not-done"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"not_given_because": " "}, "not_given_because"),
        ({"dose": dose(route="by owl")}, "dose.route"),
        ({"dose": dose(rxcui="999999999")}, "dose.rxcui"),
    ],
)
def test_what_cannot_be_recorded_names_the_field(api, change, words):
    with pytest.raises(InvalidResource, match=words):
        api.signed_in("joy", "nurse").medications.record_dose("ana", record(**change))


def test_a_dose_of_tomorrow_is_refused_and_only_who_gives_medicines_records(api):
    nurse, manager = api.signed_in("joy", "nurse"), api.signed_in("sam", "care_manager")
    with pytest.raises(InvalidResource, match="has passed"):
        nurse.medications.record_dose("ana", record(at="2026-11-21T09:00:00-05:00"))
    with pytest.raises(Forbidden):
        manager.medications.record_dose("ana", record())
