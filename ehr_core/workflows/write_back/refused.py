"""In whose records refused resources lie: the core looks it up, because nobody can read it off a refused line."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from data_contracts.api.pipeline import RefusedPeople, RefusedResources
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.workflows.write_back.keys import key_of_run


def people_of_refused(work: UnitOfWork, refused: RefusedResources, master_key_hex: str) -> RefusedPeople:
    """Their pseudonyms under the run's key. A resource of nobody (a clinic, a group) adds nobody.

    Raises BadRequest for something that is no stored type's reference, NotFound for an unknown key,
    Gone for one that is retired.
    """
    key = key_of_run(work, master_key_hex, refused.key_id, outbox_transaction=refused.outbox_transaction)
    by_type: dict[str, list[str]] = {}
    for reference in refused.resources:
        type_name, _, resource_id = reference.partition("/")
        if type_name not in RESOURCE_TYPES or not resource_id:
            raise BadRequest("A refused resource is named by its type and its id, as in 'Observation/1'.")
        by_type.setdefault(type_name, []).append(resource_id)
    people = sorted({who for type_name, ids in by_type.items() for who in _people_of(work, type_name, ids)})
    work.audit("pipeline.refused", patient_ids=people, detail={"resources": len(refused.resources)})
    return RefusedPeople(patient_keys=[key.pseudonym("Patient", patient_id) for patient_id in people])


def _people_of(work: UnitOfWork, type_name: str, ids: Sequence[str]) -> Sequence[str]:
    """Of people who are there: somebody whose record was deleted is to be withdrawn, whatever remains of it."""
    statement = text(
        f'SELECT DISTINCT person.id FROM fhir."{RESOURCE_TYPES[type_name].table}" AS refused '
        "JOIN fhir.patient AS person ON person.id = refused.patient_id AND NOT person.deleted "
        "WHERE refused.id = ANY(:ids)"
    )
    return work.connection.execute(statement, {"ids": list(ids)}).scalars().all()
