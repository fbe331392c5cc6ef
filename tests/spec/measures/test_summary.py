"""Rates by group: every population beside its rate."""

from __future__ import annotations

from datetime import date

import pytest

from ehr_core.kernel.errors import BadRequest
from pipelines.measures import STRATA, evaluate, summarise

COUNTS = (
    "initial_population",
    "denominator",
    "denominator_exclusion",
    "denominator_exception",
    "numerator",
    "not_evaluable",
)


@pytest.fixture
def counted(tables):
    people = {
        "met": {"clinic_key": "north", "race": "2106-3", "ethnicity": "2186-5"},
        "missed": {"clinic_key": "north", "clinician_key": "dr", "sex": "male"},
        "hospice": {"clinic_key": "south", "born": "1951-03-01"},
        "unborn": {"clinic_key": "south", "born": None},
        "well": {"clinic_key": "south"},
    }
    for patient, columns in people.items():
        tables.patient(patient, **columns)
        if patient != "well":
            tables.fact("condition", "icd-10-cm|E11.9", "2015-03-01", patient=patient)
    tables.number("loinc|4548-4", "2026-05-01", "7.1", "%", 7.1, patient="met")
    tables.fact("encounter", "hcpcs|T2042", "2026-02-01", patient="hospice")
    for key, start, payer in (("a", "2020-01-01", "old"), ("b", "2025-01-01", "Medicare")):
        tables.insert(
            "coverage",
            key_id="test-key",
            patient_key="met",
            resource_key=key,
            status="active",
            payer_type=payer,
            start_low=start,
        )
    evaluate(tables.connection, as_of=date(2026, 11, 22), only=["glycemic_control"])
    summarise(tables.connection)
    return tables


def counts(tables, stratum: str, value: str) -> list[int]:
    row = tables.one("measure_summary", stratum=stratum, value=value)
    return [row[name] for name in COUNTS]


@pytest.mark.parametrize(
    ("stratum", "value", "expected"),
    [
        ("all", "all", [3, 3, 1, 0, 1, 1]),
        ("clinic", "north", [2, 2, 0, 0, 1, 0]),
        ("clinic", "south", [1, 1, 1, 0, 0, 1]),
        ("clinician", "dr", [1, 1, 0, 0, 0, 0]),
        ("sex", "male", [1, 1, 0, 0, 0, 0]),
        ("age_band", "75+", [1, 1, 1, 0, 0, 0]),
        ("age_band", "unknown", [0, 0, 0, 0, 0, 1]),
        ("race", "2106-3", [1, 1, 0, 0, 1, 0]),
        ("ethnicity", "unknown", [2, 2, 1, 0, 0, 1]),
        ("payer", "Medicare", [1, 1, 0, 0, 1, 0]),
    ],
)
def test_counts_by_group(counted, stratum, value, expected):
    assert counts(counted, stratum, value) == expected


def test_every_group_adds_up_to_the_whole(counted):
    for stratum in STRATA:
        rows = counted.rows("measure_summary", stratum=stratum)
        assert [sum(row[name] for row in rows) for name in COUNTS] == [3, 3, 1, 0, 1, 1], stratum


def test_an_unknown_group_is_refused(counted):
    with pytest.raises(BadRequest, match="no group 'shoe_size'"):
        summarise(counted.connection, ["shoe_size"])
