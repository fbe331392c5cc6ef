"""What decision support answers to a CDS Hooks call: over our own record under its policy, or over what is sent.

What the caller sends is used and forgotten: it is written to no record. A type that was not sent counts as not known,
never as empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cds.cards import Card
from cds.engine import check
from cds.facts import LOOKING_AT_THE_CHART, Code, Facts, OrderedService, Proposal
from cds.masking import check_for
from cds.oversight import SiteChoice
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import codings, words
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.products import Lookup
from ehr_core.workflows.patient_facts import build_facts, medication_of_order
from ehr_core.workflows.patient_facts.build import PARTS, PatientFacts, facts_of, rxnorm_codes
from ehr_core.workflows.patient_facts.record import Record

Resource = dict[str, Any]


@dataclass(frozen=True)
class HookQuestion:
    """`sent` are the resources of the prefetch by type, None when there was none; `drafts` the orders to be.

    `beside` are the drafts that are not asked about: what is chosen is checked against them as well.
    """

    hook: str
    patient_id: str
    drafts: tuple[Resource, ...] = ()
    sent: dict[str, list[Resource]] | None = None
    beside: tuple[Resource, ...] = ()


def answer(work: UnitOfWork, question: HookQuestion, choices: Sequence[SiteChoice]) -> tuple[Card, ...]:
    """The cards, the most pressing first. Raises NotFound when our record of the patient is not open to the caller."""
    lookup = lookup_for(work.connection, _drug_codes(question))
    facts = _sent_facts(work, question, lookup) if question.sent else build_facts(work, question.patient_id)
    found: dict[str, Card] = {}
    for proposal in _proposals(question, lookup):
        for card in _cards(facts, proposal, choices):
            found.setdefault(card.key, card)
    work.audit(
        "cds_hook", patient_id=question.patient_id, detail={"hook": question.hook, "cards": len(found)}
    )
    return tuple(sorted(found.values(), key=lambda card: (card.tier, card.severity, card.title)))


def _cards(facts: PatientFacts, proposal: Proposal, choices: Sequence[SiteChoice]) -> tuple[Card, ...]:
    if facts.visible is facts.whole:
        return check(facts.whole, proposal, list(choices))
    return check_for(facts.visible, facts.whole, proposal, choices)


def _sent_facts(work: UnitOfWork, question: HookQuestion, lookup: Lookup) -> PatientFacts:
    record = Record()
    for kind, resources in (question.sent or {}).items():
        record.found[kind].extend(resources)
    record.unreadable |= {
        kind for kind in PARTS if kind not in (question.sent or {}) and kind != "Medication"
    }
    facts: Facts = facts_of(record, work.today(), lookup)
    return PatientFacts(facts, facts)


def _proposals(question: HookQuestion, lookup: Lookup) -> Iterable[Proposal]:
    if question.hook == "patient-view":
        return (LOOKING_AT_THE_CHART,)
    all_drafts = (*question.drafts, *question.beside)
    named = [one for one in all_drafts if one.get("resourceType") == "Medication" and one.get("id")]
    medications, beside = (
        [
            medication_of_order(one, named, lookup)
            for one in drafts
            if one.get("resourceType") == "MedicationRequest"
        ]
        for drafts in (question.drafts, question.beside)
    )
    proposals = [
        Proposal(
            medication=one,
            reasons=one.indications,
            alongside=tuple(other for other in (*medications, *beside) if other is not one),
        )
        for one in medications
    ]
    services = [one for one in question.drafts if one.get("resourceType") == "ServiceRequest"]
    return (*proposals, *(Proposal(order=_service(one)) for one in services))


def _service(request: Resource) -> OrderedService:
    system, code = next(iter(codings(request.get("code"))), ("", ""))
    name = words(request.get("code")) or "an order without a name"
    return OrderedService(code=Code(system, code, name), name=name)


def _drug_codes(question: HookQuestion) -> list[str]:
    """Every RxNorm code that the drafts and the sent resources name."""
    record = Record()
    for kind, resources in (question.sent or {}).items():
        record.found[kind].extend(resources)
    for draft in (*question.drafts, *question.beside):
        record.found[draft.get("resourceType", "")].append(draft)
    return list(rxnorm_codes(record))
