"""Search as the screens and pipelines use it: parameters, prefixes, order, pages, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import connect
from ehr_core.kernel.clock import FixedClock
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_parameters import known_parameters
from ehr_core.store.tables import current_table
from tests.integration.store.conftest import NOON, SITE
from tests.lib import postgres

LOINC = "http://loinc.org"


@pytest.fixture(scope="module")
def store(postgres_server, template_database) -> Iterator[Store]:
    """A small clinic, and a store to search it with."""
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        database = connect(postgres.app_url_of(url))
        nurse = Actor("u-1", "user", "Nurse", (), frozenset())
        with begin(database, nurse, FixedClock(NOON), SITE) as work:
            opened = Store(work)
            for resource_id, body in CLINIC.items():
                opened.create(body["resourceType"], body, id=resource_id)
            yield opened
        database.dispose()


def person(family: str, given: list[str], birth: str, **more: object) -> dict:
    name = [{"family": family, "given": given}]
    return {"resourceType": "Patient", "name": name, "birthDate": birth, **more}


def result(patient_id: str, code: str, when: dict, status: str = "final", **more: object) -> dict:
    return {
        "resourceType": "Observation",
        "status": status,
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        **when,
        **more,
    }


def visit(status: str, start: str, end: str, *actors: str) -> dict:
    return {
        "resourceType": "Appointment",
        "status": status,
        "start": start,
        "end": end,
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }


CLINIC = {
    "ana": person(
        "De la Cruz",
        ["Ana", "María"],
        "1980-02-29",
        gender="female",
        active=True,
        identifier=[{"system": "urn:mrn", "value": "100"}],
        telecom=[{"system": "phone", "value": "(212) 555-0101"}],
    ),
    "anton": person("Rivera", ["Anton"], "1980-03", gender="male", active=False),
    "zoe": person("Ånström", ["Zoë"], "1979", identifier=[{"system": "urn:mrn", "value": "1,0"}]),
    "a1c-1": result("ana", "4548-4", {"effectiveDateTime": "2026-01-31T23:30:00-05:00"}),
    "a1c-2": result("ana", "4548-4", {"effectiveDateTime": "2026-02-10"}, status="preliminary"),
    "bp": result(
        "ana",
        "85354-9",
        {"effectivePeriod": {"start": "2026-02-01T10:00:00Z"}},
        category=[{"coding": [{"system": "c", "code": "vital-signs"}]}],
        encounter={"reference": "Encounter/e-1"},
        basedOn=[{"reference": "ServiceRequest/s-1"}],
    ),
    "undated": result("anton", "4548-4", {}),
    "v-1": visit("booked", "2026-03-02T09:00:00-05:00", "2026-03-02T09:20:00-05:00", "Patient/ana", "Practitioner/d"),
    "v-2": visit("cancelled", "2026-03-03T09:00:00-05:00", "2026-03-03T09:20:00-05:00", "Patient/ana"),
    "v-3": visit("booked", "2026-03-02T10:00:00-05:00", "2026-03-02T10:20:00-05:00", "Patient/ana", "Patient/zoe"),
    "problem": {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": "s", "code": "active"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}]},
        "subject": {"reference": "Patient/ana"},
        "onsetDateTime": "2019",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("type_name", "query", "ids"),
    [
        ("Patient", "", ["ana", "anton", "zoe"]),
        ("Patient", "_id=ana", ["ana"]),
        ("Patient", "_id=ana,zoe", ["ana", "zoe"]),
        ("Patient", "name=an", ["ana", "anton", "zoe"]),
        ("Patient", "name=ana", ["ana"]),
        ("Patient", "name=NSTROM", []),
        ("Patient", "name=anstrom", ["zoe"]),
        ("Patient", "name=maria cruz", ["ana"]),
        ("Patient", "name:contains=nstr", ["zoe"]),
        ("Patient", "name=%25", []),
        ("Patient", "name=_", []),
        ("Patient", "family=de la", ["ana"]),
        ("Patient", "family:exact=Rivera", ["anton"]),
        ("Patient", "family:exact=rivera", []),
        ("Patient", "family=anton", []),
        ("Patient", "given=anton", ["anton"]),
        ("Patient", "birthdate=1980-02-29", ["ana"]),
        ("Patient", "birthdate=1980", ["ana", "anton"]),
        ("Patient", "birthdate=lt1980", ["zoe"]),
        ("Patient", "birthdate=ge1980-03-05", ["anton"]),
        ("Patient", "birthdate=ne1980", ["zoe"]),
        ("Patient", "gender=female", ["ana"]),
        ("Patient", "gender:not=female", ["anton", "zoe"]),
        ("Patient", "active=true", ["ana"]),
        ("Patient", "phone=5550101", ["ana"]),
        ("Patient", "phone=212-555-0101", ["ana"]),
        ("Patient", "identifier=100", ["ana"]),
        ("Patient", "identifier=urn:mrn|100", ["ana"]),
        ("Patient", "identifier=urn:other|100", []),
        ("Patient", "identifier=|100", []),
        ("Patient", "identifier=1%5C,0", ["zoe"]),
        ("Patient", "identifier=10", []),
        ("Patient", "_lastUpdated=2026-03-01", ["ana", "anton", "zoe"]),
        ("Patient", "_lastUpdated=gt2026-03-01T17:00:00Z", []),
        ("Patient", "_lastUpdated=ge2026-03-01T17:00:00Z", ["ana", "anton", "zoe"]),
        ("Patient", "name=an&gender=female", ["ana"]),
        ("Observation", "patient=ana", ["a1c-1", "a1c-2", "bp"]),
        ("Observation", "patient=Patient/ana&code=4548-4", ["a1c-1", "a1c-2"]),
        ("Observation", "subject=ana&code=http://loinc.org|4548-4&status=final,amended", ["a1c-1"]),
        ("Observation", "subject=Group/ana", []),
        ("Observation", "code=http://snomed.info/sct|4548-4", []),
        ("Observation", "code=|4548-4", []),
        ("Observation", "code=http://loinc.org|", ["a1c-1", "a1c-2", "bp", "undated"]),
        ("Observation", "code:not=4548-4", ["bp"]),
        ("Observation", "category=vital-signs", ["bp"]),
        ("Observation", "category:not=vital-signs", ["a1c-1", "a1c-2", "undated"]),
        ("Observation", "date=2026-01-31", ["a1c-1"]),
        ("Observation", "date=2026-01", ["a1c-1"]),
        ("Observation", "date=ge2026-02-02", ["a1c-2", "bp"]),
        ("Observation", "date=gt2026-02-10", ["bp"]),
        ("Observation", "date=lt2026-02-01", ["a1c-1"]),
        ("Observation", "date=ge2026-01-01&date=le2026-02-01", ["a1c-1", "bp"]),
        ("Observation", "date=sa2026-02-02", ["a1c-2"]),
        ("Observation", "date=eb2026-02-05", ["a1c-1"]),
        ("Observation", "date=ne2026", ["bp"]),
        ("Observation", "encounter=e-1", ["bp"]),
        ("Observation", "encounter=Encounter/e-1", ["bp"]),
        ("Observation", "based-on=ServiceRequest/s-1", ["bp"]),
        ("Observation", "based-on=s-1", ["bp"]),
        ("Observation", "based-on=1", []),
        ("Appointment", "date=2026-03-02&status=booked", ["v-1", "v-3"]),
        ("Appointment", "patient=ana", ["v-1", "v-2", "v-3"]),
        ("Appointment", "patient=Patient/zoe", ["v-3"]),
        ("Appointment", "practitioner=d", ["v-1"]),
        ("Appointment", "practitioner=Practitioner/d", ["v-1"]),
        ("Appointment", "practitioner=Patient/ana", []),
        ("Appointment", "actor=Practitioner/d", ["v-1"]),
        ("Condition", "patient=ana&clinical-status=active", ["problem"]),
        ("Condition", "clinical-status=s|active&onset-date=2019", ["problem"]),
        ("Condition", "code=E11.9", ["problem"]),
    ],
)  # fmt: skip
def test_a_search_finds(store: Store, type_name: str, query: str, ids: list[str]) -> None:
    page = store.search(type_name, query)

    assert sorted(found.id for found in page.resources) == ids
    assert page.total == len(ids)


@pytest.mark.parametrize(
    ("type_name", "query", "named"),
    [
        ("Patient", "nonsense=1", "nonsense"),
        ("Patient", "code=1", "code"),
        ("Observation", "name=1", "name"),
        ("Observation", "code:in=http://x", "value set"),
        ("Observation", "_include=Observation:subject", "_include"),
        ("Observation", "_sort=nonsense", "nonsense"),
        ("Observation", "_count=many", "_count"),
        ("Observation", "_count=-1", "_count"),
        ("Observation", "_count=1&_count=2", "_count"),
        ("Observation", "date=yesterday", "date"),
        ("Observation", "date=2026-02-30", "date"),
        ("Observation", "code=", "code"),
        ("Observation", "code=a,,b", "code"),
        ("Patient", "active=yes", "active"),
        ("Patient", "phone=12", "phone"),
        ("Patient", "<script>=1", "script"),
        ("Nonsense", "", "type"),
    ],
)
def test_what_a_type_does_not_know_is_refused_by_name(
    store: Store, type_name: str, query: str, named: str
) -> None:
    with pytest.raises(BadRequest, match=named) as refused:
        store.search(type_name, query)
    assert "<" not in refused.value.message


@pytest.mark.parametrize(
    ("type_name", "sort", "ids"),
    [
        ("Patient", "birthdate", ["zoe", "ana", "anton"]),
        ("Patient", "-birthdate", ["anton", "ana", "zoe"]),
        ("Patient", "family", ["zoe", "ana", "anton"]),
        ("Observation", "date", ["a1c-1", "bp", "a1c-2", "undated"]),
        ("Observation", "-date", ["a1c-2", "bp", "a1c-1", "undated"]),
        ("Observation", "status,-_id", ["undated", "bp", "a1c-1", "a1c-2"]),
    ],
)
def test_results_come_in_the_order_asked_for(store: Store, type_name: str, sort: str, ids: list[str]) -> None:
    assert [found.id for found in store.search(type_name, {"_sort": sort}).resources] == ids


def test_pages_together_are_the_whole(store: Store) -> None:
    seen, offset = [], 0
    while offset is not None:
        page = store.search("Observation", {}, limit=3, offset=offset)
        assert page.total == 4
        seen += [found.id for found in page.resources]
        offset = page.next_offset

    assert sorted(seen) == ["a1c-1", "a1c-2", "bp", "undated"]
    uncounted = store.search("Observation", {"_count": "2", "_offset": "2", "_total": "none"})
    assert (len(uncounted.resources), uncounted.total, uncounted.next_offset) == (2, None, 4)


def test_every_parameter_of_every_type_is_sql_that_runs(store: Store) -> None:
    values = {"date": "2026", "quantity": "ge1", "composite": "a|b$1", "string": "a", "uri": "urn:a"}
    special = {"active": "true", "deceased": "false", "phone": "5550101"}
    for name, row in RESOURCE_TYPES.items():
        known = known_parameters(row, current_table(name), store.asking())
        for parameter, described in known.items():
            value = special.get(parameter) if parameter in row_specials(row.name) else None
            value = value or values.get(described.kind, "a|b")
            if parameter in ("code-value-date", "value-date"):
                value = value.replace("$1", "$2026")
            store.search(name, {parameter: value})
            store.search(name, {f"{parameter}:missing": "true"})
        sortable = [parameter for parameter, described in known.items() if described.sort]
        store.search(name, {"_sort": ",".join(sortable)})


def row_specials(type_name: str) -> set[str]:
    """Parameters that take certain values only."""
    row = RESOURCE_TYPES[type_name]
    return ({"active"} if row.active else set()) | (
        {"deceased", "phone"} if type_name == "Patient" else set()
    )
