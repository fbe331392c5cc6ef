"""A scanned or received document: checked, then built as a Binary and its DocumentReference. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import date

from data_contracts.api.chart import RecordOutsideResult
from ehr_core.charting.outside_source import ORIGIN_TAG
from ehr_core.charting.parts import LOINC, Resource, concept, day, reference
from ehr_core.charting.recordable import refused

LARGEST_DOCUMENT_BYTES = 10 * 1024 * 1024

FIRST_BYTES = {
    "application/pdf": (b"%PDF-",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
}
"""What a document of each allowed type begins with: the name that a browser gives a file proves nothing."""


@dataclass(frozen=True)
class Document:
    content: bytes
    content_type: str
    name: str


def read_document(record: RecordOutsideResult) -> Document | None:
    """The attached document; None without one. Raises InvalidResource naming the field that is wrong."""
    if record.document_base64 is None:
        if record.document_name or record.document_type:
            raise refused("document_base64", "The document's name came without its content. Attach it again.")
        return None
    return checked_document(record.document_base64, record.document_type, record.document_name)


def checked_document(
    content_base64: str, content_type: str | None, name: str | None, *, unnamed: str = "Outside record"
) -> Document:
    """A document that is what it says it is. Raises InvalidResource naming the field that is wrong."""
    content = _content(content_base64)
    if content_type not in FIRST_BYTES:
        raise refused("document_type", f"A document is one of: {', '.join(FIRST_BYTES)}.")
    if not content.startswith(FIRST_BYTES[content_type]):
        raise refused("document_type", f"The file is not {content_type}. Attach it as what it is.")
    return Document(content, content_type, (name or unnamed).strip()[:200])


def sniffed(document_base64: str, name: str) -> Document:
    """A document by what it is, told from its first bytes. Raises InvalidResource for what is not kept here."""
    content = _content(document_base64)
    for content_type, beginnings in FIRST_BYTES.items():
        if content.startswith(beginnings):
            return Document(content, content_type, name.strip()[:200] or "Document")
    raise refused("document_base64", "Only PDF, PNG and JPEG are kept here. Save the file as one of them.")


def _content(document_base64: str) -> bytes:
    try:
        content = base64.b64decode(document_base64, validate=True)
    except (binascii.Error, ValueError):
        raise refused("document_base64", "The document is not valid base64. Attach the file again.") from None
    if not content:
        raise refused("document_base64", "The document is empty. Attach the file again.")
    if len(content) > LARGEST_DOCUMENT_BYTES:
        raise refused("document_base64", "The document is larger than 10 MB. Scan it at a lower resolution.")
    return content


def build_binary(document: Document, *, patient_id: str) -> Resource:
    return {
        "resourceType": "Binary",
        "contentType": document.content_type,
        "securityContext": reference("Patient", patient_id),
        "data": base64.b64encode(document.content).decode(),
    }


def build_document_reference(
    document: Document,
    *,
    binary_id: str,
    patient_id: str,
    about: str,
    on: date,
    source: str,
    written_at: str,
    kind: tuple[str, str] | None = None,
    encounter_id: str | None = None,
) -> Resource:
    """The entry that finds the document: what it is about, from whom, and the day it was done.

    Without a `kind` (LOINC code and words) it is an outside record.
    """
    entry = {
        "resourceType": "DocumentReference",
        "meta": {"tag": [ORIGIN_TAG]},
        "status": "current",
        "type": concept(LOINC, *(kind or ("11503-0", "Medical records"))),
        "subject": reference("Patient", patient_id),
        "date": written_at,
        "author": [{"display": source}],
        "description": about,
        "content": [
            {
                "attachment": {
                    "contentType": document.content_type,
                    "url": f"Binary/{binary_id}",
                    "title": document.name,
                    "size": len(document.content),
                    "hash": base64.b64encode(
                        hashlib.sha1(document.content, usedforsecurity=False).digest()
                    ).decode(),
                }
            }
        ],
        "context": {"period": {"start": day(on), "end": day(on)}},
    }
    if kind is not None:
        del entry["meta"]
    if encounter_id is not None:
        entry["context"]["encounter"] = [reference("Encounter", encounter_id)]
    return entry
