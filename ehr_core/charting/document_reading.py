"""Opening a document on file: its content, for staff who may read charts, audited as what it is."""

from __future__ import annotations

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.attachments import attachment_of, binary_id, read_base64, safe_type
from ehr_core.charting.documents import Document
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.store.repository import Store

NOT_KEPT = "The content of this document is not kept here. Ask for it at the place that it came from."


def open_document(work: UnitOfWork, *, document_id: str) -> Document:
    """Name, type and bytes. A type that a browser would run is handed out as plain bytes.

    Raises Forbidden, or NotFound for a document that is not there or whose content is not kept here.
    """
    work.actor.require("chart.read")
    found = Store(work).read("DocumentReference", document_id)
    attachment = attachment_of(decode(found.body))
    content = read_base64(attachment.get("data")) or _stored_content(
        work, binary_id(attachment), found.patient_id
    )
    if content is None:
        raise NotFound(NOT_KEPT)
    work.audit(
        "document_opened",
        resource_type="DocumentReference",
        resource_id=document_id,
        patient_id=found.patient_id,
    )
    name = attachment.get("title") or "Document"
    return Document(content, safe_type(attachment.get("contentType"), content), name)


def _stored_content(work: UnitOfWork, binary_id: str | None, patient_id: str | None) -> bytes | None:
    """Only of a Binary in the same patient's record: a document never leads into another one."""
    if binary_id is None:
        return None
    binary = Store(work).read("Binary", binary_id)
    return read_base64(decode(binary.body).get("data")) if binary.patient_id == patient_id else None
