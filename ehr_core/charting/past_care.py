"""Procedures, vaccinations and documents as lines of the chart, newest first, retracted ones too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from data_contracts.api.chart import CareLine, DocumentLine
from ehr_core.charting.attachments import attachment_of, is_stored
from ehr_core.charting.moments import sort_moment
from ehr_core.charting.outside_source import is_outside
from ehr_core.charting.series import Versioned
from ehr_core.kernel.fhir_json import words

Resource = dict[str, Any]


def procedure_lines(procedures: Iterable[Versioned]) -> list[CareLine]:
    """Every procedure that is on record, also one that was not done: its status says so."""
    return _newest_first(_procedure(stored.version_id, stored.resource) for stored in procedures)


def vaccination_lines(immunizations: Iterable[Versioned]) -> list[CareLine]:
    return _newest_first(_vaccination(stored.version_id, stored.resource) for stored in immunizations)


def document_lines(documents: Iterable[Versioned]) -> list[DocumentLine]:
    return _newest_first(_document(stored.version_id, stored.resource) for stored in documents)


def _newest_first(lines: Iterable[Any]) -> list[Any]:
    return sorted(lines, key=lambda line: (sort_moment(line.on), line.resource_id), reverse=True)


def _procedure(version_id: int, procedure: Resource) -> CareLine:
    period = procedure.get("performedPeriod") or {}
    notes = [*(note.get("text") for note in procedure.get("note") or ()), words(procedure.get("outcome"))]
    return CareLine(
        resource_type="Procedure",
        resource_id=procedure["id"],
        version_id=version_id,
        name=words(procedure.get("code")) or "procedure not named",
        on=procedure.get("performedDateTime") or period.get("end") or period.get("start"),
        status=procedure.get("status", "unknown"),
        source=_source(procedure, _performers(procedure)),
        details="; ".join(filter(None, notes)) or None,
    )


def _vaccination(version_id: int, immunization: Resource) -> CareLine:
    lot = immunization.get("lotNumber")
    origin = words(immunization.get("reportOrigin"))
    return CareLine(
        resource_type="Immunization",
        resource_id=immunization["id"],
        version_id=version_id,
        name=words(immunization.get("vaccineCode")) or "vaccine not named",
        on=immunization.get("occurrenceDateTime") or immunization.get("occurrenceString"),
        status=immunization.get("status", "unknown"),
        source=_source(immunization, [origin] if origin else _performers(immunization)),
        details="; ".join(_vaccine_details(immunization, lot)) or None,
    )


def _vaccine_details(immunization: Resource, lot: str | None) -> Iterator[str]:
    """Lot, site, statement, and why one was not given, as far as recorded."""
    if lot:
        yield f"lot {lot}"
    if site := words(immunization.get("site")):
        yield site
    for statement in immunization.get("education") or ():
        if statement.get("publicationDate"):
            yield f"VIS of {statement['publicationDate'][:10]}"
    if reason := words(immunization.get("statusReason")):
        yield f"not given: {reason}"


def _document(version_id: int, document: Resource) -> DocumentLine:
    attachment = attachment_of(document)
    period = (document.get("context") or {}).get("period") or {}
    about = document.get("description")
    authors = [author.get("display") for author in document.get("author") or ()]
    return DocumentLine(
        resource_id=document["id"],
        version_id=version_id,
        name=attachment.get("title") or about or words(document.get("type")) or "document not named",
        about=about or words(document.get("type")),
        on=period.get("start") or document.get("date"),
        status=document.get("status", "unknown"),
        source=_source(document, authors),
        content_type=attachment.get("contentType"),
        is_stored=is_stored(attachment),
    )


def _performers(resource: Resource) -> list[str | None]:
    return [(entry.get("actor") or {}).get("display") for entry in resource.get("performer") or ()]


def _source(resource: Resource, people: Iterable[str | None]) -> str | None:
    """Whose record it is, as on a result; else who did it."""
    named = "; ".join(filter(None, people))
    if is_outside(resource):
        return f"Outside record: {named or 'source not recorded'}"
    return named or None
