"""Builds the DocumentReference of a signed note, and what becomes of it when it is co-signed or replaced. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime

from data_contracts.api.notes import NoteTemplate
from ehr_core.charting.parts import LOINC, Resource, concept, instant, reference

CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference"
SEAL_URL = "https://almoner.dev/fhir/StructureDefinition/note-seal"
COSIGNER_URL = "https://almoner.dev/fhir/StructureDefinition/note-cosigner"
NOTE_SYSTEM = "https://almoner.dev/fhir/NamingSystem/note"


def build_document(
    *,
    note_id: str,
    template: NoteTemplate,
    patient_id: str,
    encounter_id: str,
    author: Resource,
    signer: Resource,
    signed_at: datetime,
    text: bytes,
    structure: bytes,
    sha256: str,
    waits_for_cosigner: bool,
    relates_to: tuple[str, str] | None,
    labels: Sequence[tuple[str, str]] = (),
) -> Resource:
    """`relates_to`: ('appends' or 'replaces', the other document's id). Words first, then their structure.

    `labels`: (system, code) of those that keep what the note tells from some.
    """
    document: Resource = {
        "resourceType": "DocumentReference",
        "meta": {"profile": [PROFILE]},
        "extension": [{"url": SEAL_URL, "valueString": sha256}],
        "identifier": [{"system": NOTE_SYSTEM, "value": note_id}],
        "status": "current",
        "docStatus": "preliminary" if waits_for_cosigner else "final",
        "type": concept(LOINC, template.document_code, template.document_title),
        "category": [{"coding": [{"system": CATEGORY, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": reference("Patient", patient_id),
        "date": instant(signed_at),
        "author": [author],
        "authenticator": signer,
        "description": template.title,
        "content": [
            {"attachment": _attachment("text/plain", text, template.title)},
            {"attachment": _attachment("application/json", structure, f"{template.title} (structure)")},
        ],
        "context": {"encounter": [reference("Encounter", encounter_id)]},
    }
    if labels:
        document["meta"]["security"] = [{"system": system, "code": code} for system, code in labels]
    if relates_to is not None:
        code, other = relates_to
        document["relatesTo"] = [{"code": code, "target": reference("DocumentReference", other)}]
    return document


def with_cosigner(document: Resource, *, cosigner: Resource, at: datetime) -> Resource:
    """The same words, seen and stood for by another clinician."""
    mark = {
        "url": COSIGNER_URL,
        "extension": [
            {"url": "who", "valueReference": cosigner},
            {"url": "when", "valueDateTime": instant(at)},
        ],
    }
    return {**document, "docStatus": "final", "extension": [*document.get("extension", ()), mark]}


def superseded(document: Resource) -> Resource:
    """The document after another one took its place: still readable, no longer current."""
    return {**document, "status": "superseded"}


def _attachment(content_type: str, content: bytes, title: str) -> Resource:
    return {
        "contentType": content_type,
        "data": base64.b64encode(content).decode(),
        "title": title,
        "size": len(content),
        "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
    }
