"""Builds the QuestionnaireResponse, the Observation of its score, and the coded answers of social needs. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from data_contracts.api.questionnaires import Choice, Score
from ehr_core.access.sensitive_codes import derived_labels
from ehr_core.charting.parts import LOINC, Resource, category, concept, instant, quantity, reference
from ehr_core.charting.questionnaires.definitions import Definition

QUESTIONNAIRE_URL = "https://almoner.dev/fhir/Questionnaire/"


def build_response(
    definition: Definition,
    answered: dict[str, Choice],
    *,
    patient_id: str,
    encounter_id: str | None,
    author: Resource,
    at: datetime,
    remote: bool,
) -> Resource:
    """`completed` when every question has an answer, else `in-progress`: what is missing stays missing.

    The answers tell what their score tells, so they carry the labels that its code calls for.
    """
    whole = set(answered) == set(definition.questions)
    response: Resource = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{QUESTIONNAIRE_URL}{definition.form.questionnaire_id}",
        "status": "completed" if whole else "in-progress",
        "subject": reference("Patient", patient_id),
        "authored": instant(at),
        "author": author,
        "item": [
            {
                "linkId": f"/{question.code}",
                "text": question.words,
                "answer": [{"valueCoding": _coding(answered[question.code])}],
            }
            for question in definition.form.questions
            if question.code in answered
        ],
    }
    scored = (
        {"code": concept(LOINC, definition.score.code, definition.score.name)} if definition.score else {}
    )
    if found := sorted(set(derived_labels(scored))):
        response["meta"] = {"security": [{"system": system, "code": code} for system, code in found]}
    if remote:
        response["source"] = reference("Patient", patient_id)
    if encounter_id:
        response["encounter"] = reference("Encounter", encounter_id)
    return response


def build_score(
    definition: Definition,
    score: Score,
    *,
    response_id: str,
    patient_id: str,
    encounter_id: str | None,
    performer: Resource,
    at: datetime,
    issued: str,
) -> Resource:
    """The score as a result of its own, derived from the answers."""
    rule = definition.score
    if rule is None:
        raise ValueError("this questionnaire has no score")
    observation = _observation(
        rule.code, rule.name, response_id, patient_id, encounter_id, performer, at, issued
    )
    if rule.coded:
        code, words = [(code, words) for code, words, least in rule.coded if score.points >= least][-1]
        observation["valueCodeableConcept"] = concept(LOINC, code, words)
    else:
        observation["valueQuantity"] = quantity(Decimal(score.points), "{score}")
    observation["note"] = [{"text": f"{score.points} of {score.highest}: {score.band}"}]
    return observation


def build_answer(
    definition: Definition,
    code: str,
    choice: Choice,
    *,
    response_id: str,
    patient_id: str,
    encounter_id: str | None,
    performer: Resource,
    at: datetime,
    issued: str,
) -> Resource:
    """One answer as an observation: of a questionnaire without a score, each answer is the finding."""
    words = definition.questions[code].words
    observation = _observation(code, words, response_id, patient_id, encounter_id, performer, at, issued)
    observation["valueCodeableConcept"] = concept(LOINC, choice.code, choice.words)
    return observation


def _observation(
    code: str,
    name: str,
    response_id: str,
    patient_id: str,
    encounter_id: str | None,
    performer: Resource,
    at: datetime,
    issued: str,
) -> Resource:
    observation: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": [category("survey")],
        "code": concept(LOINC, code, name),
        "subject": reference("Patient", patient_id),
        "effectiveDateTime": instant(at),
        "issued": issued,
        "performer": [performer],
        "derivedFrom": [reference("QuestionnaireResponse", response_id)],
    }
    if encounter_id:
        observation["encounter"] = reference("Encounter", encounter_id)
    return observation


def _coding(choice: Choice) -> Resource:
    return {"system": LOINC, "code": choice.code, "display": choice.words}
