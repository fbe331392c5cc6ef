"""Urgent items that wait for somebody: seen with whom they are about, taken, and finished with what was done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from data_contracts.api.questionnaires import FinishUrgent, TakeUrgent, UrgentItem, UrgentItems
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import person
from ehr_core.charting.questionnaires import crisis
from ehr_core.kernel.errors import Conflict, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import codes, decode, encode
from ehr_core.registration.presenters import present_banner
from ehr_core.registration.queries import people_by_id
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

WAITING = text("""
SELECT id, version_id, patient_id, body FROM fhir.task
WHERE NOT deleted AND code_tokens @> ARRAY[:code] AND status NOT IN
  ('completed', 'cancelled', 'rejected', 'failed', 'entered-in-error')
ORDER BY date_low, id
""")
NOT_URGENT = "There is no such urgent item. It may have been finished; look at the list."


def urgent_items(work: UnitOfWork) -> UrgentItems:
    """Oldest first, each with who has it now. One audit row with the sealed list of the patients named."""
    work.actor.require("chart.read")
    rows = work.connection.execute(WAITING, {"code": f"{crisis.TASK_CODE}|{crisis.SUICIDE_RISK}"}).all()
    if not rows:
        return UrgentItems(items=[])
    people = people_by_id(work, {row.patient_id for row in rows if row.patient_id})
    work.audit("urgent_items_read", patient_ids=list(people), detail={"items": len(rows)})
    items = []
    for row in rows:
        if row.patient_id in people:
            task = decode(row.body)
            held = crisis.held_by(task, work.now())
            items.append(
                UrgentItem(
                    task_id=row.id,
                    version_id=row.version_id,
                    patient=present_banner(people[row.patient_id], work.today()),
                    words=task.get("description") or crisis.WORDS,
                    since=datetime.fromisoformat(task["authoredOn"]),
                    state=crisis.state_of(task),
                    owner=held.owner,
                    owner_phone=held.phone,
                    escalated=held.escalated,
                    next_owner=held.next_owner,
                    escalates_at=held.escalates_at,
                )
            )
    return UrgentItems(items=items)


def take_urgent(work: UnitOfWork, *, task_id: str, take: TakeUrgent) -> None:
    """From now on it is mine. Raises Conflict when somebody else has taken it."""
    stored = _urgent(work, task_id, take.version_id)
    task = decode(stored.body)
    if crisis.state_of(task) != "waiting":
        raise Conflict("Somebody has taken this already.")
    _write(work, stored, crisis.taken(task, by=person(work.actor), at=work.now()))


def finish_urgent(work: UnitOfWork, *, task_id: str, finish: FinishUrgent) -> None:
    """What was found and done. Raises Conflict for one that is finished."""
    stored = _urgent(work, task_id, finish.version_id)
    task = decode(stored.body)
    if crisis.state_of(task) == "done":
        raise Conflict("This has been finished already.")
    done = crisis.finished(task, by=person(work.actor), at=work.now(), outcome=finish.outcome.strip())
    _write(work, stored, done)


def _urgent(work: UnitOfWork, task_id: str, version_id: int) -> StoredResource:
    work.actor.require("chart.write")
    stored = Store(work).read("Task", task_id)
    if crisis.SUICIDE_RISK not in codes(decode(stored.body).get("code")):
        raise NotFound(NOT_URGENT)
    if stored.version_id != version_id:
        raise StaleVersion("Somebody else changed this item first. Look at it, then act.")
    return stored


def _write(work: UnitOfWork, stored: StoredResource, task: dict) -> None:
    Store(work).update("Task", stored.id, encode(task), if_match=stored.version_id)
