"""Builds what was done elsewhere: a result, a procedure or a vaccination, marked with whose record it is. Pure."""

from __future__ import annotations

from data_contracts.api.chart import RecordOutsideResult
from ehr_core.charting.outside_source import ORIGIN_TAG
from ehr_core.charting.parts import Resource, concept, day, interpretation, reference
from ehr_core.charting.recordable import Recordable, find_recordable, refused
from ehr_core.charting.results import answer_elements, observation_of, value_of

NORMAL_OF = {"POS": "NEG", "A": "N"}
FINDING_CODES = {"normal": "N", "abnormal": "A"}


def item_of(record: RecordOutsideResult) -> Recordable:
    """What was done; raises InvalidResource for a code that this kind of record may not have."""
    return find_recordable(record.code, system=record.code_system, kind=record.kind)


def build_outside(
    record: RecordOutsideResult, item: Recordable, *, patient_id: str, recorded_at: str
) -> Resource:
    """The resource of that kind. Raises InvalidResource naming the field that is wrong."""
    build = {"result": _observation, "procedure": _procedure, "immunization": _immunization}[record.kind]
    resource = build(record, item, patient_id=patient_id, recorded_at=recorded_at)
    meta = resource.get("meta") or {}
    return {**resource, "meta": {**meta, "tag": [ORIGIN_TAG]}}


def _observation(
    record: RecordOutsideResult, item: Recordable, *, patient_id: str, recorded_at: str
) -> Resource:
    return {
        **observation_of(item, patient_id=patient_id),
        "effectiveDateTime": day(record.on),
        "issued": recorded_at,
        "performer": [{"display": record.source}],
        **_outcome(record, item),
    }


def _outcome(record: RecordOutsideResult, item: Recordable) -> Resource:
    """The value and the finding: what the other record states outranks what a range would say."""
    elements = value_of(
        item,
        value=record.value,
        unit=record.unit,
        answer_code=record.value_code,
        required=not item.has_finding,
    )
    stated = record.finding
    if stated == "not_stated":
        return elements
    answer = item.answer_of_finding(stated)
    if answer is not None:
        if record.value_code not in (None, answer.code):
            raise refused(
                "finding", f"The finding and the answer contradict each other. Check the {item.name}."
            )
        return answer_elements(item, answer)
    code = FINDING_CODES[stated]
    if item.abnormal_interpretation:
        abnormal = item.abnormal_interpretation
        code = abnormal if stated == "abnormal" else NORMAL_OF.get(abnormal, "N")
    return {**elements, "interpretation": [interpretation(code)]}


def _procedure(
    record: RecordOutsideResult, item: Recordable, *, patient_id: str, recorded_at: str
) -> Resource:
    _refuse_value(record, item)
    resource = {
        "resourceType": "Procedure",
        "status": "completed",
        "code": concept(item.system.uri, item.code, item.name),
        "subject": reference("Patient", patient_id),
        "performedDateTime": day(record.on),
        "performer": [{"actor": {"display": record.source}}],
    }
    if record.finding != "not_stated":
        resource["note"] = [{"text": f"Outcome as stated: {record.finding}."}]
    return resource


def _immunization(
    record: RecordOutsideResult, item: Recordable, *, patient_id: str, recorded_at: str
) -> Resource:
    _refuse_value(record, item)
    if record.finding != "not_stated":
        raise refused("finding", "A vaccination has no finding. Leave it as not stated.")
    return {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": concept(item.system.uri, item.code, item.name),
        "patient": reference("Patient", patient_id),
        "occurrenceDateTime": day(record.on),
        "recorded": recorded_at,
        "primarySource": False,
        "reportOrigin": {"text": record.source},
    }


def _refuse_value(record: RecordOutsideResult, item: Recordable) -> None:
    if record.value is not None or record.unit is not None or record.value_code is not None:
        raise refused(
            "value", f"{item.name} has no value. Record the day, and the finding where there is one."
        )
