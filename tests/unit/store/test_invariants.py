"""FHIR's rules between elements: what breaks one is refused at its element, and what keeps it is taken."""

from __future__ import annotations

import json

import pytest

from ehr_core.kernel.errors import InvalidResource
from ehr_core.store.invariants import INVARIANTS
from ehr_core.store.validation import validate

CODE = {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ANA = {"reference": "Patient/ana"}


def observation(**more: object) -> dict:
    return {"resourceType": "Observation", "status": "final", "code": CODE, **more}


def condition(clinical: str | None = None, verified: str | None = None, **more: object) -> dict:
    made = {"resourceType": "Condition", "subject": ANA, "code": CODE, **more}
    if clinical:
        made["clinicalStatus"] = {"coding": [{"system": CLINICAL, "code": clinical}]}
    if verified:
        made["verificationStatus"] = {"coding": [{"system": VERIFIED, "code": verified}]}
    return made


def visit(status: str, **more: object) -> dict:
    return {
        "resourceType": "Appointment",
        "status": status,
        "participant": [{"actor": ANA, "status": "accepted"}],
        **more,
    }


def patient(**more: object) -> dict:
    return {"resourceType": "Patient", **more}


def request(repeat: dict) -> dict:
    return {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": ANA,
            "medicationCodeableConcept": CODE, "dosageInstruction": [{"timing": {"repeat": repeat}}]}  # fmt: skip


def questionnaire(*items: dict) -> dict:
    return {"resourceType": "Questionnaire", "status": "active", "item": list(items)}


def risk(**prediction: object) -> dict:
    return {"resourceType": "RiskAssessment", "status": "final", "subject": ANA, "prediction": [prediction]}


ONE = {"valueString": "one"}
WHEN = {"question": "2", "operator": "=", "answerString": "x"}
TIMES = {"start": "2026-01-01T09:00:00Z", "end": "2026-01-01T09:20:00Z"}
VALUE = {"valueQuantity": {"value": 7, "unit": "%"}}

REFUSED = [
    (observation(**VALUE, dataAbsentReason=CODE), "Observation.dataAbsentReason"),
    (observation(**VALUE, component=[{"code": CODE}]), "Observation.value[x]"),
    (observation(referenceRange=[{"appliesTo": [CODE]}]), "Observation.referenceRange[0]"),
    (observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}), "Observation.valueRange.low"),
    (observation(valueRatio={"numerator": {"value": 2}}), "Observation.valueRatio"),
    (observation(effectivePeriod={"start": "2026-02", "end": "2026-01-31"}), "Observation.effectivePeriod.end"),
    (observation(subject={"reference": "Encounter/1"}), "Observation.subject"),
    (observation(subject={"reference": "Organization/1"}), "Observation.subject"),
    (observation(subject={"reference": "https://there/r4/Encounter/1"}), "Observation.subject"),
    (observation(performer=[ANA, {"reference": "Condition/1"}]), "Observation.performer[1]"),
    (observation(performer=[{"type": "Condition", "identifier": {"value": "1"}}]), "Observation.performer[0]"),
    (observation(subject={"reference": "#o"}, contained=[{"resourceType": "Condition", "id": "o", "subject": ANA}]),
     "Observation.subject"),
    (observation(subject={"reference": "#nobody"}), "Observation.reference"),
    (observation(subject={"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p",
                 "meta": {"versionId": "1"}}]), "Observation.contained[0].meta"),
    (condition("active", abatementDateTime="2026"), "Condition.abatement[x]"),
    (condition("active", "entered-in-error"), "Condition.clinicalStatus"),
    (condition("sleeping"), "Condition.clinicalStatus"),
    (condition(None, "perhaps"), "Condition.verificationStatus"),
    (patient(contact=[{"gender": "female"}]), "Patient.contact[0]"),
    (patient(telecom=[{"value": "1"}]), "Patient.telecom[0].system"),
    (patient(photo=[{"data": "aGk="}]), "Patient.photo[0].contentType"),
    (patient(text={"status": "generated", "div": "<div><script>x</script></div>"}), "Patient.text.div"),
    (patient(text={"status": "generated", "div": '<div><img src="x" onerror="y()"/></div>'}), "Patient.text.div"),
    (patient(text={"status": "generated", "div": '<div><a href="javascript:x()">x</a></div>'}), "Patient.text.div"),
    (patient(text={"status": "generated", "div": "<div><IFRAME src='x'/></div>"}), "Patient.text.div"),
    (visit("booked", **TIMES, cancelationReason=CODE), "Appointment.cancelationReason"),
    (request({"frequency": 1, "period": 1}), "MedicationRequest.dosageInstruction[0].timing.repeat.periodUnit"),
    (request({"period": -1, "periodUnit": "d"}), "MedicationRequest.dosageInstruction[0].timing.repeat.period"),
    (request({"when": ["LUNCH"]}), "MedicationRequest.dosageInstruction[0].timing.repeat.when[0]"),
    (questionnaire({"linkId": "1", "type": "string"}, {"linkId": "1", "type": "string"}), "Questionnaire.item"),
    (questionnaire({"linkId": "1", "type": "riddle"}), "Questionnaire.item[0].type"),
    (questionnaire({"linkId": "1", "type": "display", "required": True}), "Questionnaire.item[0]"),
    ({"resourceType": "Organization", "active": True}, "Organization"),
    (questionnaire({"linkId": "1", "type": "group"}), "Questionnaire.item[0].item"),
    (questionnaire({"linkId": "1", "type": "choice", "answerValueSet": "urn:x", "answerOption": [ONE]}),
     "Questionnaire.item[0].answerOption"),
    (questionnaire({"linkId": "1", "type": "boolean", "answerOption": [ONE]}), "Questionnaire.item[0].type"),
    (questionnaire({"linkId": "1", "type": "display", "initial": [ONE]}), "Questionnaire.item[0].initial"),
    (questionnaire({"linkId": "1", "type": "display", "readOnly": True}), "Questionnaire.item[0].readOnly"),
    (questionnaire({"linkId": "1", "type": "date", "maxLength": 3}), "Questionnaire.item[0].maxLength"),
    (questionnaire({"linkId": "1", "type": "choice", "initial": [ONE], "answerOption": [ONE]}),
     "Questionnaire.item[0].initial"),
    (questionnaire({"linkId": "1", "type": "string", "enableWhen": [WHEN, WHEN, WHEN]}),
     "Questionnaire.item[0].enableBehavior"),
    (questionnaire({"linkId": "1", "type": "string", "initial": [ONE, ONE]}), "Questionnaire.item[0].initial"),
    (questionnaire({"linkId": "1", "type": "string", "enableWhen": [WHEN | {"operator": "exists"}]}),
     "Questionnaire.item[0].enableWhen[0].answer[x]"),
    ({"resourceType": "List", "status": "current", "mode": "working", "entry": [{"item": ANA, "deleted": True}]},
     "List.entry.deleted"),
    ({"resourceType": "List", "status": "current", "mode": "changes", "entry": [{"item": ANA, "date": "2026"}]},
     "List.entry.date"),
    (risk(probabilityDecimal=101), "RiskAssessment.prediction[0].probabilityDecimal"),
    (risk(probabilityRange={"low": {"value": 2}}), "RiskAssessment.prediction[0].probabilityRange"),
    ({"resourceType": "RequestGroup", "status": "active", "intent": "plan", "action": [{"title": "x"}]},
     "RequestGroup.action[0]"),
    ({"resourceType": "SupplyDelivery", "type": {"coding": [{"code": "starship"}]}}, "SupplyDelivery.type"),
]  # fmt: skip

TAKEN = [
    observation(**VALUE),
    observation(dataAbsentReason=CODE),
    observation(effectivePeriod={"start": "2026-01-31", "end": "2026-01"}),
    observation(subject={"reference": "urn:uuid:0b9a7f8e-7c58-4bd1-9d5e-000000000000"}),
    observation(subject={"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p"}]),
    observation(subject={"reference": "Group/1"}),
    observation(subject={"type": "Group", "identifier": {"value": "1"}}),
    observation(
        performer=[{"reference": "#o"}], contained=[{"resourceType": "Organization", "id": "o", "name": "x"}]
    ),
    condition("resolved", "confirmed", abatementDateTime="2026"),
    condition(None, "entered-in-error"),
    condition(clinicalStatus={"coding": [{"system": "urn:ours", "code": "sleeping"}]}),
    patient(text={"status": "generated", "div": "<div><p>5 on= a scale; <b>script</b> &lt;ok&gt;</p></div>"}),
    visit("proposed"),
    visit("booked", **TIMES),
    request({"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN.early"]}),
    {"resourceType": "Organization", "name": "North"},
    questionnaire({"linkId": "1", "type": "choice", "answerOption": [ONE], "repeats": True}),
    questionnaire({"linkId": "1", "type": "string", "maxLength": 3, "initial": [ONE]}),
    risk(probabilityDecimal=99.5),
]


@pytest.mark.parametrize(("resource", "expression"), REFUSED)
def test_a_broken_rule_is_told_at_its_element(resource, expression):
    with pytest.raises(InvalidResource) as refused:
        validate(resource["resourceType"], json.dumps(resource).encode())
    assert [issue.expression for issue in refused.value.issues] == [expression]


@pytest.mark.parametrize("resource", TAKEN)
def test_what_keeps_the_rules_is_taken(resource):
    validate(resource["resourceType"], json.dumps(resource).encode())


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, [None], [1], [{"x": 1}], {"coding": 1}, {"coding": [1]}]
)
def test_no_rule_stumbles_over_what_is_not_even_built_right(value):
    names = (
        "clinicalStatus",
        "value",
        "start",
        "end",
        "item",
        "code",
        "component",
        "member",
        "low",
        "high",
        "status",
    )
    for type_name in (
        "Condition",
        "Observation",
        "Questionnaire",
        "Appointment",
        "Group",
        "AllergyIntolerance",
    ):
        body = {"resourceType": type_name} | dict.fromkeys(names, value)
        with pytest.raises(InvalidResource):
            validate(type_name, json.dumps(body).encode())


def test_every_rule_has_a_sentence():
    assert all(rule.sentence and rule.key for rules in INVARIANTS.values() for rule in rules)
