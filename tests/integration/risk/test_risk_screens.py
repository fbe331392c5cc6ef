"""The risk panel of the chart, the worklist's tier and the Risk page as Streamlit draws them, over the real API."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from data_contracts.api.care_gaps import WorklistQuery
from data_contracts.api.risk import AdjustTier
from data_contracts.tables.results import CARE_GAPS
from pipelines.run.worker import Worker
from tests.integration.chart_records import LOINC, of, put, put_patient
from tests.integration.loop.records import as_body, gap_row
from tests.integration.risk.conftest import BEN, TODAY, put_condition
from tests.lib.app_pages import opened, press, session_of, shown

CONDITION_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
CHART = ("dashboards.clinician.chart", "chart_page")
pytestmark = pytest.mark.usefixtures("night")


@pytest.fixture
def listed(api, key):
    stamp = {"run_id": "run", "key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40}
    body = as_body(CARE_GAPS, [gap_row(key, "ana"), gap_row(key, "ben")])
    api.service("pipeline").pipeline.write_back("care_gaps", body, **stamp)


def a_dialog(session, banner, tier) -> None:
    """The dialog as it stands open: a test runs the whole page again at each act."""
    from dashboards.shared import tier_dialogs

    tier_dialogs._adjust_dialog(session, banner, tier, "form")


def html_of(page) -> str:
    return " ".join(part.proto.body for part in page.get("html"))


def test_a_clinician_reads_the_tier_at_the_chart_adjusts_it_and_sees_both(clinician):
    session = session_of(clinician)
    page = opened(session, *CHART, patient="ana")
    words = html_of(page)
    for said in (
        "Care tier: High",
        "Computed: High, by Charlson comorbidity index.",
        "I50.22",
        "makes no tier",
    ):
        assert said in words
    press(page, "Adjust tier")
    assert "**REYES, Ana**, born 14-Mar-1972, MRN M-ANA" in shown(page)
    banner, tier = clinician.charting.summary("ana").banner, clinician.risk.of_patient("ana").tier
    dialog = AppTest.from_function(a_dialog, args=(session, banner, tier)).run(timeout=60)
    assert dialog.button[0].disabled, "a tier without a reason is not saved"
    dialog.radio[0].set_value("low").run(timeout=60)
    dialog.selectbox[0].set_value("stable_and_supported").run(timeout=60)
    press(dialog, "Save adjustment")
    assert not dialog.error
    words = html_of(opened(session, *CHART, patient="ana"))
    assert "Care tier: Low" in words
    assert "Computed: High" in words
    assert "Adjusted to Low by Okafor" in words


def test_a_fact_behind_a_score_is_a_link_to_it_in_the_chart_from_chart_and_worklist(
    clinician, manager, listed
):
    link = '<a href="chart?patient=ana&amp;fact=Condition%2Ffailure">Chronic systolic heart failure</a>'
    words = html_of(opened(session_of(clinician), *CHART, patient="ana"))
    assert f"A category: {link} <span class='quiet'>I50.22 · 01-May-2020</span>" in words
    page = opened(session_of(manager), "dashboards.care_manager.worklist", "worklist_page")
    page.button(key="why-ana").click().run(timeout=60)
    assert link in html_of(page)
    assert "1.9" not in html_of(page), "a payment score gives no tier"


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (
            "Condition/failure",
            "Chronic systolic heart failure</b> <span class='quiet'>I50.22 · since 01-May-2020",
        ),
        ("Observation/sugar", "Glucose</b>: <b>90 mg/dL</b>"),
        ("Condition/seen", "Heart failure, seen at a visit</b> <span class='quiet'>I50.22 · 01-May-2020"),
        ("Condition/virus", "does not stand in this record any more"),
        ("Patient/ana", "does not stand in this record any more"),
    ],
)
def test_the_chart_shows_the_fact_that_a_link_names_first_and_never_another_patients(
    api, clinician, write_back, fact, said
):
    put_condition(
        api, "seen", "ana", "I50.22", "Heart failure, seen at a visit",
        category=[{"coding": [{"system": CONDITION_CATEGORY, "code": "encounter-diagnosis"}]}],
    )  # fmt: skip
    write_back(("ana", 3.0, "high", "seen", "I50.22"), BEN, run_id="second")
    put(
        api, "Observation", "sugar", status="final", subject=of("ana"), effectiveDateTime="2026-11-01",
        code={"coding": [{"system": LOINC, "code": "2345-7"}], "text": "Glucose"},
        valueQuantity={"value": 90, "unit": "mg/dL"},
    )  # fmt: skip
    page = opened(session_of(clinician), *CHART, patient="ana", fact=fact)
    shown_first = next(part.proto.body for part in page.get("html") if said in part.proto.body)
    assert "HIV" not in shown_first
    press(page, "Close")
    assert "fact" not in page.query_params


def test_the_worklist_shows_filters_and_hands_out_the_tier(api, clinician, manager, listed):
    tier = clinician.risk.of_patient("ben").tier
    said = {"reason": "goals_of_care", "until": TODAY + timedelta(days=30)}
    clinician.risk.adjust("ben", AdjustTier(version=tier.version, tier="low", **said))
    put_patient(api, "ana", "=cmd()", "Ana")
    page = opened(session_of(manager), "dashboards.care_manager.worklist", "worklist_page", tier="low")
    words = html_of(page)
    assert "YOUNG, Ben" in words
    assert "CMD" not in words
    assert "computed Very high · adjusted by Okafor" in words
    rows = list(csv.DictReader(io.StringIO(manager.worklist.csv(WorklistQuery(sort="tier")).decode())))
    assert [row["care_tier"] for row in rows] == ["High", "Low"]
    assert rows[1]["computed_tier"] == "Very high"
    assert rows[0]["name"].startswith("'="), "a name that looks like a formula is no formula"


def test_the_risk_page_leads_to_the_worklist_of_a_tier(manager):
    page = opened(session_of(manager), "dashboards.care_manager.risk", "risk_page")
    assert "2 people · computed for 20-Nov-2026" in shown(page)
    press(page, "Very high")
    assert page.session_state["went"] == ("worklist", {"tier": "very_high", "sort": "tier"})


def test_an_analyst_sees_the_risk_page_without_small_numbers_and_without_people(api):
    page = opened(session_of(api.signed_in("aki", "analyst")), "dashboards.care_manager.risk", "risk_page")
    assert "not shown" in html_of(page)
    assert not page.button


def test_the_chart_says_that_a_change_waits_to_count_and_when_it_counts(api, clinician):
    put_condition(api, "sugar", "ana", "E11.9", "Type 2 diabetes")
    waiting = clinician.risk.of_patient("ana")
    assert waiting.waiting_since is not None
    words = shown(opened(session_of(clinician), *CHART, patient="ana"))
    assert "does not count yet, it is being computed" in words
    worker = Worker(api.service("remeasure"), "America/New_York", 0.01)
    while worker.work_once():
        continue
    risk = clinician.risk.of_patient("ana")
    assert risk.waiting_since is None
    [charlson] = [one for one in risk.scores if one.score_id == "charlson"]
    assert {driver.resource_id for driver in charlson.drivers} == {"failure", "sugar"}
    assert (charlson.value, risk.tier.basis) == (2.0, ["Elixhauser comorbidity index"])
