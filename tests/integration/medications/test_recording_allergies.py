"""Allergies at the chart: by names that the checks know, corrected and removed with a reason, never beside a denial."""

from __future__ import annotations

import pytest

from data_contracts.api.allergies import AllergyDetails, CorrectAllergy, RecordAllergy, RemoveAllergy
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, StaleVersion
from tests.integration.chart_records import put_patient, put_site
from tests.integration.medications.test_prescribing import AMOXICILLIN, draft
from tests.lib.api import running_api

SEVERE = AllergyDetails(reactions=["Anaphylaxis"], severity="severe", criticality="high", intolerance=False)


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        yield running


def record(number, kind, code, name, **more):
    return RecordAllergy(request_id=f"request-{number}", kind=kind, code=code, name=name, **more)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("penic", ("class", "penicillins")),
        ("amoxi", ("ingredient", "amoxicillin")),
        ("augm", ("brand", "Augmentin")),
        ("a", None),
        ("zzzz", None),
    ],
)
def test_substances_are_found_as_people_name_them(api, typed, first):
    found = api.signed_in("joy", "nurse").allergies.search(typed).items
    assert (found[0].kind, found[0].name) == first if first else found == []


@pytest.mark.parametrize(
    ("kind", "code", "name"),
    [
        ("ingredient", "723", "amoxicillin"),
        ("class", "penicillins", "penicillins"),
        ("brand", "151392", "Augmentin"),
    ],
)
def test_what_was_recorded_is_what_the_checks_know(api, kind, code, name):
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    okafor.allergies.record("ana", record(1, kind, code, name, details=SEVERE))
    wanted = draft(AMOXICILLIN, "amoxicillin 500 MG Oral Capsule")
    assert okafor.medications.check("ana", wanted).cards.interrupting


def test_a_denial_gives_way_to_an_allergy_and_is_refused_beside_one(api):
    nurse = api.signed_in("joy", "nurse")
    assert nurse.allergies.record_none_known("ana").state == "none_known"
    assert len(nurse.allergies.record_none_known("ana").items) == 1
    sent = record(1, "ingredient", "723", "amoxicillin", details=SEVERE)
    for _ in range(2):
        found = nurse.allergies.record("ana", sent)
    assert (found.state, [one.name for one in found.items]) == ("known", ["amoxicillin"])
    with pytest.raises(Conflict, match="cannot stand beside"):
        nurse.allergies.record_none_known("ana")
    (allergy,) = found.items
    nurse.allergies.remove(allergy.allergy_id, RemoveAllergy(version_id=1, reason="Somebody else's"))
    assert nurse.allergies.of_patient("ana").state == "not_recorded"
    assert nurse.allergies.record_none_known("ana").state == "none_known"


def test_the_same_substance_is_not_recorded_twice_until_the_first_entry_is_gone(api):
    nurse = api.signed_in("joy", "nurse")
    for number, (kind, code, name) in enumerate(
        [("class", "penicillins", "penicillins"), ("words", None, "Peanut")]
    ):
        (*_, entry) = nurse.allergies.record("ana", record(f"first-{number}", kind, code, name)).items
        with pytest.raises(Conflict, match="recorded already"):
            nurse.allergies.record(
                "ana", record(f"second-{number}", kind, code, name.upper() if code is None else name)
            )
        nurse.allergies.remove(entry.allergy_id, RemoveAllergy(version_id=1, reason="Not hers"))
        assert nurse.allergies.record("ana", record(f"third-{number}", kind, code, name)).state == "known"


def test_a_correction_names_the_version_and_keeps_what_was_not_changed(api):
    nurse = api.signed_in("joy", "nurse")
    (allergy,) = nurse.allergies.record("ana", record(1, "words", None, "Peanut", category="food")).items
    change = CorrectAllergy(version_id=1, details=SEVERE, reason="Asked her mother")
    changed = nurse.allergies.correct(allergy.allergy_id, change)
    assert (changed.name, changed.details) == ("Peanut", SEVERE)
    with pytest.raises(StaleVersion):
        nurse.allergies.correct(allergy.allergy_id, change)


def test_a_code_that_is_not_on_the_list_and_a_reader_are_refused(api):
    nurse, manager = api.signed_in("joy", "nurse"), api.signed_in("sam", "care_manager")
    for kind, code in (("ingredient", "999999999"), ("class", "dragons")):
        with pytest.raises(InvalidResource, match="not on the list"):
            nurse.allergies.record("ana", record(1, kind, code, "dragon scales"))
    with pytest.raises(Forbidden):
        manager.allergies.record_none_known("ana")
