"""CDS Hooks 2.0: what services there are, their cards, and what was done about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from sqlalchemy import text

from cds.cards import Card
from data_contracts.api.care_gaps import CareGap
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.cds_hooks.callers import Caller, KnownCaller, require_record
from ehr_core.api.cds_hooks.cards import gap_card, hook_card
from ehr_core.api.cds_hooks.requests import PREFETCH, Feedback, HookCall, question_of
from ehr_core.api.dependencies import Parts, ProcessParts
from ehr_core.care_gaps.reading import gaps_of_patient
from ehr_core.decision_support.queries import choices_of
from ehr_core.kernel.errors import NotFound
from ehr_core.workflows.hook_cards import HookQuestion, answer

router = APIRouter(prefix="/cds-services", tags=["cds hooks"])

HOOKS_DESK = Actor("service:cds-hooks", "service", "CDS Hooks", (), frozenset())
SERVICES = {
    "almoner-patient-view": (
        "patient-view",
        "What the record says at a glance",
        "Care that is due, and what the rules say of the record as it is.",
    ),
    "almoner-order-select": (
        "order-select",
        "Checks an order while it is chosen",
        "Interactions, allergies, doses, kidney, liver, pregnancy, age, duplicates.",
    ),
    "almoner-order-sign": (
        "order-sign",
        "Checks orders before they are signed",
        "The same as at the choice, over all orders together.",
    ),
}
LIVE = frozenset({"open", "outreach_sent"})
"""Gaps that somebody at the chart can do something about."""


@router.get("")
def services() -> dict[str, Any]:
    """The discovery document; needs no sign-in."""
    return {
        "services": [
            {
                "id": name,
                "hook": hook,
                "title": title,
                "description": description,
                "prefetch": PREFETCH,
                "usageRequirements": "With a token of ours whose scopes read all types no prefetch is needed; "
                "otherwise send it all. No address that is sent is called.",
            }
            for name, (hook, title, description) in SERVICES.items()
        ]
    }


@router.post("/{service}")
def call(service: str, asked: HookCall, caller: KnownCaller, parts: ProcessParts) -> dict[str, Any]:
    """The cards. What was sent is used for this answer and kept nowhere."""
    question = question_of(asked, _hook_of(service))
    if question.sent is None:
        require_record(caller)
    with begin(parts.database, HOOKS_DESK, parts.clock, parts.settings.site_time_zone) as desk:
        choices = choices_of(desk.connection, desk.today())
    with begin(parts.database, caller.actor, parts.clock, parts.settings.site_time_zone) as work:
        cards = answer(work, question, choices)
        gaps = _gaps(work, caller, question)
    return _told(parts, service, caller, cards, gaps)


@router.post("/{service}/feedback")
def feedback(service: str, told: Feedback, caller: KnownCaller, parts: ProcessParts) -> dict[str, Any]:
    """What was done about cards. Only the caller who got a card answers for it; others' ids change nothing."""
    _hook_of(service)
    with begin(parts.database, caller.actor, parts.clock, parts.settings.site_time_zone) as work:
        for one in told.feedback:
            work.connection.execute(
                text(
                    "UPDATE decision_support.hook_card SET outcome = :outcome, reason_code = :reason, "
                    "answered_at = :now WHERE card_id = :card AND service = :service AND client_id = :client"
                ),
                {
                    "outcome": one.outcome,
                    "reason": one.reason_code,
                    "now": work.now(),
                    "card": one.card,
                    "service": service,
                    "client": _client(caller),
                },
            )
    return {}


def _hook_of(service: str) -> str:
    if service not in SERVICES:
        raise NotFound("There is no such service. GET /cds-services lists them.")
    return SERVICES[service][0]


def _gaps(work: UnitOfWork, caller: Caller, question: HookQuestion) -> list[CareGap]:
    """The care that is due by our own record; what the caller sends has no gaps here.

    An application whose scopes read every type may know them: they say no more than the record does.
    """
    if question.hook != "patient-view" or question.sent is not None:
        return []
    if caller.actor.application is not None:
        may = caller.actor.permissions | {"gap.read"}
        work = replace(work, actor=replace(caller.actor, permissions=may))
    elif not caller.actor.may("gap.read"):
        return []
    return [gap for gap in gaps_of_patient(work, question.patient_id).gaps if gap.status in LIVE]


def _told(
    parts: Parts, service: str, caller: Caller, cards: tuple[Card, ...], gaps: list[CareGap]
) -> dict[str, Any]:
    """The answer, with each card written down under its id for the feedback; no patient is."""
    told = [(card.rule.id, hook_card(card, uuid4())) for card in cards]
    told += [(gap.source_id, gap_card(gap, uuid4())) for gap in gaps]
    with begin(parts.database, HOOKS_DESK, parts.clock, parts.settings.site_time_zone) as desk:
        if told:
            desk.connection.execute(
                text(
                    "INSERT INTO decision_support.hook_card (card_id, service, client_id, rule_id, shown_at) "
                    "VALUES (:card, :service, :client, :rule, :now)"
                ),
                [
                    {
                        "card": card["uuid"],
                        "service": service,
                        "client": _client(caller),
                        "rule": rule,
                        "now": desk.now(),
                    }
                    for rule, card in told
                ],
            )
    return {"cards": [card for _, card in told]}


def _client(caller: Caller) -> str:
    application = caller.actor.application
    return application.client_id if application else caller.actor.actor_id
