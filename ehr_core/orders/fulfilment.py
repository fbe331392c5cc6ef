"""What comes back for an order: which open order a result answers, and the order's state when it has.

The link stands in the order's Task, as an output with the result's code; the result itself stays as it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from data_contracts.code_systems import LOINC
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.clock import in_zone
from ehr_core.kernel.fhir_json import codings, decode, reference_id
from ehr_core.orders.lines import Ordered
from ehr_core.orders.resources import Resource, member_codes, ordered_of
from ehr_core.orders.writing import StoredOrder, instant, move_order, read_order, update_task

OPEN_ORDERS = text("""
SELECT id, date_low, code_tokens, body FROM fhir.service_request
 WHERE patient_id = :patient AND NOT deleted AND status = 'active' ORDER BY date_low NULLS LAST, id
""")


WHOLE_REPORTS = ("DiagnosticReport", "DocumentReference")
"""What speaks for the whole order, whatever its parts."""


@dataclass(frozen=True)
class Answer:
    """A finished result as ordering sees it. `day` is when it was observed at the site; None is not known."""

    resource_type: str
    resource_id: str
    code_tokens: tuple[str, ...]
    based_on: tuple[str, ...]
    day: date | None
    result_codes: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        return f"{self.resource_type}/{self.resource_id}"


def answer_of(resource: Resource, day: date | None) -> Answer:
    """Of an Observation, a DiagnosticReport, an Immunization, a Procedure, or a document that names its order."""
    coded = resource.get("vaccineCode") or resource.get("code")
    named = [*(resource.get("basedOn") or ()), *((resource.get("context") or {}).get("related") or ())]
    based_on = (reference_id(one, "ServiceRequest") for one in named)
    return Answer(
        resource["resourceType"],
        resource["id"],
        tuple(f"{system}|{code}" for system, code in codings(coded)),
        tuple(filter(None, based_on)),
        day,
    )


@dataclass(frozen=True)
class Answered:
    """Ids of the open orders that a result answers, and of those of which it could answer any: somebody says which."""

    orders: list[str]
    unclear: list[str]


def orders_answered(work: UnitOfWork, patient_id: str, answer: Answer) -> Answered:
    """Those that it names; else the one of its code and the one panel that it belongs to. Of several, none is taken."""
    rows = [
        (row, ordered_of(order))
        for row in work.connection.execute(OPEN_ORDERS, {"patient": patient_id})
        if not (order := decode(row.body)).get("occurrenceTiming")
        and _not_before(work, row.date_low, answer.day)
    ]
    named = [row.id for row, _ in rows if row.id in answer.based_on]
    if named:
        return Answered(named, [])
    exact = [row.id for row, _ in rows if set(row.code_tokens or ()) & set(answer.code_tokens)]
    panels = [row.id for row, what in rows if row.id not in exact and _is_member(what, answer)]
    return Answered(
        [found[0] for found in (exact, panels) if len(found) == 1],
        [order_id for found in (exact, panels) if len(found) > 1 for order_id in found],
    )


def _not_before(work: UnitOfWork, ordered_at: Any, day: date | None) -> bool:
    """A result of an earlier day answers no later order. Without days nothing speaks against it."""
    if ordered_at is None or day is None:
        return True
    return day >= in_zone(ordered_at, ZoneInfo(work.site_time_zone)).date()


def _is_member(what: Ordered, answer: Answer) -> bool:
    members = member_codes(what)
    return any(_loinc(token) in members for token in answer.code_tokens)


def _loinc(token: str) -> str | None:
    system, _, code = token.rpartition("|")
    return code if system == LOINC.uri else None


def note_answer(work: UnitOfWork, order_id: str, answer: Answer) -> bool:
    """Adds the result to the order's Task and completes both when all has come; True when that completed it.

    A panel is complete when each of its members has a result, or its report has come.
    """
    found = read_order(work, order_id)
    if found.order.get("status") != "active":
        return False
    if found.task is None:
        move_order(work, found, "completed", None)
        return True
    outputs = _outputs_with(found.task, answer)
    if _is_whole(found.order, answer, outputs):
        completed = StoredOrder(
            found.stored, found.order, found.task_id, found.task_version, {**found.task, "output": outputs}
        )
        move_order(work, completed, "completed", None)
        return True
    update_task(
        work, found, {**found.task, "output": outputs, "status": "in-progress", "lastModified": instant(work)}
    )
    return False


def _outputs_with(task: Resource, answer: Answer) -> list[Resource]:
    outputs = [one for one in task.get("output") or () if _reference(one) != answer.reference]
    coded = [
        {"system": system, "code": code}
        for system, _, code in (token.rpartition("|") for token in answer.code_tokens)
        if system
    ]
    kind = {"coding": coded, "text": "Result"} if coded else {"text": "Result"}
    return [*outputs, {"type": kind, "valueReference": {"reference": answer.reference}}]


def _reference(output: Resource) -> str | None:
    return (output.get("valueReference") or {}).get("reference")


def _is_whole(order: Resource, answer: Answer, outputs: Sequence[Resource]) -> bool:
    members = member_codes(ordered_of(order))
    of_its_own_code = {f"{system}|{code}" for system, code in codings(order.get("code"))} & set(
        answer.code_tokens
    )
    if not members or of_its_own_code or answer.resource_type in WHOLE_REPORTS:
        return True
    answered = {code for one in outputs for _, code in codings(one.get("type"))}
    return members.keys() <= answered


def withdraw_answer(work: UnitOfWork, order_id: str, references: Collection[str]) -> bool:
    """The result was taken back: the order that it had completed is open again; True when that happened."""
    found = read_order(work, order_id)
    if found.task is None or not {_reference(one) for one in found.task.get("output") or ()} & set(
        references
    ):
        return False
    kept = [one for one in found.task["output"] if _reference(one) not in references]
    task = {key: value for key, value in found.task.items() if key != "output"} | (
        {"output": kept} if kept else {}
    )
    if found.order.get("status") != "completed":
        update_task(work, found, {**task, "lastModified": instant(work)})
        return False
    open_again = StoredOrder(found.stored, found.order, found.task_id, found.task_version, task)
    move_order(work, open_again, "active", "Its result was taken back, so it is open again.")
    return True
