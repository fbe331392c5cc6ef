"""Makes the demonstration's inbox and order lists alive: results of this morning, an old referral, a prepared basket.

Everything has an id of its own, so that a demonstration that was stopped while it loaded adds what is missing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from data_contracts.api.orders import AddDrafts, OrderDetails
from data_contracts.api.results_inbox import IncomingResults, SentPatient
from data_contracts.code_systems import INTERPRETATION, LOINC
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.ids import stable_id
from ehr_core.orders.catalogue import catalogue
from ehr_core.orders.drafts import add_drafts, read_basket
from ehr_core.orders.lines import Ordered, expected_by
from ehr_core.orders.resources import build_order, build_task
from ehr_core.population import demo_people, story_patient_id
from ehr_core.registration.queries import people_by_id
from ehr_core.store.repository import Store
from ehr_core.workflows.receive_results import receive_results

Resource = dict[str, Any]

NAMESPACE = "https://almoner.dev/seeding/orders"
UCUM = "http://unitsofmeasure.org"
LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category"
REPORTS = "http://terminology.hl7.org/CodeSystem/v2-0074"

NURSE = Actor(
    "service:seed", "service", "Joy Mensah", (), frozenset({"order.write", "chart.read", "fhir.write"})
)

CRITICAL, ANEMIC, OLDEST, OVERDUE = (
    "silas-hargrove",
    "margaret-doyle",
    "eleanor-whitcombe",
    "thomas-lindgren",
)

PANEL = (
    ("2823-3", "Potassium", 6.8, "mmol/L", 3.5, 5.1, "H"),
    ("2951-2", "Sodium", 137, "mmol/L", 136, 145, "N"),
    ("2028-9", "Carbon dioxide, total", 18, "mmol/L", 22, 29, "L"),
    ("3094-0", "Urea nitrogen", 71, "mg/dL", 7, 20, "H"),
)
"""LOINC, name, value, unit, range, flag. Synthetic."""


def seed_orders(database: Database, time_zone: str) -> None:
    """A critical panel, a correction, a result without a unit, one without a patient, an overdue referral, a basket."""
    with begin(database, NURSE, SystemClock(), time_zone) as work:
        _panel(work)
        _result(work, ANEMIC, "718-7", "Hemoglobin", 9.1, "g/dL", (12.0, 16.0), "L", status="corrected")
        _result(work, OLDEST, "2951-2", "Sodium", 128, None, None, None)
        _overdue_referral(work)
        _without_patient(work)
        _basket(work)


def _id(key: str) -> str:
    return stable_id(NAMESPACE, key)


def _when(work: UnitOfWork, hours: int) -> str:
    return (work.now() - timedelta(hours=hours)).replace(microsecond=0).isoformat()


def _put(work: UnitOfWork, resource: Resource) -> None:
    Store(work).update(resource["resourceType"], resource["id"], resource)


def _panel(work: UnitOfWork) -> None:
    for code, name, value, unit, low, high, flag in PANEL:
        _result(work, CRITICAL, code, name, value, unit, (low, high), flag)
    _put(
        work,
        {
            "resourceType": "DiagnosticReport",
            "id": _id(f"panel/{CRITICAL}"),
            "status": "final",
            "category": [{"coding": [{"system": REPORTS, "code": "LAB"}]}],
            "code": {"coding": [{"system": LOINC.uri, "code": "24321-2"}], "text": "Basic metabolic panel"},
            "subject": {"reference": f"Patient/{story_patient_id(CRITICAL)}"},
            "effectiveDateTime": _when(work, 5),
            "issued": _when(work, 1),
            "result": [{"reference": f"Observation/{_id(f'{CRITICAL}/{row[0]}')}"} for row in PANEL],
        },
    )


def _result(
    work: UnitOfWork,
    story: str,
    code: str,
    name: str,
    value: float,
    unit: str | None,
    usual: tuple[float, float] | None,
    flag: str | None,
    *,
    status: str = "final",
) -> None:
    measured = {"unit": unit, "system": UCUM, "code": unit} if unit else {}
    resource: Resource = {
        "resourceType": "Observation",
        "id": _id(f"{story}/{code}"),
        "status": status,
        "category": [{"coding": [{"system": LABORATORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC.uri, "code": code}], "text": name},
        "subject": {"reference": f"Patient/{story_patient_id(story)}"},
        "effectiveDateTime": _when(work, 5),
        "issued": _when(work, 1),
        "performer": [{"display": "Regional Laboratory"}],
        "valueQuantity": {"value": value, **measured},
    }
    if usual:
        low, high = usual
        resource["referenceRange"] = [
            {"low": {"value": low, **measured}, "high": {"value": high, **measured}}
        ]
    if flag:
        resource["interpretation"] = [{"coding": [{"system": INTERPRETATION.uri, "code": flag}]}]
    _put(work, resource)


def _overdue_referral(work: UnitOfWork) -> None:
    """Asked ten weeks ago; nobody has answered."""
    item = catalogue().item("referral-cardiology")
    what = Ordered(item.kind, item.code_system, item.code, item.name, item)
    details = OrderDetails(question="New systolic murmur: is it innocent?")
    start = work.today() - timedelta(days=70)
    clinician = next(person for person in demo_people() if person.role == "clinician")
    due = expected_by(what, details, start)
    order = build_order(
        what,
        details,
        patient_id=story_patient_id(OVERDUE),
        requester={"reference": f"Practitioner/{clinician.practitioner_id}", "display": clinician.name},
        authored_on=(work.now() - timedelta(days=70)).replace(microsecond=0).isoformat(),
        start=start,
        due=due,
    )
    order_id = _id(f"referral/{OVERDUE}")
    _put(work, {**order, "id": order_id})
    _put(work, {**build_task(order_id, order, due=due), "id": _id(f"task/{OVERDUE}")})


def _without_patient(work: UnitOfWork) -> None:
    """Name and birth date of somebody here, and no record number: it may be him, and nobody guesses."""
    patient_id = story_patient_id(CRITICAL)
    person = people_by_id(work, [patient_id])[patient_id]
    hemoglobin: Resource = {
        "resourceType": "Observation",
        "id": "hgb",
        "status": "final",
        "category": [{"coding": [{"system": LABORATORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC.uri, "code": "718-7"}], "text": "Hemoglobin"},
        "effectiveDateTime": _when(work, 20),
        "issued": _when(work, 3),
        "valueQuantity": {"value": 6.2, "unit": "g/dL", "system": UCUM, "code": "g/dL"},
    }
    receive_results(
        work,
        IncomingResults(
            source="Riverside Hospital Laboratory",
            message_id="demonstration-1",
            patient=SentPatient(
                family=person.name.family, given=person.name.given, birth_date=person.birth_date
            ),
            results=[hemoglobin],
        ),
    )


def _basket(work: UnitOfWork) -> None:
    patient_id = story_patient_id(ANEMIC)
    if not read_basket(work, patient_id).drafts:
        add_drafts(work, patient_id, AddDrafts(set_key="anemia"))
