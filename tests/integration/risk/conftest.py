"""An API over two people whose risk was written back by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from data_contracts.code_systems import ICD_10_CM
from data_contracts.tables.risk import CARE_TIERS, RISK_DRIVERS, RISK_SCORES
from ehr_core.kernel.pseudonym import PseudonymKey
from tests.integration.chart_records import of, put, put_patient, put_site
from tests.integration.loop.records import as_body
from tests.lib.api import RunningApi, running_api

TODAY = date(2026, 11, 20)


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben", "1990-01-01")
        put_condition(running, "failure", "ana", "I50.22", "Chronic systolic heart failure")
        put_condition(running, "virus", "ben", "B20", "HIV disease")
        yield running


def put_condition(api: RunningApi, identity: str, patient: str, code: str, words: str, **more: Any) -> None:
    put(
        api,
        "Condition",
        identity,
        subject=of(patient),
        code={"coding": [{"system": ICD_10_CM.uri, "code": code}], "text": words},
        clinicalStatus={"coding": [{"code": "active"}]},
        onsetDateTime="2020-05-01",
        **more,
    )


@pytest.fixture
def key(api) -> PseudonymKey:
    grant = api.service("pipeline").pipeline.key()
    return PseudonymKey(grant.key_id, bytes.fromhex(grant.secret_hex))


@pytest.fixture
def write_back(api, key) -> Callable[..., dict]:
    """A whole run: (patient, Charlson score, tier, its condition and code) of each; HCC beside it for everybody."""

    def writing(*people: Sequence, run_id: str = "run", as_of: date = TODAY, basis: str = "charlson") -> dict:
        pipeline = api.service("pipeline").pipeline
        stamp = {"run_id": run_id, "key_id": key.key_id, "as_of": as_of, "outbox_transaction": 2**40}
        drivers, scores, tiers = [], [], []
        for patient, value, tier, condition, code in people:
            whose = {"key_id": key.key_id, "patient_key": key.pseudonym("Patient", patient), "as_of": as_of}
            scores += [
                score("charlson", "comorbidity", value, tier) | whose,
                score("hcc_v28", "payment", 1.9, None) | whose,
            ]
            drivers.append(
                {
                    **dict.fromkeys(RISK_DRIVERS.column_names),
                    **whose,
                    "score_id": "charlson",
                    "part": "A category",
                    "evidence_type": "Condition",
                    "evidence_key": key.pseudonym("Condition", condition),
                    "evidence_on": date(2020, 5, 1),
                    "evidence_code_system": ICD_10_CM.uri,
                    "evidence_code": code,
                }
            )
            tiers.append({**dict.fromkeys(CARE_TIERS.column_names), **whose, "tier": tier, "basis": basis})
        return {
            table.name: pipeline.write_back(table.name, as_body(table, rows), **stamp)
            for table, rows in ((RISK_DRIVERS, drivers), (RISK_SCORES, scores), (CARE_TIERS, tiers))
        }

    return writing


def score(score_id: str, purpose: str, value: float, tier: str | None) -> dict:
    return {
        **dict.fromkeys(RISK_SCORES.column_names),
        "score_id": score_id,
        "score_version": "a version",
        "purpose": purpose,
        "value": value,
        "tier": tier,
        "parts": "A category",
    }


ANA = ("ana", 3.0, "high", "failure", "I50.22")
BEN = ("ben", 6.0, "very_high", "virus", "B20")


@pytest.fixture
def night(write_back) -> dict:
    """Ana is at high risk by her heart failure, Ben at very high risk by what not everybody may see."""
    return write_back(ANA, BEN)


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def manager(api):
    return api.signed_in("maria", "care_manager")
