"""Ana, who speaks Spanish, and Ben, who speaks English, each signed in to the portal; their gaps written back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from data_contracts.tables.results import CARE_GAPS, PATIENT_STRATA
from ehr_core.kernel.pseudonym import PseudonymKey
from tests.integration.chart_records import put_patient, put_site
from tests.integration.loop.records import as_body, gap_row, stratum_row
from tests.lib.api import running_api

TODAY = date(2026, 11, 20)


def speaks(tag: str) -> list[dict]:
    return [
        {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": tag}]}, "preferred": True},
    ]


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana", communication=speaks("es-MX"))
        put_patient(running, "ben", "Young", "Ben", "1970-01-01", communication=speaks("en"))
        yield running


@pytest.fixture
def ana(api):
    return api.signed_in("ana", "patient", patient_id="ana")


@pytest.fixture
def ben(api):
    return api.signed_in("ben", "patient", patient_id="ben")


@pytest.fixture
def key(api) -> PseudonymKey:
    grant = api.service("pipeline").pipeline.key()
    return PseudonymKey(grant.key_id, bytes.fromhex(grant.secret_hex))


@pytest.fixture
def write_back(api, key) -> Callable[..., None]:
    """Writes gap rows back as a whole run over Ana and Ben: whoever has no row has nothing to do."""

    def writing(*rows: dict, run_id: str = "run") -> None:
        pipeline = api.service("pipeline").pipeline
        stamp = {"key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40, "run_id": run_id}
        strata = [stratum_row(key, person) for person in ("ana", "ben")]
        pipeline.write_back("patient_strata", as_body(PATIENT_STRATA, strata), **stamp)
        pipeline.write_back("care_gaps", as_body(CARE_GAPS, rows), **stamp)

    return writing


@pytest.fixture
def gaps(write_back, key) -> None:
    """Four things for Ana, in an order that is not that of their priority; one for Ben."""
    write_back(
        gap_row(key, "ana", "glycemic_control", priority=4),
        gap_row(key, "ana", "breast_cancer_screening", priority=1),
        gap_row(key, "ana", "colorectal_cancer_screening", priority=2),
        gap_row(key, "ana", "cervical_cancer_screening", priority=3),
        gap_row(key, "ana", "depression_screening", priority=1),
        gap_row(key, "ben", "colorectal_cancer_screening"),
    )
