"""The packs: what they must say, and what a wrong one is told."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from data_contracts.guidelines import (
    FOLDER,
    definition,
    definitions,
    guidelines,
    load_guidelines,
    next_step,
    open_gap_definitions,
    patient_text,
    reason_words,
)
from data_contracts.guidelines.reference import recommendations_page
from data_contracts.tables.results import RECOMMENDATION_RESULTS
from ehr_core.kernel.errors import BadRequest, NotFound
from tests.lib.shared_data import shared_data

TOPICS = {
    "blood_pressure_control",
    "breast_cancer_screening",
    "cervical_cancer_screening",
    "colorectal_cancer_screening",
    "depression_screening",
    "glycemic_control",
    "influenza_immunization",
    "kidney_health_diabetes",
    "pneumococcal_immunization",
    "statin_therapy",
    "tobacco_screening",
}


@pytest.fixture
def copy(tmp_path) -> Path:
    for path in FOLDER.glob("*.toml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def change(folder: Path, old: str, new: str, name: str = "glycemic_control.toml") -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def test_there_are_the_eleven_topics():
    assert set(definitions()) == TOPICS


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "control"', 'kind = "control"\nmood = "good"', "mood: Extra inputs are not permitted"),
        ('value_set = "hba1c"', 'value_set = "hba1d"', "there is no value set 'hba1d'"),
        ('counts_for = "6 months"', 'counts_for = "half a year"', "'half a year' is not a duration"),
        ('"palliative_care"', '"pallative_care"', "exclusion 'pallative_care', which exclusions.toml"),
        ('id = "glycemic_control"', 'id = "sugar"', "A pack's id is its file's name"),
        ('basis = "seen"', 'basis = "memory"', "must not be visible to patients until it is checked"),
        ("[patient.due.en]", "[patient.above_goal.en]", "patient"),
        ("We have no record of an HbA1c test", "Your HbA1c is overdue", "say 'overdue'"),
        ("We have no record of an HbA1c test", "You need an HbA1c test", "must say 'no record of'"),
        ("[next_step.above_goal]", "[next_step.follow_up_due]", "has no next step for it"),
        ('code = "4548-4"', 'code = "E11.9"', "'E11.9' is not a LOINC code"),
        ("age_from_years = 18", 'age_from_years = "eighteen"', "age_from_years"),
        ("never_done =", "never_mind =", "reason 'never_mind', which no engine gives"),
        (
            "above_goal = false",
            "above_goal = true",
            "Patients see 'above_goal' but there are no patient words",
        ),
        ("title = ", "title ", "is not TOML"),
        ("seen_at = ", "# seen_at = ", "says it was seen, but not where"),
    ],
)
def test_a_wrong_pack_is_refused_with_a_sentence(copy, old, new, complaint):
    change(copy, old, new)
    with pytest.raises(BadRequest, match=re.escape(complaint)) as problem:
        load_guidelines(copy)
    assert "'glycemic_control.toml'" in problem.value.message


def test_only_care_of_a_season_is_asked_for_from_a_month_on(copy):
    change(copy, 'kind = "control"', 'kind = "control"\nasked_from_month = 9')
    with pytest.raises(BadRequest, match="all of its evidence counts for 'this season'"):
        load_guidelines(copy)


def test_an_order_that_nobody_can_place_is_not_offered():
    assert next_step("tobacco_screening", "follow_up_due").orders == ()


def test_an_evidence_of_an_unknown_population_is_refused(copy):
    change(copy, 'populations = ["age_30_65"]', 'populations = ["age_99"]', "cervical_cancer_screening.toml")
    with pytest.raises(BadRequest, match="population 'age_99', which it does not have"):
        load_guidelines(copy)


def test_an_abnormal_result_without_a_test_for_it_is_refused(copy):
    change(copy, 'result_in = ["positive_result"]\n', "", "colorectal_cancer_screening.toml")
    with pytest.raises(BadRequest, match="needs result_in or number_at_least"):
        load_guidelines(copy)


def test_nothing_from_memory_reaches_a_patient():
    for pack in definitions().values():
        if pack.basis == "memory":
            assert not any(pack.patient_visible.values()), pack.id
            assert all(patient_text(pack.id, kind) is None for kind in pack.gap_kinds)


def test_items_of_the_research_list_from_memory_are_from_memory_here_too():
    items = json.loads(shared_data("clinical", "uspstf_ab.json").read_text())["items"]
    from_memory = {item["id"] for item in items if item["basis"] == "memory"}
    topics = {
        "bp": "blood_pressure_control",
        "statin": "statin_therapy",
        "depression-adult": "depression_screening",
    }
    for item, topic in topics.items():
        assert item in from_memory
        assert definition(topic).basis == "memory"


def test_control_and_statin_items_are_staff_only_but_a_due_hba1c_is_not():
    assert patient_text("glycemic_control", "due") is not None
    assert patient_text("glycemic_control", "above_goal") is None
    assert patient_text("blood_pressure_control", "above_goal") is None
    assert patient_text("statin_therapy", "due") is None


def test_an_abnormal_result_is_never_told_by_the_portal_alone():
    assert not any(
        gap.visible_to_patient for gap in open_gap_definitions() if gap.gap_kind == "follow_up_due"
    )


def test_patient_words_are_plain_and_in_two_languages():
    for gap in open_gap_definitions():
        if gap.visible_to_patient:
            assert "no record of" in gap.patient_en.words
            assert "No tenemos registro" in gap.patient_es.words
            for text in (gap.patient_en, gap.patient_es):
                sentences = re.split(r"[.!?]\s", f"{text.words} {text.what_to_do}")
                words = [word for sentence in sentences for word in sentence.split()]
                assert max(len(sentence.split()) for sentence in sentences) <= 25, gap.topic
                assert sum(map(len, words)) / len(words) < 5.5, gap.topic


def test_spanish_speakers_read_spanish_and_others_english():
    spanish = patient_text("glycemic_control", "due", "es-MX")
    assert spanish.title == "Un análisis de azúcar en la sangre"
    assert patient_text("glycemic_control", "due", "vi").title == "A blood sugar test"


def test_follow_up_of_abnormal_cancer_screens_comes_first():
    first = [gap for gap in open_gap_definitions() if gap.next_step.priority == 1]
    assert {gap.gap_kind for gap in first} == {"follow_up_due"}
    assert len(first) == 4


def test_every_reason_of_the_contract_and_every_exclusion_has_words():
    said = RECOMMENDATION_RESULTS.by_name["reason_code"].description
    for code in ("never_done", "interval_lapsed", "missing_part", "no_therapy", "outside_age", "missing_sex"):
        assert code in said
        assert reason_words("breast_cancer_screening", code)
    for code in (*guidelines().reasons, *guidelines().exclusions):
        assert reason_words("breast_cancer_screening", code)
    assert reason_words("glycemic_control", "hospice") == "Excluded: in hospice care."
    assert reason_words("glycemic_control", "never_done") == "No HbA1c on record."


def test_a_reason_without_words_is_not_found():
    with pytest.raises(NotFound, match="has no words"):
        reason_words("glycemic_control", "because")


def test_an_unknown_topic_is_not_found():
    with pytest.raises(NotFound, match="no guideline 'shoes'"):
        definition("shoes")


def test_a_closed_gap_has_no_next_step():
    assert next_step("glycemic_control", "none") is None
    assert next_step("glycemic_control", "due").orders[0].code == "4548-4"


def test_the_reference_page_is_current():
    page = FOLDER.parents[1] / "docs" / "reference" / "recommendations.md"
    assert page.read_text(encoding="utf-8") == recommendations_page()
