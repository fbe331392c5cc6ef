"""Charts that nobody here wrote: every one opens, and no observation is silently dropped."""

from __future__ import annotations

from collections import defaultdict

import pytest

from ehr_core.charting.reading import read_results
from ehr_core.store.importer import import_path
from ehr_core.workflows.open_chart import open_chart
from tests.lib.api import SEEDER, running_api
from tests.lib.shared_data import shared_data

PATIENTS = 6


@pytest.fixture
def api(database, tmp_path):
    folder = shared_data("synthea-r4")
    with running_api(database, tmp_path) as running:
        files = sorted(folder.glob("*.json.gz"))[:PATIENTS]
        summary = import_path(database, SEEDER, files, processes=1, site_time_zone="America/New_York")
        assert summary.rejected == 0
        yield running


def test_every_observation_of_every_patient_stands_in_a_series(api):
    with api.work() as work:
        stored = defaultdict(set)
        for patient_id, identity in work.connection.exec_driver_sql(
            "SELECT patient_id, id FROM fhir.observation"
        ):
            stored[patient_id].add(identity)
        patients = [row[0] for row in work.connection.exec_driver_sql("SELECT id FROM fhir.patient")]
        assert len(patients) >= PATIENTS - 1
        for patient_id in patients:
            view = read_results(work, patient_id=patient_id)
            points = [point for series in view.series for point in series.points]
            shown = {point.result_id for point in points if point.resource_type == "Observation"}
            assert shown == stored[patient_id]
            assert all(point.text for series in view.series for point in series.points)
            summary = open_chart(work, patient_id=patient_id)
            assert summary.allergy_state in ("known", "not_recorded")
            assert all(len(series.points) <= 2 for series in summary.latest_vitals)
