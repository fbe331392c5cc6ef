"""An API over three people whose gaps were written back by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from data_contracts.tables.results import CARE_GAPS, PATIENT_STRATA
from ehr_core.kernel.pseudonym import PseudonymKey
from tests.integration.chart_records import put_observation, put_patient, put_site
from tests.integration.loop.records import as_body, gap_row, stratum_row
from tests.lib.api import RunningApi, running_api

TODAY = date(2026, 11, 20)


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "anna", "Reyes", "Ana", "1972-03-15")
        put_patient(running, "ben", "Young", "Ben", "1990-01-01")
        put_observation(running, "a1c", "ana", valueQuantity={"value": 10.2, "unit": "%", "code": "%"})
        yield running


@pytest.fixture
def key(api) -> PseudonymKey:
    grant = api.service("pipeline").pipeline.key()
    return PseudonymKey(grant.key_id, bytes.fromhex(grant.secret_hex))


@pytest.fixture
def write_back(api, key) -> Callable[..., None]:
    """Writes gap rows (and everybody's strata) back as a whole run that has seen everything."""

    def writing(*rows: dict, run_id: str = "run") -> None:
        pipeline = api.service("pipeline").pipeline
        stamp = {"key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40}
        people = [
            stratum_row(
                key,
                person,
                clinic_key=key.pseudonym("Organization", "north"),
                clinician_key=key.pseudonym("Practitioner", "okafor"),
                language="es" if person == "ben" else "en",
            )
            for person in ("ana", "anna", "ben")
        ]
        pipeline.write_back("patient_strata", as_body(PATIENT_STRATA, people), run_id=run_id, **stamp)
        pipeline.write_back("care_gaps", as_body(CARE_GAPS, rows), run_id=run_id, **stamp)

    return writing


@pytest.fixture
def above_goal(key) -> dict:
    """Ana's HbA1c of 10.2 %."""
    return gap_row(
        key,
        "ana",
        gap_kind="above_goal",
        reason_code="above_goal",
        priority=2,
        due_on=date(2026, 11, 1),
        evidence_type="Observation",
        evidence_key=key.pseudonym("Observation", "a1c"),
        evidence_on=date(2026, 11, 1),
        evidence_code_system="http://loinc.org",
        evidence_code="4548-4",
        evidence_value="10.2 %",
    )


@pytest.fixture
def gaps(write_back, key, above_goal) -> RunningApi:
    """Ana is above goal and due for a breast screening; Anna and Ben are due for an HbA1c."""
    write_back(
        above_goal,
        gap_row(key, "ana", "breast_cancer_screening"),
        gap_row(key, "anna", due_on=date(2026, 12, 24)),
        gap_row(key, "ben"),
    )


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def manager(api):
    return api.signed_in("maria", "care_manager")


def later(api: RunningApi, client, days: int, client_id: str = "staff"):
    """The same person, signed in again so many days later: no session lasts that long."""
    account_id = client.account.me().account_id
    api.clock.instant += timedelta(days=days)
    return api.client_of(api.session(account_id, client_id), client_id)
