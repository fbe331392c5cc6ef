"""Forms due at check-in: Questionnaires of the record that say so, and the signed answers to them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import text

from data_contracts.api.check_in import DueForm, FormAnswer, FormItem
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import decode, extension
from ehr_core.scheduling.appointment import OWN
from ehr_core.store.repository import Store

FORM_USE = f"{OWN}/CodeSystem/form-use"
VALID_MONTHS_URL = f"{OWN}/StructureDefinition/form-valid-months"
TRANSLATION_URL = "http://hl7.org/fhir/StructureDefinition/translation"
SIGNATURE_URL = "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-signature"
CONSENT_SIGNATURE = {
    "system": "urn:iso-astm:E1762-95:2013",
    "code": "1.2.840.10065.1.12.1.7",
    "display": "Consent Signature",
}
KINDS = {"display": "display", "boolean": "boolean", "string": "string", "text": "string", "choice": "choice"}
"""Kinds of items that a check-in can ask; a form with another one is left to the chart."""

FORMS = text("""
SELECT id, body FROM fhir.questionnaire
WHERE NOT deleted AND status = 'active' AND code_tokens @> CAST(:use AS text[]) ORDER BY id
""")
ANSWERED = text("""
SELECT body, date_low FROM fhir.questionnaire_response
WHERE patient_id = :patient AND NOT deleted AND status = 'completed' ORDER BY date_low DESC NULLS LAST LIMIT 200
""")

Resource = dict[str, Any]


def due_forms(work: UnitOfWork, patient_id: str, language: str = "en") -> list[DueForm]:
    """What this person has not signed in its present version within its time. Audits nothing: callers do."""
    signed = _signed(work, patient_id)
    return [
        _due(form, language)
        for form in _forms(work)
        if _can_be_asked(form) and not _is_valid(form, signed, work.today())
    ]


def sign_form(
    work: UnitOfWork, patient_id: str, answer: FormAnswer, *, appointment_id: str, by: Resource
) -> str:
    """Stores the answers with the name as it was written. Raises BadRequest naming the question without an answer."""
    form = next((one for one in _forms(work) if one["id"] == answer.form_id), None)
    if form is None:
        raise BadRequest("form_id: this form is not asked for any more. Reload the page.")
    items = list(_answers(form, answer))
    now = work.now().isoformat(timespec="seconds")
    response = {
        "resourceType": "QuestionnaireResponse",
        "extension": [
            {
                "url": SIGNATURE_URL,
                "valueSignature": {
                    "type": [CONSENT_SIGNATURE],
                    "when": now,
                    "who": {"reference": f"Patient/{patient_id}", "display": answer.signed_by.strip()},
                },
            }
        ],
        "questionnaire": _canonical(form),
        "status": "completed",
        "subject": {"reference": f"Patient/{patient_id}"},
        "authored": now,
        "author": by,
        "source": {"reference": f"Patient/{patient_id}"},
        "item": items,
    }
    stored = Store(work).create("QuestionnaireResponse", response)
    work.audit(
        "check_in.form_signed",
        resource_type="QuestionnaireResponse",
        resource_id=stored.id,
        patient_id=patient_id,
        detail={"form_id": answer.form_id, "appointment_id": appointment_id},
    )
    return stored.id


def ensure_shipped_forms(work: UnitOfWork) -> int:
    """Puts the shipped forms into the record where there are none; says how many."""
    work.actor.require("schedule.manage")
    known = {form["id"] for form in _forms(work)}
    missing = [form for form in shipped_forms() if form["id"] not in known]
    for form in missing:
        Store(work).update("Questionnaire", form["id"], form)
    return len(missing)


@cache
def shipped_forms() -> tuple[Resource, ...]:
    path = Path(__file__).with_name("check_in_forms.toml")
    return tuple(map(_questionnaire, tomllib.loads(path.read_text(encoding="utf-8"))["form"]))


def _questionnaire(row: Mapping[str, Any]) -> Resource:
    return {
        "resourceType": "Questionnaire",
        "id": row["id"],
        "extension": [{"url": VALID_MONTHS_URL, "valueInteger": row["valid_months"]}],
        "url": f"{OWN}/Questionnaire/{row['id']}",
        "version": row["version"],
        "name": row["id"].replace("-", "_"),
        **_worded("title", row["title"]),
        "status": "active",
        "subjectType": ["Patient"],
        "code": [{"system": FORM_USE, "code": "check-in"}],
        "item": [
            {
                "linkId": item["link_id"],
                **_worded("text", item["text"]),
                "type": item["type"],
                **({"required": True} if item.get("required") else {}),
            }
            for item in row["item"]
        ],
    }


def _worded(name: str, texts: Mapping[str, str]) -> Resource:
    """English as the element's own words, the others as FHIR's translations."""
    others = [
        {
            "url": TRANSLATION_URL,
            "extension": [{"url": "lang", "valueCode": code}, {"url": "content", "valueString": said}],
        }
        for code, said in texts.items()
        if code != "en"
    ]
    return {name: texts["en"], **({f"_{name}": {"extension": others}} if others else {})}


def _said(element: Resource, name: str, language: str) -> str:
    for one in (element.get(f"_{name}") or {}).get("extension") or ():
        parts = {part["url"]: part for part in one.get("extension") or ()}
        if one.get("url") == TRANSLATION_URL and parts.get("lang", {}).get("valueCode") == language:
            return parts["content"].get("valueString") or element.get(name) or ""
    return element.get(name) or ""


def _forms(work: UnitOfWork) -> list[Resource]:
    rows = work.connection.execute(FORMS, {"use": [f"{FORM_USE}|check-in"]})
    return [decode(row.body) for row in rows]


def _signed(work: UnitOfWork, patient_id: str) -> dict[str, datetime]:
    """When each form in each version was signed last."""
    signed: dict[str, datetime] = {}
    for row in work.connection.execute(ANSWERED, {"patient": patient_id}):
        form = decode(row.body).get("questionnaire")
        if form and row.date_low:
            signed.setdefault(form, row.date_low)
    return signed


def _is_valid(form: Resource, signed: Mapping[str, datetime], today: date) -> bool:
    at = signed.get(_canonical(form))
    if at is None:
        return False
    months = (extension(form, VALID_MONTHS_URL) or {}).get("valueInteger")
    if months is None:
        return True
    passed = (today.year - at.year) * 12 + today.month - at.month - (today.day < at.day)
    return passed < months


def _can_be_asked(form: Resource) -> bool:
    return all(item.get("type") in KINDS and not item.get("item") for item in form.get("item") or ())


def _due(form: Resource, language: str) -> DueForm:
    return DueForm(
        form_id=form["id"],
        title=_said(form, "title", language),
        items=[
            FormItem(
                link_id=item["linkId"],
                text=_said(item, "text", language),
                kind=KINDS[item["type"]],
                required=bool(item.get("required")),
                options=[_option(one) for one in item.get("answerOption") or ()],
            )
            for item in form.get("item") or ()
        ],
    )


def _option(option: Resource) -> str:
    coding = option.get("valueCoding") or {}
    return option.get("valueString") or coding.get("display") or coding.get("code") or ""


def _answers(form: Resource, answer: FormAnswer) -> Iterator[Resource]:
    if len(answer.signed_by.strip()) < 2:
        raise BadRequest("signed_by: write the name of the person who signs.")
    for item in form.get("item") or ():
        given = answer.answers.get(item["linkId"])
        if item["type"] == "display":
            continue
        if given in (None, "", False) and item.get("required"):
            raise BadRequest(f"answers: '{item.get('text', item['linkId'])}' needs an answer before signing.")
        if given in (None, ""):
            continue
        value = {"valueBoolean": given} if isinstance(given, bool) else {"valueString": given}
        yield {"linkId": item["linkId"], "text": item.get("text"), "answer": [value]}


def _canonical(form: Resource) -> str:
    url = form.get("url") or f"Questionnaire/{form['id']}"
    return f"{url}|{form['version']}" if form.get("version") else url
