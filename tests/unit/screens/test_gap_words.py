"""A gap reads the same everywhere, and unknown is said in words."""

from datetime import UTC, date, datetime

from dashboards.care_manager.worklist_rows import contact_html
from dashboards.clinician.gap_cards import card_html, details_html
from dashboards.clinician.summary import allergies_html
from dashboards.shared.banner import banner_html
from dashboards.shared.gap_words import due_words, status_tag
from data_contracts.api.care_gaps import CareGap, Evidence, WorklistRow
from data_contracts.api.chart import ChartSummary
from data_contracts.api.patients import ContactFacts, PatientBanner, PatientName
from data_contracts.api.risk import CareTier


def gap(**changes: object) -> CareGap:
    facts = {
        "gap_id": "g1",
        "patient_id": "p1",
        "source_kind": "recommendation",
        "source_id": "glycemic_control",
        "source_version": "2026.1",
        "title": "HbA1c",
        "source_name": "ADA 2025",
        "status": "open",
        "gap_kind": "above_goal",
        "computed_status": "open",
        "why": "HbA1c 10.2 % on 20-Nov-2026",
        "why_it_matters": "High glucose harms vessels.",
        "due_on": date(2026, 11, 20),
        "overdue": False,
        "priority": 2,
        "evidence": None,
        "next_step": None,
        "as_of": datetime(2026, 11, 22, 12, tzinfo=UTC),
        "version": 3,
    }
    return CareGap(**{**facts, **changes})


def banner(**changes: object) -> PatientBanner:
    facts = {
        "patient_id": "p1",
        "name": PatientName(family="Reyes", given="Ana"),
        "birth_date": "1974-05-02",
        "age_years": 52,
        "sex": "female",
        "mrn": "A-1",
    }
    return PatientBanner(**{**facts, **changes})


def test_an_open_gap_says_what_it_wants():
    assert "Open · Above goal" in status_tag(gap())


def test_a_gap_without_a_due_date_says_that_nothing_was_recorded_before():
    assert due_words(gap(due_on=None, gap_kind="due")) == "No earlier record"


def test_an_overdue_gap_says_since_when():
    assert due_words(gap(overdue=True)) == "Overdue since 20-Nov-2026"


def test_the_card_carries_the_value_and_date_that_opened_it():
    assert "HbA1c 10.2 % on 20-Nov-2026" in card_html(gap())


def test_masked_evidence_is_neither_shown_nor_denied():
    evidence = Evidence(
        resource_type="Observation", resource_id=None, on=None, value=None, what=None, masked=True
    )
    assert "restricted record" in details_html(gap(evidence=evidence))


def test_a_missing_banner_fact_is_said_in_words():
    assert "not recorded" in banner_html(banner(mrn=None))


def test_a_deceased_banner_differs_by_pattern_and_words():
    html = banner_html(banner(deceased=True, deceased_on="2026-01-02"))
    assert "Deceased (02-Jan-2026)" in html
    assert "banner deceased" in html


def test_a_name_with_markup_cannot_become_markup():
    assert "<img" not in banner_html(banner(name=PatientName(family="<img src=x>", given="Ana")))


def test_an_empty_allergy_list_is_never_shown_as_none():
    states = {
        "not_recorded": "does not mean that there are none",
        "unavailable": "could not be read",
        "none_known": "no known allergies",
    }
    for state, words in states.items():
        summary = ChartSummary(
            banner=banner(),
            allergy_state=state,
            allergies=[],
            problems=[],
            medications=[],
            latest_vitals=[],
            encounters=[],
        )
        assert words in allergies_html(summary)


def test_a_worklist_row_says_what_is_not_known_about_contact():
    row = WorklistRow(
        patient_id="p1", name=PatientName(family="Reyes"), birth_date=None, age_years=None, sex=None, mrn=None,
        clinic=None, clinician=None, language=None, interpreter_required=None, contact=ContactFacts(),
        next_appointment=None, owner=None, attempts=0, last_attempt_at=None, last_attempt_outcome=None, gaps=[],
        tier=CareTier(computed="unknown", basis=[], adjustment=None, shown="unknown", masked=False, version=0),
    )  # fmt: skip
    html = contact_html(row)
    for words in (
        "language not recorded",
        "interpreter not recorded",
        "no phone recorded",
        "no visit booked",
    ):
        assert words in html
