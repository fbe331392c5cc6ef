"""Lists of orders over many patients, each with the person as the chart names them: overdue ones, baskets to sign."""

from __future__ import annotations

from data_contracts.api.model import Page
from data_contracts.api.orders import BasketsToSign, BasketToSign, OrderKind, OverdueOrder, OverdueOrders
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.orders.queries import LateOrder, baskets_to_sign, count_by_kind, late_orders
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable

PAGE_SIZE = 25


def read_overdue(
    work: UnitOfWork, *, practitioner_id: str | None = None, kind: OrderKind | None = None, page: int = 1
) -> OverdueOrders:
    """Active orders without a result past their day, of one clinician or of all; audited with their patients."""
    work.actor.require("result.read")
    late = late_orders(work, practitioner_id=practitioner_id)
    wanted = [one for one in late if kind in (None, one.line.kind)]
    shown = wanted[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    people = people_by_id(work, [one.line.patient_id for one in shown])
    alike = mistakable({patient_id: person.name for patient_id, person in people.items()})
    work.audit("orders.overdue.read", patient_ids=list(people), detail={"orders": len(wanted), "page": page})
    return OverdueOrders(
        orders=[
            _overdue(work, one, people[one.line.patient_id], same_name=one.line.patient_id in alike)
            for one in shown
            if one.line.patient_id in people
        ],
        page=Page(number=page, size=PAGE_SIZE, total=len(wanted)),
        kinds=count_by_kind(late),
    )


def _overdue(work: UnitOfWork, late: LateOrder, person: PersonFacts, *, same_name: bool) -> OverdueOrder:
    return OverdueOrder(
        order=late.line,
        name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        phone=person.phone,
        same_name=same_name,
        days_late=(work.today() - late.due_on).days,
    )


def read_baskets(work: UnitOfWork) -> BasketsToSign:
    """Every patient whose basket waits for a signature, the oldest first; audited with their patients."""
    work.actor.require("order.sign")
    waiting = baskets_to_sign(work)
    people = people_by_id(work, [one.patient_id for one in waiting])
    alike = mistakable({patient_id: person.name for patient_id, person in people.items()})
    work.audit("orders.baskets.read", patient_ids=list(people))
    return BasketsToSign(
        baskets=[
            BasketToSign(
                patient_id=one.patient_id,
                name=people[one.patient_id].name,
                birth_date=people[one.patient_id].birth_date,
                mrn=people[one.patient_id].mrn,
                same_name=one.patient_id in alike,
                names=one.names,
                prepared_by=one.prepared_by,
                since=one.since,
            )
            for one in waiting
            if one.patient_id in people
        ]
    )
