"""A record of many years is merged and un-merged in seconds, with the same few statements as a small one."""

from __future__ import annotations

import time

import pytest

from data_contracts.api.merging import MergePatients, UndoMerge
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.importer import load_resources
from tests.integration.chart_records import of, put_observation, put_patient
from tests.lib.api import SEEDER
from tests.lib.statements import counted_statements

ENCOUNTERS, OBSERVATIONS = 2_000, 20_000
MERGE_SECONDS = 30
"""On a busy machine with two cores; measured there alone it takes a third of this."""


def history_of_years(patient):
    for number in range(ENCOUNTERS):
        yield (
            "Encounter",
            encode(
                {
                    "resourceType": "Encounter", "id": f"e{number}", "status": "finished",
                    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                    "subject": of(patient), "period": {"start": f"{1990 + number % 36}-03-01"},
                }
            ),
        )  # fmt: skip
    for number in range(OBSERVATIONS):
        yield (
            "Observation",
            encode(
                {
                    "resourceType": "Observation", "id": f"o{number}", "status": "final",
                    "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
                    "subject": of(patient), "encounter": {"reference": f"Encounter/e{number % ENCOUNTERS}"},
                    "effectiveDateTime": f"{1990 + number % 36}-03-01T09:00:00-05:00",
                    "valueQuantity": {"value": number, "unit": "%"},
                }
            ),
        )  # fmt: skip


def merged(api, desk, survivor, other):
    preview = desk.merges.preview(survivor, other)
    asked = MergePatients(
        survivor_id=survivor, survivor_version=preview.survivor.version_id, other_id=other,
        other_version=preview.other.version_id, reason="One person", same_person=True,
    )  # fmt: skip
    with counted_statements(api.parts.database.engine) as sent:
        done = desk.merges.merge(asked)
    return done, len(sent)


@pytest.mark.long
def test_a_large_record_is_merged_and_taken_back_in_seconds(api, desk, database, rows):
    put_patient(api, "large", "Hill", "Ann")
    put_patient(api, "small", "Hill", "Anne")
    put_patient(api, "tiny", "Hill", "Annie")
    put_observation(api, "one", "tiny")
    load_resources(
        database, SEEDER, history_of_years("large"), processes=1, site_time_zone="America/New_York"
    )
    _, few = merged(api, desk, "small", "tiny")
    begun = time.monotonic()
    done, many = merged(api, desk, "small", "large")
    took = time.monotonic() - begun
    assert done.moved == ENCOUNTERS + OBSERVATIONS
    assert took < MERGE_SECONDS, f"{took:.1f} s"
    assert many < few + 500, "portions and Provenance only: no statement for each resource"
    begun = time.monotonic()
    undone = desk.merges.undo(done.merge_id, UndoMerge(version=1, reason="Two people"))
    took_back = time.monotonic() - begun
    assert undone.restored == ENCOUNTERS + OBSERVATIONS
    assert took_back < MERGE_SECONDS, f"{took_back:.1f} s"
    assert rows("SELECT count(*) AS left FROM fhir.observation WHERE patient_id = 'small'") == [{"left": 1}]
    print(f"merge {took:.1f} s ({many} statements), un-merge {took_back:.1f} s")
