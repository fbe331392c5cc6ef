"""Measures a few changed patients: the same steps as the night, over lines in memory, under an explicit as-of day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import msgspec
import pyarrow as pa

from data_contracts.api.official_measures import ActiveMeasures
from data_contracts.api.pipeline import ChangeBatch, ChangedPatient
from data_contracts.guidelines.fact_sql import GATHER
from data_contracts.guidelines.facts import Facts, gather_facts
from data_contracts.tables.official import OFFICIAL_EVIDENCE, OFFICIAL_GAPS, OFFICIAL_RESULTS
from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS, PATIENT_STRATA
from data_contracts.workbench import KeptPlans
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.pseudonym import PseudonymKey
from pipelines import gaps, measures, recommendations, risk
from pipelines.deidentify import Deidentifier, load_profile
from pipelines.flatten import flatten_minute, words_of
from pipelines.gaps import CARE_GAPS_SELECT, OFFICIAL_GAPS_SELECT, derive_official
from pipelines.measures.official.evaluate import evaluate_lines
from pipelines.measures.official.kept import KeptPackages, Ready
from pipelines.run.official_packages import published
from pipelines.run.requirements import (
    asked_alike,
    touched_definitions,
    touched_official,
    touched_risk,
    types_read,
)
from pipelines.run.risk import WRITTEN_BACK as RISK_IN_ORDER
from pipelines.write_back import STRATA, RunStamp, derive_strata, send_changed

log = get_logger(__name__)

PATIENTS_AT_ONCE = 100
"""A micro-batch of a hundred costs little more than one patient (performance.md, section 6)."""

MEASURED_LAST = (MEASURE_RESULTS, PATIENT_STRATA)
"""Strata say that somebody was measured and end the count of their failures, so they come when every answer has
arrived. Otherwise a record whose answers cannot be stored would be tried again for ever."""


OFFICIAL_LAST = (OFFICIAL_EVIDENCE, OFFICIAL_RESULTS, OFFICIAL_GAPS)
"""Facts before the results that rest on them."""

FLAT_TABLES_READ_BY = words_of(
    (*GATHER.values(), CARE_GAPS_SELECT, OFFICIAL_GAPS_SELECT, STRATA, *risk.STATEMENTS)
)
"""All that reads a flat table after a change; what these do not name is not made of a record."""


class _Kind(msgspec.Struct):
    resourceType: str


KIND = msgspec.json.Decoder(_Kind)


@dataclass
class Bench:
    """What is kept between batches, because making it costs more than they do: plans, allow-list, compiled packages."""

    site_time_zone: str
    packages: KeptPackages = field(default_factory=KeptPackages)
    tables: KeptPlans = field(init=False)
    _deidentifiers: dict[tuple[str, frozenset[str]], Deidentifier] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tables = KeptPlans(self.site_time_zone)

    def deidentifier(self, key: PseudonymKey, words: frozenset[str]) -> Deidentifier:
        """`words`: what the active official measures call their codes."""
        made_for = (key.key_id, words)
        if made_for not in self._deidentifiers:
            made = Deidentifier(load_profile("limited"), key, published=words)
            self._deidentifiers = {made_for: made}
        return self._deidentifiers[made_for]

    def close(self) -> None:
        self.tables.close()


def measure_changed(client: AlmonerClient, bench: Bench, batch: ChangeBatch) -> None:
    """Re-measures the patients of a claimed batch and writes the answers back. Raises when any step fails."""
    key = PseudonymKey(batch.key.key_id, bytes.fromhex(batch.key.secret_hex))
    ready = _ready(client, bench, batch.official)
    words = published(ready)
    for start in range(0, len(batch.patients), PATIENTS_AT_ONCE):
        patients = batch.patients[start : start + PATIENTS_AT_ONCE]
        only = touched_definitions(patients)
        official = touched_official(patients, ready, only)
        if only is not None:
            only |= asked_alike(official)
        scored = touched_risk(patients)
        asked = _Asked(patients, key, words, batch.as_of, only, official, scored, f"change-{batch.batch_id}")
        _measure(client, bench, asked)


@dataclass(frozen=True)
class _Asked:
    """What is to be measured: whom, by which of our definitions (None: all) and official measures, and by scores."""

    patients: Sequence[ChangedPatient]
    key: PseudonymKey
    words: frozenset[str]
    as_of: date
    only: frozenset[str] | None
    official: Sequence[Ready]
    scored: bool
    run_id: str

    @property
    def own(self) -> bool:
        """Whether any definition of our own is among them."""
        return self.only is None or bool(self.only)

    @property
    def own_ids(self) -> list[str] | None:
        return None if self.only is None else sorted(self.only)

    @property
    def official_ids(self) -> list[str] | None:
        if self.only is None:
            return None
        return sorted(one.measure_id for package in self.official for one in package.described)


def get_ready(client: AlmonerClient, bench: Bench) -> None:
    """Compiles the active official measures, if they are not yet."""
    _ready(client, bench, client.pipeline.official_measures())


def _ready(client: AlmonerClient, bench: Bench, active: ActiveMeasures) -> list[Ready]:
    """A package that cannot be run stops the official measures only; the night's own check tells of it."""
    try:
        return bench.packages.ready(active, client.pipeline.official_package)
    except (BadRequest, NotFound) as error:
        log.error("official_packages_broken", why=error.message)
        return []


def evaluate_gaps(
    bench: Bench,
    lines: Mapping[str, Sequence[bytes]],
    key: PseudonymKey,
    as_of: date,
    only: frozenset[str] | None = None,
) -> Facts:
    """From de-identified lines (see `scrubbed`) to care_gaps on the bench: nothing is sent anywhere."""
    tables = bench.tables
    flatten_minute(tables, lines, key_id=key.key_id, read=FLAT_TABLES_READ_BY)
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


def _measure(client: AlmonerClient, bench: Bench, asked: _Asked) -> None:
    """Gaps first, because somebody may be looking at them; then the measures, from the same facts; then care tiers.

    A change that touches no definition is only looked at: a line that nobody could read would make the night stop
    believing the record, and the minute says the same.
    """
    patient_ids = [patient.patient_id for patient in asked.patients]
    types = types_read(asked.patients, asked.only, asked.official, scored=asked.scored)
    if not types:
        return
    records = client.pipeline.records(patient_ids, types)
    lines = scrubbed(bench.deidentifier(asked.key, asked.words), records.lines)
    if not (asked.own or asked.official or asked.scored):
        return
    stamp = RunStamp(asked.run_id, asked.key.key_id, asked.as_of, records.outbox_transaction)
    send = partial(
        send_changed,
        client,
        bench.tables,
        stamp,
        snapshot=records.snapshot,
        patient_keys=[asked.key.pseudonym("Patient", patient_id) for patient_id in patient_ids],
    )
    if asked.own:
        facts = evaluate_gaps(bench, lines, asked.key, asked.as_of, asked.only)
        send(tables=(CARE_GAPS,), source_ids=asked.own_ids)
        evaluate_measures(bench, facts, asked.as_of, asked.only)
    else:
        flatten_minute(bench.tables, lines, key_id=asked.key.key_id, read=FLAT_TABLES_READ_BY)
    if asked.official:
        evaluate_official(bench, lines, asked)
        send(tables=OFFICIAL_LAST, source_ids=asked.official_ids)
    if asked.own:
        send(tables=MEASURED_LAST, source_ids=asked.own_ids)
    if asked.scored:
        risk.score(bench.tables, as_of=asked.as_of)
        send(tables=RISK_IN_ORDER, source_ids=None)


def evaluate_official(bench: Bench, lines: Mapping[str, Sequence[bytes]], asked: _Asked) -> None:
    """From the same lines to official_results, official_evidence and official_gaps, beside the gaps of our own."""
    if not asked.own:
        bench.tables.empty(CARE_GAPS)
    made = [
        evaluate_lines(
            package,
            lines,
            key_id=asked.key.key_id,
            as_of=asked.as_of,
            time_zone=bench.site_time_zone,
        )
        for package in asked.official
    ]
    results, evidence = zip(*made, strict=True)
    bench.tables.lay(OFFICIAL_RESULTS.name, pa.concat_tables(results))
    bench.tables.lay(OFFICIAL_EVIDENCE.name, pa.concat_tables(evidence))
    measures_ = [one for package in asked.official for one in package.described]
    derive_official(bench.tables, measures_, as_of=asked.as_of)
