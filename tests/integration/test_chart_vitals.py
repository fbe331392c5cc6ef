"""Vital signs over a real database: BMI and percentile reckoned, unusual ones asked about, growth read back."""

from __future__ import annotations

import pytest

from data_contracts.api.chart import RecordVitals
from ehr_core.kernel.errors import InvalidResource
from tests.integration.chart_records import body_of, put_patient, put_site
from tests.lib.api import MORNING, running_api


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "kim", "Lee", "Kim", birth="2016-11-01", gender="female")
        put_patient(running, "uma", "Unknown", "Uma", birth="2016")
        yield running


@pytest.fixture
def nurse(api):
    return api.signed_in("nina", "nurse")


def texts(client, patient):
    return {series.name: series.points[0].text for series in client.charting.summary(patient).latest_vitals}


def test_a_bmi_is_reckoned_from_both_or_from_a_grown_persons_last_height(api, nurse):
    nurse.charting.record_vitals("ana", RecordVitals(at=MORNING, height_cm="168.9", weight_lb="155.4"))
    assert texts(nurse, "ana")["Body mass index (BMI)"] == "24.7 kg/m²"
    written = nurse.charting.record_vitals("ana", RecordVitals(at=MORNING, weight_kg="75")).resources
    bmi = body_of(api, "Observation", written[-1][1])
    assert str(bmi["valueQuantity"]["value"]) == "26.3"
    assert len(bmi["derivedFrom"]) == 2


def test_a_childs_bmi_has_its_percentile_and_the_growth_chart_its_place(nurse):
    nurse.charting.record_vitals("kim", RecordVitals(at=MORNING, height_cm="138.2", weight_kg="32.2"))
    assert texts(nurse, "kim")["BMI percentile for age and sex"].startswith("50.")
    view = nurse.charting.growth("kim")
    by_name = {chart.indicator: chart.points[0] for chart in view.charts}
    assert by_name["length"].reference == "cdc"
    assert by_name["length"].percentile == pytest.approx(50, abs=2)
    assert {curve.percentile for chart in view.charts for curve in chart.curves} >= {3, 50, 97}


def test_without_a_full_birth_date_a_childs_growth_is_not_guessed(nurse):
    nurse.charting.record_vitals("uma", RecordVitals(at=MORNING, height_cm="138.2", weight_kg="32.2"))
    assert "BMI percentile for age and sex" not in texts(nurse, "uma")
    view = nurse.charting.growth("uma")
    assert "birth date" in view.missing


def test_an_unusual_value_is_kept_only_after_a_second_look(nurse):
    with pytest.raises(InvalidResource) as refusal:
        nurse.charting.record_vitals(
            "ana", RecordVitals(at=MORNING, systolic_mmhg="230", diastolic_mmhg="90")
        )
    assert [(issue.expression, issue.code) for issue in refusal.value.issues] == [
        ("systolic_mmhg", "business-rule")
    ]
    assert texts(nurse, "ana") == {}
    sure = RecordVitals(at=MORNING, systolic_mmhg="230", diastolic_mmhg="90", confirmed=["systolic_mmhg"])
    nurse.charting.record_vitals("ana", sure)
    assert texts(nurse, "ana")["Blood pressure"] == "230/90 mmHg"
