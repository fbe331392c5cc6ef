"""Asks decision support about orders that are no medication: while they wait in a basket, and again at signing.

Crosses orders (the lines), the record (facts) and decision support (cards, and what was answered to them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from cds.facts import Code, OrderedService, Proposal
from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.orders import BasketChecked, DraftChecked, OrderDetails
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.decision_support.service import (
    Asked,
    Checked,
    check_proposals,
    record_signed,
    require_answers,
    settle_dropped,
)
from ehr_core.orders.drafts import details_of_row, ordered_of_row, waiting_rows
from ehr_core.orders.duplicates import seen_before
from ehr_core.orders.lines import Ordered
from ehr_core.orders.subjects import read_subject
from ehr_core.workflows.patient_facts import build_facts


def check_basket(work: UnitOfWork, patient_id: str) -> BasketChecked:
    """What is said of every line that waits; recorded as shown. Nothing is written to the chart."""
    work.actor.require("order.write")
    read_subject(work, patient_id)
    rows = waiting_rows(work, patient_id)
    found = check_rows(work, patient_id, rows)
    settle_dropped(work, patient_id=patient_id)
    cards = sum(len(checked.cards) for checked in found.values())
    work.audit("check_orders", patient_id=patient_id, detail={"drafts": len(rows), "cards": cards})
    return BasketChecked(
        patient_id=patient_id,
        drafts=[
            DraftChecked(
                draft_id=str(row.draft_id), version=row.version, checked=found[str(row.draft_id)].shown()
            )
            for row in rows
        ],
    )


def check_rows(work: UnitOfWork, patient_id: str, rows: Sequence[Row[Any]]) -> dict[str, Checked]:
    """By draft id. All lines stand beside each other: the same twice is told of both."""
    if not rows:
        return {}
    facts = build_facts(work, patient_id)
    lines = {str(row.draft_id): ordered_of_row(row) for row in rows}
    earlier = seen_before(work, patient_id, lines)
    asked = [
        Asked(
            patient_id,
            facts.whole,
            facts.visible,
            Proposal(order=service_of(lines[draft_id], details_of_row(row), earlier[draft_id])),
            name=f"order:{draft_id}",
        )
        for row in rows
        if (draft_id := str(row.draft_id))
    ]
    return dict(zip(lines, check_proposals(work, asked), strict=True))


def service_of(what: Ordered, details: OrderDetails, earlier: Sequence[str] = ()) -> OrderedService:
    """A line of a basket as the rules see it; of a code that the catalogue does not list, no more than the code."""
    item = what.item
    return OrderedService(
        code=Code(what.code_system, what.code, what.name),
        name=what.name,
        kind=what.kind,
        modality=item.modality if item else None,
        ionising=bool(item and item.ionising),
        contrast=details.contrast,
        pregnancy=details.pregnancy,
        earlier=tuple(earlier),
    )


def answers_to(
    checked: Mapping[str, Checked], given: Mapping[str, Sequence[Acknowledged]]
) -> dict[str, dict[str, Acknowledged]]:
    """By draft and card. Raises Conflict for a warning without a reason, InvalidResource for a wrong reason."""
    return {draft_id: require_answers(one, given.get(draft_id, ())) for draft_id, one in checked.items()}


def record_orders_signed(
    work: UnitOfWork, checked: Mapping[str, Checked], answers: Mapping[str, dict[str, Acknowledged]]
) -> None:
    for draft_id, one in checked.items():
        record_signed(work, one, answers[draft_id])
