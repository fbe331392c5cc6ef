"""Official results in the safe-harbor zone: under the zone's codes, and no canary planted in them comes out."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.lake import Lake
from data_contracts.tables.official import OFFICIAL_RESULTS
from data_contracts.tables.results import MEASURE_RESULTS
from pipelines.deidentify import Deidentifier, derive_key, load_profile, scrub_stream
from pipelines.measures.official.results import arrow
from pipelines.run.draft import Draft, DraftFacts
from pipelines.run.safe_harbor import publish_safe_harbor

KEY = derive_key("5a" * 32, "test-1")
AS_OF = date(2026, 11, 22)
ZONE = "America/New_York"
ANN, NOBODY = KEY.pseudonym("Patient", "ann"), "f" * 32
CANARY, DAY, AGE = "Quillfeather", date(2026, 3, 17), 97.25
LOW, HIGH = date(2026, 1, 1), date(2026, 12, 31)


def official(patient_key: str) -> dict:
    counts = {"InitialPopulation_1": 2, "observed/Age_1": [AGE], "said": CANARY}
    return {
        **{"key_id": KEY.key_id, "patient_key": patient_key, "measure_id": "CMS999", "measure_version": "1"},
        **{"period_begin": LOW, "period_end": HIGH, "evaluable": True, "initial_population": True},
        **{"denominator": True, "denominator_exclusion": False, "denominator_exception": False},
        **{
            "numerator": True,
            "evidence_type": "Observation",
            "evidence_key": KEY.pseudonym("Observation", "o"),
        },
        **{"evidence_on": DAY, "evidence_code": "4548-4", "evidence_value": f"{CANARY} {AGE}"},
        **{"as_of": AS_OF, "next_change_on": DAY, "unmet_condition": "Numerator"},
        "population_counts": orjson.dumps(counts).decode(),
    }


def draft_of(folder, *, sound: bool) -> Draft:
    draft = Draft(Lake(folder), "snapshot-1")
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    draft.keep(
        DraftFacts(
            **{"snapshot_id": "snapshot-1", "run_id": "r", "key_id": KEY.key_id, "as_of": AS_OF},
            **{"started_at": moment, "taken_at": moment, "outbox_transaction": 1},
            official_is_sound=sound,
        )
    )
    person = {"resourceType": "Patient", "id": "ann", "gender": "female", "birthDate": "1950-02-03"}
    scrub_stream(
        Deidentifier(load_profile("limited"), KEY), "Patient", [orjson.dumps(person)], draft.resources
    )
    rows = [official(ANN), official(NOBODY)]
    columns = {name: [row.get(name) for row in rows] for name in OFFICIAL_RESULTS.column_names}
    pq.write_table(arrow(OFFICIAL_RESULTS, columns), draft.results / "official_results.parquet")
    own = {name: columns[name] for name in MEASURE_RESULTS.column_names}
    pq.write_table(
        pa.table(own, schema=arrow(MEASURE_RESULTS, {}).schema), draft.results / "measure_results.parquet"
    )
    return draft


@pytest.fixture
def zone(tmp_path) -> duckdb.DuckDBPyConnection:
    draft = draft_of(tmp_path, sound=True)
    rows = publish_safe_harbor(draft, ZONE)
    assert rows[OFFICIAL_RESULTS.name] == 1, "somebody without a code is left out"
    return draft.lake.open("safe_harbor")


def test_no_canary_day_value_age_or_key_comes_out_of_official_results(zone):
    columns = zone.execute("SELECT * FROM official_results").fetchall()[0]
    said = " ".join(map(str, columns))
    for planted in (CANARY, str(AGE), str(DAY), ANN, NOBODY, KEY.key_id, KEY.pseudonym("Observation", "o")):
        assert planted not in said, planted


def test_who_stands_where_by_which_definition_and_how_many_stay_under_the_zones_own_codes(zone):
    (row,) = zone.execute(
        "SELECT numerator, unmet_condition, population_counts, evidence_code FROM official_results "
        "JOIN patient USING (key_id, patient_key) WHERE sex = 'female'"
    ).fetchall()
    assert row == (True, "Numerator", '{"InitialPopulation_1":2}', "4548-4")


def test_results_that_did_not_keep_their_contracts_are_not_published(tmp_path):
    draft = draft_of(tmp_path, sound=False)
    assert OFFICIAL_RESULTS.name not in publish_safe_harbor(draft, ZONE)
    assert OFFICIAL_RESULTS.name not in draft.lake.current("safe_harbor").tables
