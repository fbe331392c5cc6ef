"""Records an advance directive with its document: the agreement is registration's, the document on file charting's."""

from __future__ import annotations

from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import Saved, SaveDirective
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.documents import Document, build_binary, build_document_reference, checked_document
from ehr_core.charting.parts import instant
from ehr_core.kernel.fhir_json import encode
from ehr_core.registration.agreements import save_directive
from ehr_core.registration.parts import patient_to_write
from ehr_core.store.repository import Store


def record_directive(
    work: UnitOfWork, *, patient_id: str, directive_id: str | None, directive: SaveDirective
) -> Saved:
    """Raises InvalidResource naming the field, StaleVersion, NotFound, Conflict for a merged record."""
    patient_to_write(work, patient_id)
    document_id = None
    if directive.document_base64:
        document = checked_document(
            directive.document_base64,
            directive.document_type,
            directive.document_name,
            unnamed="Advance directive",
        )
        document_id = _keep(work, patient_id, directive, document)
    return save_directive(
        work,
        patient_id=patient_id,
        directive_id=directive_id,
        directive=directive,
        document_id=document_id,
    )


def _keep(work: UnitOfWork, patient_id: str, directive: SaveDirective, document: Document) -> str:
    binary = Store(work).create("Binary", encode(build_binary(document, patient_id=patient_id)))
    entry = build_document_reference(
        document,
        binary_id=binary.id,
        patient_id=patient_id,
        about=vocabulary.choices("directives").get(directive.facts.kind, "Advance directive"),
        on=work.today(),
        source=work.actor.name,
        written_at=instant(work.now()),
    )
    del entry["meta"]
    return Store(work).create("DocumentReference", encode(entry)).id
