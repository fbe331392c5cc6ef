"""Synthea's eighty people go through the whole loop, from bundles to screens: at each step counts in are counts out.

Nothing here knows what the answers should be: that is for the specifications. It counts that nobody and nothing is
lost on the way without a word.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from data_contracts.api.care_gaps import WorklistQuery
from data_contracts.api.pipeline import RunReport
from data_contracts.guidelines import definitions
from data_contracts.lake import Manifest
from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.db.database import connect
from ehr_core.kernel.pseudonym import derive_key
from ehr_core.store.importer import ImportSummary, import_path
from pipelines.flatten.views import compile_views
from pipelines.run.nightly import nightly
from tests.integration.doors.records import (
    AS_OF,
    LOADER,
    ZONE,
    current_snapshots,
    lake_lines,
    lake_of,
    lake_rows,
    stored_counts,
    synthea_files,
)
from tests.lib.api import RunningApi
from tests.lib.postgres import app_url_of, fresh_database
from tests.lib.served_api import served_api

TOPICS = len(definitions())


@dataclass
class Loop:
    """One whole run: what went in, what each step said, and where it all lies now."""

    api: RunningApi
    entries: int
    distinct: Counter[str]
    imported: ImportSummary
    told: RunReport
    manifest: Manifest
    receipts: dict[str, Counter[str]] = field(default_factory=dict)

    def pseudonyms(self) -> dict[str, str]:
        """Patient ids by pseudonym."""
        key = derive_key(self.api.parts.secrets.pseudonym_master_key, self.manifest.key_id)
        return {key.pseudonym("Patient", patient_id): patient_id for patient_id in self.patient_ids()}

    def patient_ids(self) -> list[str]:
        with self.api.work() as work:
            return list(
                work.connection.exec_driver_sql("SELECT id FROM fhir.patient WHERE NOT deleted").scalars()
            )

    def lake(self, statement: str, zone: str = "results") -> list[tuple]:
        return lake_rows(self.api, zone, statement)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="checked"),
        pytest.param(True, id="checked_twice", marks=pytest.mark.long),
    ],
)
def loop(request, postgres_server, template_database, tmp_path_factory) -> Iterator[Loop]:
    """The run; with the long tests the contracts are also read by Great Expectations."""
    paths = synthea_files()
    sent = [
        (entry["resource"]["resourceType"], entry["resource"]["id"])
        for path in paths
        for entry in json.loads(gzip.decompress(path.read_bytes()))["entry"]
    ]
    with fresh_database(postgres_server, template=template_database) as admin_url:
        database = connect(app_url_of(admin_url))
        imported = import_path(database, LOADER, paths, processes=1, site_time_zone=ZONE)
        with served_api(database, tmp_path_factory.mktemp("loop") / "state") as api:
            told = nightly(
                api.service("pipeline"), api.parts.settings, as_of=AS_OF, deep_checks=request.param
            )
            run = Loop(
                api=api,
                entries=len(sent),
                distinct=Counter(kind for kind, _ in set(sent)),
                imported=imported,
                told=told,
                manifest=lake_of(api).current("limited"),
                receipts=_receipts(api),
            )
            yield run


def _receipts(api: RunningApi) -> dict[str, Counter[str]]:
    """What each write-back said, added up over its parts, by table: from the audit log, where it stands for good."""
    added: dict[str, Counter[str]] = {}
    with api.work() as work:
        said = work.connection.exec_driver_sql(
            "SELECT detail FROM audit.event WHERE act = 'pipeline.write_back'"
        ).scalars()
        for detail in said:
            numbers = {name: count for name, count in detail.items() if isinstance(count, int)}
            added.setdefault(detail["table"], Counter()).update(numbers)
    return added


def test_every_entry_of_the_bundles_is_stored_once(loop):
    told = loop.imported
    assert (told.problems, told.rejected) == ([], 0)
    assert told.read == loop.entries == told.stored + told.unchanged.total() + told.superseded.total()
    assert stored_counts(loop.api) == loop.distinct


def test_everything_stored_leaves_the_core_and_lies_in_the_lake_or_is_explained(loop):
    assert loop.manifest.exported == stored_counts(loop.api)
    set_aside = Counter(
        {
            reason.partition(" ")[0]: count
            for reason, count in loop.manifest.explained.items()
            if "de-identification" in reason
        }
    )
    assert Counter(lake_lines(loop.api)) + set_aside == Counter(loop.manifest.exported)


def test_every_line_of_the_lake_has_its_row_or_is_explained(loop):
    without_keys = Counter(
        {
            reason.partition(" ")[0]: count
            for reason, count in loop.manifest.explained.items()
            if "without keys" in reason
        }
    )
    for resource_type, lines in lake_lines(loop.api).items():
        if resource_type in compile_views():
            first_table = next(iter(compile_views()[resource_type].selects))
            assert loop.manifest.tables[first_table] + without_keys[resource_type] == lines, resource_type


def test_what_the_manifest_counts_is_what_a_reader_finds(loop):
    assert loop.manifest.tables.keys() == {table.name for table in FLAT_TABLES}
    for zone in ("limited", "results"):
        for table, count in lake_of(loop.api).current(zone).tables.items():
            assert loop.lake(f'SELECT count(*) FROM "{table}"', zone) == [(count,)]
            assert loop.told.counts[table] == count
    assert set(current_snapshots(loop.api).values()) == {loop.told.snapshot_id}


def test_everybody_has_an_answer_from_each_definition_or_a_reason_to_have_none(loop):
    people = loop.lake(
        "SELECT patient_key, deceased IS TRUE OR deceased_low IS NOT NULL FROM patient", "limited"
    )
    assert {key for key, _ in people} == loop.pseudonyms().keys()
    dead = {key for key, has_died in people if has_died}
    asked = Counter(key for (key,) in loop.lake("SELECT patient_key FROM recommendation_results"))
    assert asked == Counter({key: TOPICS for key, _ in people if key not in dead})
    measured = Counter(key for (key,) in loop.lake("SELECT patient_key FROM measure_results"))
    assert measured == Counter({key: TOPICS for key, _ in people})
    assert {key for (key,) in loop.lake("SELECT patient_key FROM patient_strata")} == {
        key for key, _ in people
    }
    assert dead, "Synthea's people hold somebody who died; otherwise this tests less than it says"


def test_every_answer_within_a_population_is_a_gap_row(loop):
    answers = loop.lake(
        "SELECT patient_key, recommendation_id FROM recommendation_results WHERE status <> 'not_applicable'"
    )
    assert set(answers) == set(loop.lake("SELECT patient_key, source_id FROM care_gaps"))
    assert len(answers) > loop.manifest.tables["patient"]


BESIDE = {
    "risk_scores", "risk_drivers", "care_tiers",
    "data_quality_findings", "data_quality_records", "data_quality_touches",
}  # fmt: skip
"""What is sent back beside the results whose rows the night's report counts."""


def test_every_row_sent_back_is_accounted_for(loop):
    sent = {name: loop.told.counts[name] for name in ("care_gaps", "measure_results", "patient_strata")}
    received = {name: said["received"] for name, said in loop.receipts.items()}
    assert {name: received.pop(name) for name in sent} == sent
    assert set(received) == BESIDE
    for said in loop.receipts.values():
        assert said["received"] == (
            said["inserted"]
            + said["changed"]
            + said["unchanged"]
            + said["skipped_changed_since"]
            + said["refused_unknown_patient"]
        )
        assert said["inserted"] == said["received"]


def test_every_gap_of_the_lake_is_read_on_its_patients_chart(loop):
    clinician = loop.api.signed_in("reader", "clinician")
    shown = {
        (patient_id, gap.source_id, gap.computed_status)
        for patient_id in loop.patient_ids()
        for gap in clinician.care_gaps.of_patient(patient_id).gaps
    }
    people = loop.pseudonyms()
    computed = loop.lake("SELECT patient_key, source_id, computed_status FROM care_gaps")
    assert shown == {(people[key], source_id, status) for key, source_id, status in computed}


def test_the_worklist_holds_everybody_with_an_open_gap_on_one_page_or_another(loop):
    manager = loop.api.signed_in("pages", "care_manager")
    pages = [manager.worklist.page(WorklistQuery(size=25))]
    while len(pages) * 25 < pages[0].page.total:
        pages.append(manager.worklist.page(WorklistQuery(size=25, page=len(pages) + 1)))
    rows = [row for page in pages for row in page.rows]
    people = loop.pseudonyms()
    open_gaps = loop.lake("SELECT patient_key, source_id FROM care_gaps WHERE computed_status = 'open'")
    assert {(row.patient_id, gap.source_id) for row in rows for gap in row.gaps} == {
        (people[key], source_id) for key, source_id in open_gaps
    }
    assert len(rows) == len({row.patient_id for row in rows}) == pages[0].page.total
    assert pages[0].gaps == len(open_gaps)


def test_the_rates_on_the_screen_count_the_rows_of_the_lake(loop):
    counted = loop.lake(
        "SELECT measure_id, count(*) FILTER (WHERE initial_population), "
        "count(*) FILTER (WHERE denominator AND NOT denominator_exclusion AND NOT denominator_exception), "
        "count(*) FILTER (WHERE denominator_exclusion), count(*) FILTER (WHERE denominator_exception), "
        "count(*) FILTER (WHERE numerator), count(*) FILTER (WHERE NOT evaluable) "
        "FROM measure_results GROUP BY measure_id"
    )
    lines = loop.api.signed_in("rates", "care_manager").quality.measures().measures
    shown = {
        line.measure_id: (
            line.counts.initial_population,
            line.counts.denominator,
            line.counts.exclusions,
            line.counts.exceptions,
            line.counts.numerator,
            line.counts.not_evaluable,
        )
        for line in lines
    }
    assert shown == {measure_id: tuple(counts) for measure_id, *counts in counted if any(counts)}
    assert len(shown) > TOPICS / 2
