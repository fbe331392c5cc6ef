"""Care gaps: recommendation results in, gap rows out."""

from __future__ import annotations

from datetime import date

import pytest

from pipelines.gaps import derive
from pipelines.recommendations import evaluate
from tests.lib.flat_tables import FlatTables

AS_OF = date(2026, 6, 15)
GLYCEMIC = "glycemic_control"


@pytest.fixture(scope="module")
def connected() -> FlatTables:
    return FlatTables()


@pytest.fixture
def tables(connected: FlatTables) -> FlatTables:
    return connected.empty()


def gaps(tables: FlatTables, as_of: date = AS_OF, patient: str = "ana") -> dict[str, dict]:
    evaluate(tables.connection, as_of=as_of)
    derive(tables.connection, as_of=as_of)
    return {row["source_id"]: row for row in tables.rows("care_gaps", patient_key=patient)}


def with_diabetes(tables, hba1c: str | None = None, **patient):
    tables.patient(**patient)
    tables.fact("condition", "icd-10-cm|E11.9", "2015-03-01")
    if hba1c:
        tables.number("loinc|4548-4", "2026-05-01", hba1c, "%", float(hba1c), sensitivity="R")


@pytest.mark.parametrize(
    ("hba1c", "status", "kind", "reason", "priority"),
    [
        (None, "open", "due", "never_done", 3),
        ("10.2", "open", "above_goal", "above_goal", 2),
        ("7.1", "closed", "none", "at_goal", None),
    ],
)
def test_a_recommendation_becomes_a_gap(tables, hba1c, status, kind, reason, priority):
    with_diabetes(tables, hba1c)
    gap = gaps(tables)[GLYCEMIC]
    assert (gap["computed_status"], gap["gap_kind"]) == (status, kind)
    assert (gap["reason_code"], gap["priority"]) == (reason, priority)
    assert gap["source_kind"] == "recommendation"


def test_a_gap_carries_its_evidence_and_its_sensitivity(tables):
    with_diabetes(tables, "10.2")
    gap = gaps(tables)[GLYCEMIC]
    assert (gap["evidence_value"], gap["evidence_sensitivity"]) == ("10.2 %", "R")
    assert gap["evidence_on"] == date(2026, 5, 1)


def test_the_follow_up_of_an_abnormal_result_comes_first(tables):
    tables.patient()
    tables.fact("observation", "loinc|57905-2", "2026-05-01", result="loinc|LA6576-8")
    found = gaps(tables)
    first = min((gap for gap in found.values() if gap["priority"]), key=lambda gap: gap["priority"])
    assert (first["source_id"], first["gap_kind"]) == ("colorectal_cancer_screening", "follow_up_due")


def test_people_outside_the_population_have_no_gap(tables):
    tables.patient()
    assert GLYCEMIC not in gaps(tables)


def test_an_exclusion_and_a_missing_birth_date_are_said(tables):
    with_diabetes(tables, born=None)
    assert gaps(tables)[GLYCEMIC]["computed_status"] == "not_evaluable"
    tables.fact("encounter", "hcpcs|T2042", "2026-05-01")
    tables.patient("old", born="1960-01-01")
    tables.fact("encounter", "hcpcs|T2042", "2026-05-01", patient="old")
    assert gaps(tables, patient="old")["colorectal_cancer_screening"]["computed_status"] == "excluded"


@pytest.mark.parametrize(
    "gone",
    [{"deceased": True}, {"deceased_low": "2026-01-01"}, {"active": False}, {"replaced_by_key": "survivor"}],
)
def test_the_deceased_inactive_and_merged_away_have_no_gap(tables, gone):
    with_diabetes(tables, **gone)
    assert gaps(tables) == {}


@pytest.mark.parametrize(
    ("code", "columns", "has_gaps"),
    [
        ("outreach-opt-out", {}, False),
        ("transferred-out", {}, False),
        ("transferred-out", {"status": "inactive"}, True),
        ("transferred-out", {"status": "entered-in-error"}, True),
        ("transferred-out", {"end_high": "2026-06-14"}, True),
        ("transferred-out", {"end_high": "2026-06-15"}, False),
        ("transferred-out", {"start_low": "2026-06-16"}, True),
        ("transferred-out", {"start_low": None}, False),
        ("needs-interpreter", {}, True),
    ],
)
def test_people_who_left_the_panel_have_no_gap(tables, code, columns, has_gaps):
    with_diabetes(tables)
    tables.fact("flag", f"panel-status|{code}", "2026-01-01", **columns)
    assert bool(gaps(tables)) is has_gaps


def test_a_departure_to_come_is_a_day_on_which_the_answer_changes(tables):
    with_diabetes(tables)
    tables.fact("flag", "panel-status|transferred-out", "2026-07-01")
    assert {gap["next_change_on"] for gap in gaps(tables).values()} == {date(2026, 7, 1)}


def test_an_un_merged_record_has_its_gaps_again(tables):
    with_diabetes(tables, replaced_by_key="survivor")
    assert gaps(tables) == {}
    tables.empty()
    with_diabetes(tables)
    assert GLYCEMIC in gaps(tables)
