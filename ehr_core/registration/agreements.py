"""What a patient agreed to or refused: treatment, sharing, messages by each channel; and advance directives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import (
    ConsentState,
    Directive,
    DirectiveFacts,
    Said,
    SaveConsent,
    Saved,
    SaveDirective,
)
from data_contracts.code_systems import OWN
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import StaleVersion
from ehr_core.kernel.fhir_json import codings, encode, reference_id
from ehr_core.registration.parts import patient_to_write, read_parts, save_part
from ehr_core.registration.problems import Problems
from ehr_core.store.channel_consents import CHANNEL_SYSTEM, CHANNELS, consents
from ehr_core.store.repository import Store

Resource = dict[str, Any]

CONSENT_KIND = f"{OWN}/CodeSystem/consent-kind"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PATIENT_CONSENT = {"system": "http://loinc.org", "code": "59284-0", "display": "Patient Consent"}
MESSAGE = "message."
CHANNEL_LABELS = {
    "phone": "Phone calls",
    "sms": "Text messages",
    "email": "E-mail",
    "portal": "Messages in the portal",
}
WORDS: dict[str, Said] = {"permit": "given", "deny": "refused"}


def read_consents(
    work: UnitOfWork, patient_id: str, stored: list[tuple[int, Resource]]
) -> list[ConsentState]:
    """Every kind that is asked about, with the newest word; silence stays silence."""
    states = []
    for kind, row in vocabulary.consent_kinds().items():
        said, on = _newest(kind, stored)
        states.append(ConsentState(kind=kind, label=row["words"], said=said, on=on))
    by_channel = consents(work, [patient_id])[patient_id]
    for channel in CHANNELS:
        states.append(
            ConsentState(
                kind=f"{MESSAGE}{channel}",
                label=CHANNEL_LABELS[channel],
                said=by_channel[channel],
                on=_last_word_on(channel, stored),
            )
        )
    return states


def refused_sharing(work: UnitOfWork, patient_id: str) -> bool:
    """Whether the patient's last word on sharing the record with other organizations is no."""
    return _newest("sharing", read_parts(work, patient_id).get("Consent", []))[0] == "refused"


def _newest(kind: str, stored: list[tuple[int, Resource]]) -> tuple[Said, str | None]:
    words = [
        (
            consent.get("dateTime") or "",
            WORDS.get((consent.get("provision") or {}).get("type"), "not_recorded"),
        )
        for _, consent in stored
        if consent.get("status") == "active" and _is_of_kind(consent, kind)
    ]
    if not words:
        return "not_recorded", None
    on, said = max(words)
    return said, on or None


def _is_of_kind(consent: Resource, kind: str) -> bool:
    return any((CONSENT_KIND, kind) in codings(concept) for concept in consent.get("category") or ())


def _last_word_on(channel: str, stored: list[tuple[int, Resource]]) -> str | None:
    days = [
        consent.get("dateTime") or ""
        for _, consent in stored
        if consent.get("status") == "active"
        and any(
            (CHANNEL_SYSTEM, channel) in codings(concept)
            for concept in (consent.get("provision") or {}).get("code") or ()
        )
    ]
    return max(days, default="") or None


def save_consent(work: UnitOfWork, *, patient_id: str, consent: SaveConsent) -> Saved:
    """The patient's word of today, as a Consent of its own. Raises InvalidResource, StaleVersion."""
    patient_to_write(work, patient_id)
    states = {
        state.kind: state
        for state in read_consents(work, patient_id, read_parts(work, patient_id).get("Consent", []))
    }
    if consent.kind not in states:
        problems = Problems()
        problems.add("kind", "There is no such kind of consent. Choose among those offered.")
        problems.raise_any()
    if states[consent.kind].said != consent.expected:
        raise StaleVersion("Somebody else has recorded another word meanwhile. Look at it, then ask again.")
    written = Store(work).create("Consent", encode(_consent(consent, patient_id, work.now())))
    return Saved(resource_id=written.id, version_id=written.version_id)


def _consent(consent: SaveConsent, patient_id: str, at: datetime) -> Resource:
    given = consent.said == "given"
    channel = consent.kind.removeprefix(MESSAGE) if consent.kind.startswith(MESSAGE) else None
    scope = "patient-privacy" if channel else vocabulary.consent_kinds()[consent.kind]["scope"]
    categories: list[Resource] = [{"coding": [PATIENT_CONSENT]}]
    provision: Resource = {"type": "permit" if given else "deny"}
    if channel:
        provision["code"] = [{"coding": [{"system": CHANNEL_SYSTEM, "code": channel}]}]
    else:
        categories.append({"coding": [{"system": CONSENT_KIND, "code": consent.kind}]})
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": vocabulary.CONSENT_SCOPE, "code": scope}]},
        "category": categories,
        "patient": {"reference": f"Patient/{patient_id}"},
        "dateTime": at.isoformat(timespec="seconds"),
        "policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTIN" if given else "OPTOUT"}]},
        "provision": provision,
    }


def read_directives(
    stored: list[tuple[int, Resource]], documents: list[tuple[int, Resource]]
) -> list[Directive]:
    """Those in force first, the newest first."""
    names = {document["id"]: document for _, document in documents}
    found = []
    for version_id, consent in stored:
        kind = directive_kind(consent)
        if kind is None:
            continue
        document_id = reference_id(consent.get("sourceReference"), "DocumentReference")
        facts = DirectiveFacts(
            kind=kind,
            status=consent["status"] if consent["status"] in ("active", "entered-in-error") else "inactive",
            on=(consent.get("dateTime") or "")[:10] or None,
            note=(consent.get("policyRule") or {}).get("text"),
        )
        found.append(
            Directive(
                directive_id=consent["id"],
                version_id=version_id,
                facts=facts,
                document_id=document_id,
                document=_title(names.get(document_id or "")) if document_id else None,
            )
        )
    found.sort(key=lambda each: each.facts.on or "", reverse=True)
    return sorted(found, key=lambda each: each.facts.status != "active")


def directive_kind(consent: Resource) -> str | None:
    """Which advance directive this Consent is; None for any other."""
    known = vocabulary.choices("directives")
    listed = [coding for concept in consent.get("category") or () for coding in codings(concept)]
    return next(
        (code for system, code in listed if system == vocabulary.CONSENT_CATEGORY and code in known), None
    )


def _title(document: Resource | None) -> str:
    contents = (document or {}).get("content") or [{}]
    return (contents[0].get("attachment") or {}).get("title") or "Document"


def save_directive(
    work: UnitOfWork,
    *,
    patient_id: str,
    directive_id: str | None,
    directive: SaveDirective,
    document_id: str | None,
) -> Saved:
    """`document_id`: of the document that was kept with it, null to leave the one there is.

    Raises InvalidResource naming the field, StaleVersion, NotFound, Conflict for a merged record.
    """
    facts = directive.facts
    problems = Problems()
    days = problems.day("on", facts.on, what="date")
    if days and days[0] > work.today():
        problems.add("on", "The date of the directive lies in the future.")
    if facts.kind not in vocabulary.choices("directives"):
        problems.add("kind", "Choose which kind of directive it is.")
    problems.raise_any()
    return save_part(
        work,
        "Consent",
        directive_id,
        directive.version_id,
        patient_id,
        lambda old: _directive(old, facts, patient_id, document_id),
    )


def _directive(old: Resource, facts: DirectiveFacts, patient_id: str, document_id: str | None) -> Resource:
    words = vocabulary.choices("directives")[facts.kind]
    made = old | {
        "status": facts.status,
        "scope": {"coding": [{"system": vocabulary.CONSENT_SCOPE, "code": "adr"}]},
        "category": [vocabulary.directive_category(facts.kind)],
        "patient": {"reference": f"Patient/{patient_id}"},
        "dateTime": facts.on,
        "policyRule": {"text": (facts.note or "").strip() or words},
    }
    if document_id:
        made["sourceReference"] = {"reference": f"DocumentReference/{document_id}"}
    return made
