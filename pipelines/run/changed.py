"""Measures a few changed patients: the same steps as the night, over lines in memory, under an explicit as-of day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import msgspec

from data_contracts.api.pipeline import ChangeBatch, ChangedPatient
from data_contracts.guidelines.fact_sql import GATHER
from data_contracts.guidelines.facts import Facts, gather_facts
from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS, PATIENT_STRATA
from data_contracts.workbench import KeptPlans
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.pseudonym import PseudonymKey
from pipelines import gaps, measures, recommendations
from pipelines.deidentify import Deidentifier, load_profile
from pipelines.flatten import flatten_minute, words_of
from pipelines.gaps import CARE_GAPS_SELECT
from pipelines.run.requirements import touched_definitions, types_read
from pipelines.write_back import STRATA, RunStamp, derive_strata, send_changed

PATIENTS_AT_ONCE = 100
"""A micro-batch of a hundred costs little more than one patient (performance.md, section 6)."""

MEASURED_LAST = (MEASURE_RESULTS, PATIENT_STRATA)
"""Strata say that somebody was measured and end the count of their failures, so they come when every answer has
arrived. Otherwise a record whose answers cannot be stored would be tried again for ever."""


FLAT_TABLES_READ_BY = words_of((*GATHER.values(), CARE_GAPS_SELECT, STRATA))
"""All that reads a flat table after a change; what these do not name is not made of a record."""


class _Kind(msgspec.Struct):
    resourceType: str


KIND = msgspec.json.Decoder(_Kind)


@dataclass
class Bench:
    """What is kept between batches, because making it costs more than they do: the plans and the allow-list."""

    site_time_zone: str
    tables: KeptPlans = field(init=False)
    _deidentifiers: dict[str, Deidentifier] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tables = KeptPlans(self.site_time_zone)

    def deidentifier(self, key: PseudonymKey) -> Deidentifier:
        if key.key_id not in self._deidentifiers:
            self._deidentifiers = {key.key_id: Deidentifier(load_profile("limited"), key)}
        return self._deidentifiers[key.key_id]

    def close(self) -> None:
        self.tables.close()


def measure_changed(client: AlmonerClient, bench: Bench, batch: ChangeBatch) -> None:
    """Re-measures the patients of a claimed batch and writes the answers back. Raises when any step fails."""
    key = PseudonymKey(batch.key.key_id, bytes.fromhex(batch.key.secret_hex))
    for start in range(0, len(batch.patients), PATIENTS_AT_ONCE):
        patients = batch.patients[start : start + PATIENTS_AT_ONCE]
        only = touched_definitions(patients)
        _measure(client, bench, patients, key, batch.as_of, only, run_id=f"change-{batch.batch_id}")


def evaluate_gaps(
    bench: Bench, lines: Sequence[bytes], key: PseudonymKey, as_of: date, only: frozenset[str] | None = None
) -> Facts:
    """From identified lines to care_gaps on the bench: nothing is sent anywhere.

    Raises BadRequest when de-identification refuses a line: answers from half a record would be wrong.
    """
    tables = bench.tables
    flatten_minute(
        tables, scrubbed(bench.deidentifier(key), lines), key_id=key.key_id, read=FLAT_TABLES_READ_BY
    )
    facts = gather_facts(tables, only)
    recommendations.evaluate(tables, as_of=as_of, only=only, facts=facts)
    gaps.derive(tables, as_of=as_of)
    return facts


def evaluate_measures(bench: Bench, facts: Facts, as_of: date, only: frozenset[str] | None = None) -> None:
    """From the same facts to measure_results and patient_strata."""
    measures.evaluate(bench.tables, as_of=as_of, only=only, facts=facts)
    derive_strata(bench.tables, as_of=as_of)


def scrubbed(deidentifier: Deidentifier, lines: Sequence[bytes]) -> dict[str, list[bytes]]:
    """The lines by resource type, de-identified; what the profile withholds or does not list is left out.

    Raises BadRequest when a line is refused: the record would then be measured as if it were not there.
    """
    by_type: dict[str, list[bytes]] = {}
    for line in lines:
        by_type.setdefault(KIND.decode(line).resourceType, []).append(line)
    return {kind: _all_scrubbed(deidentifier, kind, found) for kind, found in by_type.items()}


def _all_scrubbed(deidentifier: Deidentifier, resource_type: str, lines: Sequence[bytes]) -> list[bytes]:
    before = deidentifier.report.of(resource_type).quarantined
    passed = list(deidentifier.scrub_lines(resource_type, lines))
    refused = deidentifier.report.of(resource_type).quarantined - before
    if refused:
        raise BadRequest(
            f"De-identification refused {refused} {resource_type} of these records. Correct them."
        )
    return passed


def _measure(
    client: AlmonerClient,
    bench: Bench,
    patients: Sequence[ChangedPatient],
    key: PseudonymKey,
    as_of: date,
    only: frozenset[str] | None,
    *,
    run_id: str,
) -> None:
    """Gaps first, because somebody may be looking at them; then the measures, from the same facts.

    A change that touches no definition is only looked at: a line that nobody could read would make the night stop
    believing the record, and the minute says the same.
    """
    patient_ids = [patient.patient_id for patient in patients]
    types = types_read(patients, only)
    if not types:
        return
    records = client.pipeline.records(patient_ids, types)
    if only is not None and not only:
        scrubbed(bench.deidentifier(key), records.lines)
        return
    stamp = RunStamp(run_id, key.key_id, as_of, records.outbox_transaction)
    send = partial(
        send_changed,
        client,
        bench.tables,
        stamp,
        snapshot=records.snapshot,
        patient_keys=[key.pseudonym("Patient", patient_id) for patient_id in patient_ids],
        source_ids=None if only is None else sorted(only),
    )
    facts = evaluate_gaps(bench, records.lines, key, as_of, only)
    send(tables=(CARE_GAPS,))
    evaluate_measures(bench, facts, as_of, only)
    send(tables=MEASURED_LAST)
