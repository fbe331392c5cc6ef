"""What a clinician reads in the summary: a held drug is no taken one, and a section that failed is no empty one."""

import pytest

from dashboards.clinician.past_care import entry_html
from dashboards.clinician.summary import allergies_html, medications_html, section_html
from data_contracts.api.chart import CareLine, ChartSummary, Medication
from tests.unit.screens.test_gap_words import banner


def summary(**changes: object) -> ChartSummary:
    facts = {
        "banner": banner(),
        "allergy_state": "not_recorded",
        "allergies": [],
        "problems": [],
        "medications": [],
        "latest_vitals": [],
        "encounters": [],
    }
    return ChartSummary(**{**facts, **changes})


def drug(**changes: object) -> Medication:
    facts = {
        "medication_id": "m",
        "kind": "prescribed",
        "name": "Warfarin 5 MG",
        "dose": "1 tablet daily",
        "status": "active",
        "since": None,
    }
    return Medication(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "on-hold"}, "On hold: not being taken"),
        ({"status": "intended"}, "Not begun yet"),
        ({"status": "unknown"}, "Not known whether it is taken"),
        ({"kind": "reported"}, "Reported, not prescribed here"),
    ],
)
def test_a_drug_that_is_not_plainly_taken_says_so_beside_its_name(changes, said):
    assert said in medications_html(summary(medications=[drug(**changes)]))
    assert said not in medications_html(summary(medications=[drug()]))


def test_no_drugs_means_neither_prescribed_nor_reported():
    assert "neither prescribed nor reported" in medications_html(summary())


def test_a_section_that_could_not_be_read_is_not_shown_as_empty():
    failed = summary(unavailable=["problems"])
    assert "could not be read" in section_html(failed, "problems", "No active problems recorded")
    assert "No active problems" not in section_html(failed, "problems", "No active problems recorded")
    assert section_html(failed, "vitals", "fine") == "fine"


def test_unavailable_allergies_warn_before_a_prescription():
    assert "Do not prescribe" in allergies_html(summary(allergy_state="unavailable"))


def test_a_retracted_procedure_is_struck_through_and_one_not_done_says_so():
    line = CareLine(
        resource_type="Procedure",
        resource_id="p",
        version_id=1,
        name="Colonoscopy",
        on=None,
        status="completed",
        source=None,
    )
    assert entry_html(line) == "<b>Colonoscopy</b>"
    assert "struck" in entry_html(line.model_copy(update={"status": "entered-in-error"}))
    assert "not done" in entry_html(line.model_copy(update={"status": "not-done"}))
