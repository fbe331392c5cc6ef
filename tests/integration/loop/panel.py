"""A small panel in a running API, the night and the worker over it, and what the core then holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from data_contracts.api.pipeline import RunReport
from ehr_core.access.actor import Actor
from ehr_core.db.database import Database
from ehr_core.kernel.clock import site_date
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.population import generate
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from pipelines.run.nightly import nightly
from pipelines.run.worker import Worker
from tests.lib.api import MORNING, RunningApi
from tests.lib.served_api import served_api

ZONE = "America/New_York"
AS_OF = date(2026, 11, 20)
LOADER = Actor("service:test-load", "service", "Test load", (), frozenset({"fhir.write"}))
PANEL_STATUS = "https://almoner.dev/fhir/CodeSystem/panel-status"
A1C, LOINC = "4548-4", "http://loinc.org"

HELD = {
    "gaps": "SELECT patient_id, source_id, source_version, computed_status, gap_kind, reason_code, due_on, priority, "
    "evidence_type, evidence_id, evidence_on, evidence_value, evidence_sensitivity, next_change_on "
    "FROM care_gaps.gap WHERE present ORDER BY 1, 2",
    "flags": "SELECT patient_id, measure_id, period_begin, period_end, evaluable, not_evaluable_reason, "
    "initial_population, denominator, denominator_exclusion, denominator_exception, numerator, exclusion_reason, "
    "evidence_id, evidence_on, evidence_value, evidence_sensitivity, next_change_on "
    "FROM quality.measure_flag "
    "WHERE period_begin <= :today AND period_end >= :today ORDER BY 1, 2, 3",
    "rests_on": "SELECT patient_id, source_id, array_to_string(rests_also_on_ids, ',') FROM care_gaps.gap "
    "WHERE present UNION ALL SELECT patient_id, measure_id, array_to_string(rests_also_on_ids, ',') FROM quality.measure_flag "
    "WHERE period_begin <= :today AND period_end >= :today ORDER BY 1, 2, 3",
    "strata": "SELECT patient_id, clinic, clinician, sex, age_band, race, ethnicity, payer, language "
    "FROM quality.patient_stratum ORDER BY 1",
    "cells": "SELECT measure_id, period_begin, stratum_kind, stratum_value, initial_population, denominator, "
    "exclusions, exceptions, numerator, not_evaluable FROM quality.summary_cell "
    "WHERE initial_population + not_evaluable > 0 ORDER BY 1, 2, 3, 4",
    "scores": "SELECT patient_id, score_id, score_version, purpose, value, tier, unknown_reason, unknown_words, parts, "
    "array_to_string(labels, ',') FROM risk.score ORDER BY 1, 2",
    "drivers": "SELECT patient_id, score_id, part, evidence_type, evidence_id, evidence_on, evidence_code, "
    "evidence_value, evidence_sensitivity FROM risk.driver ORDER BY 1, 2, 3, 4, 5",
    "tiers": "SELECT patient_id, tier, basis, array_to_string(labels, ','), next_change_on FROM risk.care_tier "
    "WHERE present ORDER BY 1",
}


@dataclass
class Panel:
    """The API with people in it."""

    api: RunningApi

    def __post_init__(self) -> None:
        self.worker = Worker(self.api.service("remeasure"), ZONE, 0.01)
        self.pipeline = self.api.service("pipeline")

    @property
    def today(self) -> date:
        return site_date(self.api.clock, ZONE)

    def night(self, **more: Any) -> RunReport:
        """The whole nightly run as of the API's own day."""
        return nightly(
            self.pipeline, self.api.parts.settings, as_of=self.today, **{"deep_checks": False, **more}
        )

    def minutes(self) -> int:
        """Works off everything that waits for re-measure; returns how many batches."""
        batches = 0
        while self.worker.work_once():
            batches += 1
        return batches

    def pass_days(self, days: int) -> None:
        self.api.clock.instant += timedelta(days=days)

    def held(self) -> dict[str, list[tuple]]:
        """What the screens are made of, by either path."""
        with self.api.work() as work:
            return {
                name: [tuple(row) for row in work.connection.execute(text(statement), {"today": self.today})]
                for name, statement in HELD.items()
            }

    def gap(self, patient_id: str, source_id: str) -> dict[str, Any] | None:
        """One stored gap, present ones only."""
        rows = self.rows(
            "SELECT * FROM care_gaps.gap WHERE patient_id = :p AND source_id = :s AND present",
            p=patient_id,
            s=source_id,
        )
        return rows[0] if rows else None

    def gaps_of(self, patient_id: str) -> int:
        return len(self.rows("SELECT 1 FROM care_gaps.gap WHERE patient_id = :p AND present", p=patient_id))

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.api.work() as work:
            return [dict(row) for row in work.connection.execute(text(statement), values).mappings()]

    def change(self, resource_type: str, identity: str, **elements: Any) -> None:
        """Reads a resource, sets elements (None takes one away), writes it."""
        with self.api.work() as work:
            store = Store(work)
            body = {**decode(store.read(resource_type, identity).body), **elements}
            kept = {name: value for name, value in body.items() if value is not None}
            store.update(resource_type, identity, encode(kept))

    def put(self, resource_type: str, identity: str, **elements: Any) -> None:
        with self.api.work() as work:
            Store(work).update(
                resource_type, identity, encode({"resourceType": resource_type, "id": identity, **elements})
            )

    def delete(self, resource_type: str, identity: str) -> None:
        with self.api.work() as work:
            Store(work).delete(resource_type, identity)

    def record_a1c(self, identity: str, patient_id: str, value: str, on: date, status: str = "final") -> None:
        self.put(
            "Observation",
            identity,
            status=status,
            category=[{"coding": [{"code": "laboratory"}]}],
            code={"coding": [{"system": LOINC, "code": A1C}]},
            subject={"reference": f"Patient/{patient_id}"},
            effectiveDateTime=on.isoformat(),
            valueQuantity={
                "value": float(value),
                "unit": "%",
                "system": "http://unitsofmeasure.org",
                "code": "%",
            },
        )

    def put_flag(self, patient_id: str, code: str, status: str = "active", **period: str) -> None:
        self.put(
            "Flag",
            f"flag-{patient_id[:20]}-{code}",
            status=status,
            code={"coding": [{"system": PANEL_STATUS, "code": code}]},
            subject={"reference": f"Patient/{patient_id}"},
            **({"period": period} if period else {}),
        )


@contextmanager
def panel_of(database: Database, state: Path, patients: int, *, now: datetime = MORNING) -> Iterator[Panel]:
    """So many generated people (the stories first) in the store of a served API whose clock stands at `now`."""
    lines = list(generate(patients, seed=2026, as_of=AS_OF, time_zone=ZONE))
    load_resources(database, LOADER, lines, processes=1, site_time_zone=ZONE)
    with served_api(database, state, now=now) as api:
        yield Panel(api)
