"""AuditEvent over FHIR: made from the audit log, read and searched, never written. Patients see their record's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.audit_fhir import OUTCOMES, audit_event
from ehr_core.access.audit_search import Criteria, find_events
from ehr_core.access.chart_policy import require_scope
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.errors import error_response
from ehr_core.api.fhir.exchange import CONTROLS, base_url, fhir_response, form_of, require_json_answer
from ehr_core.api.fhir.paging import PAGE_PARAMETER, opened_page, sealed_page
from ehr_core.api.fhir.preferences import preferences
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.dates import bounds
from ehr_core.store.primitives import problem_with

router = APIRouter(prefix="/fhir", tags=["fhir"])
TYPE = "AuditEvent"
USUAL_PAGE, LARGEST_PAGE = 50, 1000
OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "sa": ">", "eb": "<"}
ACTIONS = frozenset("CRUDE")

Read = Callable[[Criteria, list[str], str], None]


class NeverWritten(BadRequest):
    http_status, fhir_issue_code = 405, "not-supported"

    def __init__(self) -> None:
        super().__init__("AuditEvent is made from the audit log. It is read and searched, and never written.")


@router.get("/AuditEvent")
@router.head("/AuditEvent")
def search(request: Request, parts: ProcessParts, work: Work) -> Response:
    """The newest first. Needs audit.read, or own.read for the own record."""
    return _answer(request, parts, work, request.query_params.multi_items())


@router.post("/AuditEvent/_search")
def search_by_form(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """The same with the criteria in the body, so that they stand in no address and no log."""
    return _answer(request, parts, work, [*request.query_params.multi_items(), *form_of(request, body)])


@router.get("/Patient/{patient_id}/AuditEvent")
@router.head("/Patient/{patient_id}/AuditEvent")
def search_in_compartment(patient_id: str, request: Request, parts: ProcessParts, work: Work) -> Response:
    """What happened to one patient's record."""
    return _answer(request, parts, work, request.query_params.multi_items(), of_patient=patient_id)


@router.post("/Patient/{patient_id}/AuditEvent/_search")
def search_in_compartment_by_form(
    patient_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    given = [*request.query_params.multi_items(), *form_of(request, body)]
    return _answer(request, parts, work, given, of_patient=patient_id)


@router.get("/AuditEvent/{event_id}")
@router.head("/AuditEvent/{event_id}")
def read(event_id: str, request: Request, work: Work) -> Response:
    require_json_answer(request)
    _require(work, "r")
    wanted = _own_or_all(work)
    wanted.add("e.id = {id}", id=event_id)
    rows, _ = find_events(work, wanted, size=1)
    if not rows:
        raise NotFound("There is no such AuditEvent.")
    work.audit("audit_read", resource_type=TYPE, resource_id=event_id, patient_id=rows[0].patient_id)
    return fhir_response(request, encode(_shown(work, rows[0])))


@router.post("/AuditEvent", include_in_schema=False)
@router.api_route("/AuditEvent/{event_id}", methods=["PUT", "PATCH", "DELETE"], include_in_schema=False)
def write(request: Request) -> Response:
    """Nobody writes the log by hand."""
    return error_response(request, NeverWritten(), headers={"Allow": "GET, HEAD"})


def _answer(
    request: Request,
    parts: Parts,
    work: UnitOfWork,
    given: list[tuple[str, str]],
    *,
    of_patient: str | None = None,
) -> Response:
    require_json_answer(request)
    _require(work, "s")
    if of_patient is not None:
        if work.actor.reach == "own" and work.actor.patient_id != of_patient:
            raise NotFound("There is no such Patient.")
        given = [("patient", of_patient), *given]
    return fhir_response(request, encode(_bundle(parts, work, given, strict=preferences(request).strict)))


def _require(work: UnitOfWork, act: str) -> None:
    require_scope(work.actor, TYPE, act)
    work.actor.require("own.read" if work.actor.reach == "own" else "audit.read")


def _own_or_all(work: UnitOfWork) -> Criteria:
    wanted = Criteria()
    if work.actor.reach == "own":
        wanted.patients([work.actor.patient_id or ""])
    return wanted


def _shown(work: UnitOfWork, row: Any) -> dict[str, Any]:
    return audit_event(row, only_patient=work.actor.patient_id if work.actor.reach == "own" else None)


def _bundle(
    parts: Parts, work: UnitOfWork, given: Sequence[tuple[str, str]], *, strict: bool
) -> dict[str, Any]:
    wanted, warnings, behind = _own_or_all(work), [], None
    asked = [(name, value) for name, value in given if name not in CONTROLS]
    if page := dict(asked).get(PAGE_PARAMETER):
        if len(asked) > 1:
            raise BadRequest("A page link takes no further parameters.")
        kept, at, behind_id = opened_page(parts, work.actor, TYPE, page)
        asked, behind = [tuple(pair) for pair in kept], (datetime.fromisoformat(at), behind_id)
    size = USUAL_PAGE
    for name, value in asked:
        if name == "_count":
            size = _size(value)
        elif name in READERS:
            READERS[name](wanted, [one for one in value.split(",") if one], work.site_time_zone)
        elif strict:
            raise BadRequest(
                f"AuditEvent cannot be searched by this. It can be by: {', '.join(sorted(READERS))}."
            )
        else:
            warnings.append(
                f"A parameter was ignored. AuditEvent is searched by: {', '.join(sorted(READERS))}."
            )
    rows, following = find_events(work, wanted, size=size, behind=behind)
    patients = {row.patient_id for row in rows if row.patient_id}
    work.audit("audit_read", resource_type=TYPE, patient_ids=sorted(patients), detail={"events": len(rows)})
    return _told(parts, work, rows, warnings, [asked, following])


def _told(
    parts: Parts, work: UnitOfWork, rows: list[Any], warnings: list[str], more: list[Any]
) -> dict[str, Any]:
    base = base_url(parts)
    link = [{"relation": "self", "url": f"{base}/{TYPE}"}]
    asked, following = more
    if following:
        sealed = sealed_page(parts, work.actor, TYPE, [asked, following[0].isoformat(), following[1]])
        link.append({"relation": "next", "url": f"{base}/{TYPE}?{PAGE_PARAMETER}={sealed}"})
    entries: list[dict[str, Any]] = [
        {"fullUrl": f"{base}/{TYPE}/{row.id}", "resource": _shown(work, row), "search": {"mode": "match"}}
        for row in rows
    ]
    if warnings:
        issues = [{"severity": "warning", "code": "not-supported", "diagnostics": one} for one in warnings]
        outcome = {"resourceType": "OperationOutcome", "issue": issues}
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": link}
    return bundle | ({"entry": entries} if entries else {})


def _size(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not int(value[:9]):
        raise BadRequest("'_count' is a whole number of 1 or more.")
    return min(int(value[:9]), LARGEST_PAGE)


def _date(wanted: Criteria, values: list[str], zone: str) -> None:
    """With a prefix, or a day, month or year as a whole; several values widen."""
    parts, bound = [], {}
    for place, value in enumerate(values):
        prefix, moment = (value[:2], value[2:]) if value[:2] in (*OPERATORS, "eq") else ("eq", value)
        moment = moment.replace(" ", "+")
        if problem_with("dateTime", moment):
            raise BadRequest("'date' is a date, or a date and time with offset, behind a prefix such as ge.")
        low, high = bounds(moment, zone)
        if prefix == "eq":
            parts.append(f"e.at BETWEEN {{low{place}}} AND {{high{place}}}")
            bound |= {f"low{place}": low, f"high{place}": high}
        else:
            parts.append(f"e.at {OPERATORS[prefix]} {{at{place}}}")
            bound[f"at{place}"] = low if prefix in ("ge", "lt", "eb") else high
    wanted.add(" OR ".join(parts) or "true", **bound)


def _action(wanted: Criteria, values: list[str], _: str) -> None:
    codes = [value.rpartition("|")[2] for value in values]
    if not set(codes) <= ACTIONS:
        raise BadRequest("'action' is C, R, U, D or E.")
    wanted.actions(codes)


def _outcome(wanted: Criteria, values: list[str], _: str) -> None:
    codes = [value.rpartition("|")[2] for value in values]
    if not set(codes) <= set(OUTCOMES.values()):
        raise BadRequest(f"'outcome' is one of {', '.join(OUTCOMES.values())}.")
    wanted.outcomes(codes)


def _entity(wanted: Criteria, values: list[str], _: str) -> None:
    pairs = [value.rpartition("/fhir/")[2].partition("/") for value in values]
    patients = [each for kind, _, each in pairs if kind == "Patient"]
    parts, bound = [], {}
    for place, (kind, _, each) in enumerate(pairs):
        parts.append(f"(e.resource_type = {{kind{place}}} AND e.resource_id = {{id{place}}})")
        bound |= {f"kind{place}": kind, f"id{place}": each}
    if patients:
        parts.append("e.patient_id = ANY({patients}) OR e.patient_ids && CAST({patients} AS text[])")
        bound["patients"] = patients
    wanted.add(" OR ".join(parts) or "true", **bound)


READERS: dict[str, Read] = {
    "_id": lambda wanted, values, _: wanted.add("e.id = ANY({ids})", ids=values),
    "patient": lambda wanted, values, _: wanted.patients([one.rpartition("Patient/")[2] for one in values]),
    "altid": lambda wanted, values, _: wanted.add("e.actor_id = ANY({ids})", ids=values),
    "agent": lambda wanted, values, _: wanted.add(
        "a.practitioner_id = ANY({ids})", ids=[one.rpartition("Practitioner/")[2] for one in values]
    ),
    "subtype": lambda wanted, values, _: wanted.add(
        "e.act = ANY({acts})", acts=[one.rpartition("|")[2] for one in values]
    ),
    "date": _date,
    "action": _action,
    "outcome": _outcome,
    "entity": _entity,
}
"""By FHIR's names; several values of one parameter widen, several parameters narrow."""
KINDS = {
    "_id": "token", "patient": "reference", "altid": "token", "agent": "reference", "subtype": "token",
    "date": "date", "action": "token", "outcome": "token", "entity": "reference",
}  # fmt: skip
CAPABILITY = (
    TYPE,
    json.dumps(
        {
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "no-version",
            "searchParam": [{"name": name, "type": kind} for name, kind in sorted(KINDS.items())],
        }
    ),
)
"""What the CapabilityStatement says of it."""
