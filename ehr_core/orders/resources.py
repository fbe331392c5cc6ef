"""Builds and reads the FHIR of an order: the ServiceRequest, and the Task that follows its fulfilment. Pure.

How it is to be done stands in `orderDetail`, one concept a fact, coded `field:value` in our own system, so that it
reads back without guessing; `occurrencePeriod.end` is the day by which a result is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from data_contracts.api.orders import (
    CONTRAST_WORDS,
    KIND_WORDS,
    PREGNANCY_WORDS,
    PRIORITY_WORDS,
    OrderDetails,
)
from data_contracts.code_systems import OWN
from ehr_core.access.actor import Actor
from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.fhir_json import codings, reference_id, words
from ehr_core.orders.catalogue import EXPECTED_DAYS_OF_OTHERS, catalogue
from ehr_core.orders.lines import Ordered

Resource = dict[str, Any]

GAP_IDENTIFIER = f"{OWN}/NamingSystem/care-gap"
ACCOUNT_SYSTEM = f"{OWN}/NamingSystem/account"
CATEGORY = f"{OWN}/CodeSystem/order-category"
DETAIL = f"{OWN}/CodeSystem/order-detail"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"

FREE_WORDS = ("question", "specimen", "pregnancy_reason")


def check_code(system: str, code: str) -> None:
    """Raises InvalidResource for a code without the URI of its system."""
    is_uri = system.startswith(("http://", "https://", "urn:")) and not any(map(str.isspace, system))
    if not is_uri or not code.strip():
        raise InvalidResource(
            [
                Issue(
                    "code",
                    "An order needs a code and the URI of its code system. Choose from the list.",
                    "value",
                )
            ]
        )


def requester_of(actor: Actor) -> Resource:
    """The clinician's directory entry, else the account."""
    if actor.practitioner_id:
        return {"reference": f"Practitioner/{actor.practitioner_id}", "display": actor.name}
    return {"identifier": {"system": ACCOUNT_SYSTEM, "value": actor.actor_id}, "display": actor.name}


def build_order(
    what: Ordered,
    details: OrderDetails,
    *,
    patient_id: str,
    requester: Resource,
    authored_on: str,
    start: date,
    due: date | None,
    gap_id: str | None = None,
    based_on: str | None = None,
    timing: Resource | None = None,
) -> Resource:
    """The ServiceRequest. `due` is None for one that only makes others; `timing` is its rhythm."""
    check_code(what.code_system, what.code)
    order: Resource = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "instance-order" if based_on else "order",
        "category": [_coded(CATEGORY, what.kind, KIND_WORDS[what.kind])],
        "priority": details.priority,
        "code": _coded(what.code_system, what.code.strip(), what.name),
        "subject": {"reference": f"Patient/{patient_id}"},
        "authoredOn": authored_on,
        "requester": requester,
    }
    if gap_id:
        order["identifier"] = [{"system": GAP_IDENTIFIER, "value": gap_id}]
    if based_on:
        order["basedOn"] = [{"reference": f"ServiceRequest/{based_on}"}]
    if told := list(_details(details)):
        order["orderDetail"] = told
    if due is not None:
        order["occurrencePeriod"] = {"start": start.isoformat(), "end": due.isoformat()}
    elif timing is not None:
        order["occurrenceTiming"] = timing
    if details.standing_until:
        order["asNeededBoolean"] = True
    if details.indication:
        order["reasonCode"] = [{"text": details.indication}]
    if details.note:
        order["note"] = [{"text": details.note}]
    return order


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _details(details: OrderDetails) -> Iterator[Resource]:
    """Each fact with words of its own."""
    if details.fasting is not None:
        yield _fact(
            "fasting", "yes" if details.fasting else "no", "Fasting" if details.fasting else "Not fasting"
        )
    if details.laterality:
        yield _fact("laterality", details.laterality, details.laterality.capitalize())
    if details.contrast:
        yield _fact("contrast", details.contrast, CONTRAST_WORDS[details.contrast])
    if details.pregnancy:
        yield _fact(
            "pregnancy", details.pregnancy, f"Pregnancy: {PREGNANCY_WORDS[details.pregnancy].lower()}"
        )
    for name in FREE_WORDS:
        if said := getattr(details, name):
            yield {
                "coding": [{"system": DETAIL, "code": name.replace("_", "-")}],
                "text": f"{name.replace('_', ' ').capitalize()}: {said}",
            }


def _fact(name: str, value: str, text: str) -> Resource:
    return {"coding": [{"system": DETAIL, "code": f"{name}-{value.replace('_', '-')}"}], "text": text}


def timing_of(details: OrderDetails, first: date) -> Resource | None:
    """The rhythm of a repeating order, or the days of a standing one; None for one that is done once."""
    if details.repeat is not None:
        repeat: Resource = {
            "frequency": 1,
            "period": details.repeat.every,
            "periodUnit": _UNITS[details.repeat.unit],
        }
        bounds: Resource = {"start": first.isoformat()}
        if details.repeat.until:
            bounds["end"] = details.repeat.until.isoformat()
        repeat["boundsPeriod"] = bounds
        if details.repeat.times:
            repeat["count"] = details.repeat.times
        return {"repeat": repeat}
    if details.standing_until is not None:
        bounds = {"start": first.isoformat(), "end": details.standing_until.isoformat()}
        return {"repeat": {"boundsPeriod": bounds}}
    return None


_UNITS = {"day": "d", "week": "wk", "month": "mo"}


def build_task(order_id: str, order: Resource, *, due: date | None) -> Resource:
    """The Task that follows the fulfilment: requested, until its results are its outputs."""
    task: Resource = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": order.get("priority", "routine"),
        "code": _coded(TASK_CODE, "fulfill", "Fulfill the focal request"),
        "focus": {"reference": f"ServiceRequest/{order_id}"},
        "for": order["subject"],
        "authoredOn": order["authoredOn"],
        "lastModified": order["authoredOn"],
        "requester": order["requester"],
    }
    if due is not None:
        task["restriction"] = {"period": {"end": due.isoformat()}}
    return task


def with_output(task: Resource, reference: str, *, status: str, at: str) -> Resource:
    """The Task with one more result; the same one twice changes nothing."""
    outputs = list(task.get("output") or ())
    if all((one.get("valueReference") or {}).get("reference") != reference for one in outputs):
        outputs.append({"type": {"text": "Result"}, "valueReference": {"reference": reference}})
    return {**task, "status": status, "lastModified": at, "output": outputs}


def with_status(resource: Resource, status: str, *, reason: str | None, who: Resource, at: str) -> Resource:
    """An order or a Task in its next state. The reason stays with it: as a note, and as the Task's own reason."""
    changed = {**resource, "status": status}
    if resource["resourceType"] == "Task":
        changed["lastModified"] = at
        return {**changed, "statusReason": {"text": reason}} if reason else changed
    if reason:
        author = {"authorReference": who} if who.get("reference") else {"authorString": who["display"]}
        changed["note"] = [*(resource.get("note") or ()), {**author, "time": at, "text": reason}]
    return changed


def ordered_of(order: Resource) -> Ordered:
    """What a stored order asks for, with its catalogue item where its code has one."""
    pairs = list(codings(order.get("code")))
    item = next(filter(None, (catalogue().of_code(system, code) for system, code in pairs)), None)
    system, code = pairs[0] if pairs else ("", "")
    kind = next(
        (code for owner, code in _categories(order) if owner == CATEGORY and code in KIND_WORDS), None
    )
    return Ordered(
        kind or (item.kind if item else "other"), system, code, words(order.get("code")) or "not named", item
    )


def _categories(order: Resource) -> Iterator[tuple[str, str]]:
    for concept in order.get("category") or ():
        yield from codings(concept)


def detail_words(order: Resource) -> list[str]:
    """How it is to be done, a line each; the priority only when it is not routine."""
    priority = order.get("priority", "routine")
    told = [PRIORITY_WORDS.get(priority, priority)] if priority != "routine" else []
    return told + [said for said in map(words, order.get("orderDetail") or ()) if said]


def due_day(order: Resource) -> date | None:
    """The day by which a result is expected; None for one that only makes others, or whose days cannot be read.

    An order from elsewhere says when it is to be done, or only when it was written: its result is expected as the
    catalogue says for its kind, or after EXPECTED_DAYS_OF_OTHERS.
    """
    if order.get("occurrenceTiming"):
        return None
    end = _day((order.get("occurrencePeriod") or {}).get("end"))
    if end:
        return end
    start = _day(order.get("occurrenceDateTime")) or _day(order.get("authoredOn"))
    if start is None:
        return None
    item = ordered_of(order).item
    days = item.due_days.get(order.get("priority", "routine")) if item else None
    return start + timedelta(days=days or EXPECTED_DAYS_OF_OTHERS)


def _day(written: str | None) -> date | None:
    try:
        return date.fromisoformat((written or "")[:10])
    except ValueError:
        return None


def parent_of(order: Resource) -> str | None:
    """The repeating order that this is one of."""
    return next(
        filter(None, (reference_id(one, "ServiceRequest") for one in order.get("basedOn") or ())), None
    )


def member_codes(what: Ordered) -> dict[str, str]:
    """The tests of a panel by LOINC code; empty for what is no panel."""
    return dict(what.item.members) if what.item else {}
