"""Acts on what was before: family, surgical, obstetric and social history, procedures, documents. No commit inside."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import text

from data_contracts.api.chart import Recorded
from data_contracts.api.history import (
    HistoryLine,
    HistoryView,
    RecordDocument,
    RecordFamilyHistory,
    RecordObstetric,
    RecordProcedure,
    RecordSocial,
    RecordSurgery,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.documents import build_binary, build_document_reference, sniffed
from ehr_core.charting.history_building import (
    HISTORICAL,
    build_family,
    build_obstetric,
    build_procedure,
    build_social,
    build_surgery,
)
from ehr_core.charting.history_words import choices, words_of
from ehr_core.charting.parts import LOINC, Resource, instant, person
from ehr_core.charting.queries import found_in_record, sorted_facts
from ehr_core.charting.reading import require_chart
from ehr_core.charting.recordable import refused
from ehr_core.charting.reviews import DONE
from ehr_core.charting.series import Versioned
from ehr_core.charting.service import create, moment_checked, recorded, subject_to_write
from ehr_core.charting.timing import check_day, first_birth_day
from ehr_core.display import show_date, show_quantity
from ehr_core.kernel.fhir_json import codes, words

HISTORY = text("""
SELECT 'FamilyMemberHistory' AS kind, version_id, body FROM fhir.family_member_history
 WHERE patient_id = :id AND NOT deleted AND status <> 'entered-in-error'
UNION ALL
SELECT 'Procedure', version_id, body FROM fhir.procedure
 WHERE patient_id = :id AND NOT deleted AND status <> 'entered-in-error' AND strpos(body, :historical) > 0
UNION ALL
SELECT 'Observation', version_id, body FROM (
  SELECT DISTINCT ON (code_tokens[1]) version_id, body FROM fhir.observation
  WHERE patient_id = :id AND NOT deleted AND status = ANY(:done) AND code_tokens && :codes
  ORDER BY code_tokens[1], date_low DESC NULLS LAST, id DESC) AS newest
""")


def record_family(work: UnitOfWork, *, patient_id: str, told: RecordFamilyHistory) -> Recorded:
    subject_to_write(work, patient_id, None)
    return recorded(work, [create(work, build_family(told, patient_id=patient_id, at=instant(work.now())))])


def record_surgery(work: UnitOfWork, *, patient_id: str, told: RecordSurgery) -> Recorded:
    """Raises InvalidResource for a day before birth or after today."""
    subject = subject_to_write(work, patient_id, None)
    if told.on is not None:
        _check_partial(told.on, work.today(), first_birth_day(subject.birth_date))
    return recorded(
        work, [create(work, build_surgery(told, patient_id=patient_id, recorder=person(work.actor)))]
    )


def record_obstetric(work: UnitOfWork, *, patient_id: str, told: RecordObstetric) -> Recorded:
    subject = subject_to_write(work, patient_id, None)
    moment_checked(work, told.at, subject)
    if told.last_menstrual_period is not None and told.last_menstrual_period > work.today():
        raise refused("last_menstrual_period", "The day is in the future.")
    built = build_obstetric(
        told, patient_id=patient_id, performer=person(work.actor), issued=instant(work.now())
    )
    return recorded(work, [create(work, one) for one in built])


def record_social(work: UnitOfWork, *, patient_id: str, told: RecordSocial) -> Recorded:
    subject = subject_to_write(work, patient_id, None)
    moment_checked(work, told.at, subject)
    built = build_social(
        told, patient_id=patient_id, performer=person(work.actor), issued=instant(work.now())
    )
    return recorded(work, [create(work, built)])


def record_procedure(work: UnitOfWork, *, patient_id: str, done: RecordProcedure) -> Recorded:
    """Something done here. Raises InvalidResource naming the field."""
    subject = subject_to_write(work, patient_id, done.encounter_id)
    moment_checked(work, done.at, subject)
    built = build_procedure(
        done, patient_id=patient_id, performer=person(work.actor), recorded_at=instant(work.now())
    )
    return recorded(work, [create(work, built)])


def record_document(work: UnitOfWork, *, patient_id: str, filed: RecordDocument) -> Recorded:
    """A document of the chart, its type read from its bytes. Raises InvalidResource naming what is wrong."""
    subject = subject_to_write(work, patient_id, filed.encounter_id)
    check_day(filed.on, today=work.today(), born=first_birth_day(subject.birth_date))
    kind = (filed.kind, words_of("document_kinds", filed.kind, "kind"))
    document = sniffed(filed.document_base64, filed.document_name)
    binary = create(work, build_binary(document, patient_id=patient_id))
    entry = build_document_reference(
        document,
        binary_id=binary.id,
        patient_id=patient_id,
        about=filed.title,
        on=filed.on,
        source=filed.source,
        written_at=instant(work.now()),
        kind=kind,
        encounter_id=filed.encounter_id,
    )
    return recorded(work, [binary, create(work, entry)])


def read_history(work: UnitOfWork, *, patient_id: str) -> HistoryView:
    """The newest of each obstetric and social item, and every entry of the family and of surgery."""
    work.actor.require("chart.read")
    require_chart(work, patient_id)
    rows = found_in_record(
        work,
        HISTORY,
        {
            "id": patient_id,
            "done": sorted(DONE),
            "historical": HISTORICAL["text"],
            "codes": [f"{LOINC}|{code}" for code in (*_obstetric_codes(), *_social_codes())],
        },
    )
    facts = sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))
    work.audit("history_read", patient_id=patient_id)
    observations = facts.stored["Observation"]
    return HistoryView(
        patient_id=patient_id,
        family=[_family_line(stored) for stored in facts.stored["FamilyMemberHistory"]],
        surgical=[_surgery_line(stored) for stored in facts.stored["Procedure"]],
        obstetric=[_observed_line(stored) for stored in _coded(observations, _obstetric_codes())],
        social=[_observed_line(stored) for stored in _coded(observations, _social_codes())],
    )


def _check_partial(on: str, today: date, born: date | None) -> None:
    first = [*map(int, on.split("-")), 1, 1][:3]
    try:
        check_day(date(*first), today=today, born=date(born.year, 1, 1) if born else None)
    except ValueError:
        raise refused("on", "There is no such day. Write 2019, 2019-05 or 2019-05-31.") from None


def _obstetric_codes() -> list[str]:
    return [code for code, _ in choices()["obstetric"].values()]


def _social_codes() -> list[str]:
    return [row["code"] for row in choices()["social"].values()]


def _coded(stored: Iterable[Versioned], wanted: list[str]) -> list[Versioned]:
    return [one for one in stored if codes(one.resource.get("code")) & set(wanted)]


def _family_line(stored: Versioned) -> HistoryLine:
    told = stored.resource
    relative = words(told.get("relationship")) or "Relative not named"
    if told.get("status") == "health-unknown":
        return _line(stored, f"{relative}: nothing known", None, told.get("date"), None)
    parts = []
    for condition in told.get("condition") or ():
        age = (condition.get("onsetAge") or {}).get("value")
        parts.append(
            (words(condition.get("code")) or "condition not named")
            + (f" at {age}" if age is not None else "")
        )
    died = {True: "deceased", False: "living"}.get(told.get("deceasedBoolean"))
    return _line(stored, f"{relative}: {'; '.join(parts)}", died, told.get("date"), None)


def _surgery_line(stored: Versioned) -> HistoryLine:
    told = stored.resource
    where = [(entry.get("actor") or {}).get("display") for entry in told.get("performer") or ()]
    notes = [note.get("text") for note in told.get("note") or ()]
    return _line(
        stored,
        words(told.get("code")) or "operation not named",
        "; ".join(filter(None, [*where, *notes])) or None,
        told.get("performedDateTime"),
        (told.get("recorder") or {}).get("display"),
    )


def _observed_line(stored: Versioned) -> HistoryLine:
    seen = stored.resource
    amount = seen.get("valueQuantity") or {}
    said = (
        show_quantity(str(amount["value"]), amount.get("code"))
        if "value" in amount
        else words(seen.get("valueCodeableConcept"))
        or seen.get("valueString")
        or (show_date(seen["valueDateTime"]) if "valueDateTime" in seen else "not recorded")
    )
    by = next((one.get("display") for one in seen.get("performer") or ()), None)
    return _line(stored, f"{words(seen.get('code'))}: {said}", None, seen.get("effectiveDateTime"), by)


def _line(stored: Versioned, told: str, details: str | None, on: str | None, by: str | None) -> HistoryLine:
    resource: Resource = stored.resource
    return HistoryLine(
        resource_type=resource["resourceType"],
        resource_id=resource["id"],
        version_id=stored.version_id,
        words=told,
        details=details,
        on=on,
        by=by,
    )
