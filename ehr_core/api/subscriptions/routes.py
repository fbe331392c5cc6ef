"""Subscription over FHIR's REST: an application makes, reads, changes and ends its own, and asks how they stand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Row, text
from starlette.responses import Response

from ehr_core.access.actor import Actor
from ehr_core.access.chart_policy import require_scope
from ehr_core.access.sealing import Seal
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import (
    FORM,
    UnsupportedMediaType,
    asked_version,
    base_url,
    check_identity,
    fhir_response,
    media_type_of,
    require_json_answer,
    require_json_body,
)
from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.subscriptions import rows
from ehr_core.api.subscriptions.asked import CONTENTS, AskedFor, read_subscription
from ehr_core.api.subscriptions.notifications import (
    STATUS_PROFILE,
    notification,
    seen_today,
    status_parameters,
)
from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound, StaleVersion, TooMuch
from ehr_core.kernel.fhir_json import encode
from ehr_core.kernel.ids import new_id
from ehr_core.outside.addresses import reach_of
from ehr_core.store.versions import ANY_VERSION

router = APIRouter(prefix="/fhir", tags=["fhir"])
TYPE = "Subscription"
MOST_OF_ONE_OWNER = 50
MOST_EVENTS_AT_ONCE = 200
SEARCHED_BY = ("_id", "status", "criteria", "url")


@router.post("/Subscription")
def create(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """A new one, in status requested until its endpoint has answered the handshake."""
    asked = _asked(request, body, parts, work, "c")
    subscription_id = new_id()
    with _desk(parts) as desk:
        if len(rows.owned(desk.connection, work.actor)) >= MOST_OF_ONE_OWNER:
            raise TooMuch(f"One application has at most {MOST_OF_ONE_OWNER} subscriptions. Delete one first.")
        rows.add(desk.connection, subscription_id, work.actor, asked, _seal(parts), desk.now())
        row = _found(desk, work.actor, subscription_id)
        _note(desk, work.actor, "subscription_made", subscription_id)
    headers = {"Location": f"{base_url(parts)}/Subscription/{subscription_id}"}
    return _answer(request, row, status=201, headers=headers)


@router.put("/Subscription/{subscription_id}")
def update(
    subscription_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """Asks for something else, or for another handshake after an error; what was not delivered yet waits on."""
    check_identity(body, TYPE, subscription_id)
    asked = _asked(request, body, parts, work, "u")
    version = asked_version(request)
    with _desk(parts) as desk:
        before = _found(desk, work.actor, subscription_id, lock=True)
        if version not in (None, ANY_VERSION, before.version_id):
            raise StaleVersion("Somebody else saved a newer version. Read it again, then make your change.")
        rows.replace(desk.connection, subscription_id, work.actor, asked, _seal(parts), desk.now())
        row = _found(desk, work.actor, subscription_id)
        _note(desk, work.actor, "subscription_changed", subscription_id)
    return _answer(request, row)


@router.delete("/Subscription/{subscription_id}")
def delete(subscription_id: str, parts: ProcessParts, work: Work) -> Response:
    """Ends it, and forgets its events."""
    _require(work.actor, "d")
    with _desk(parts) as desk:
        _found(desk, work.actor, subscription_id, lock=True)
        desk.connection.execute(
            text("DELETE FROM outside.subscription WHERE id = :id"), {"id": subscription_id}
        )
        _note(desk, work.actor, "subscription_deleted", subscription_id)
    return Response(status_code=204)


@router.get("/Subscription/$status")
@router.post("/Subscription/$status")
def status_of_several(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """How the caller's subscriptions stand, all or those named by `id` or `status`."""
    given = _given(request, body, work, "id", "status")
    names, states = given.text("id"), given.text("status")
    with _desk(parts) as desk:
        found = rows.owned(desk.connection, work.actor)
    chosen = [
        row
        for row in found
        if (names is None or row.id in names.replace("Subscription/", "").split(","))
        and (states is None or row.status in states.split(","))
    ]
    return fhir_response(request, _statuses(parts, chosen))


@router.get("/Subscription/{subscription_id}/$status")
@router.post("/Subscription/{subscription_id}/$status")
def status(
    subscription_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    _given(request, body, work)
    with _desk(parts) as desk:
        row = _found(desk, work.actor, subscription_id)
    return fhir_response(request, _statuses(parts, [row]))


@router.get("/Subscription/{subscription_id}/$events")
@router.post("/Subscription/{subscription_id}/$events")
def events(
    subscription_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """What happened under these numbers, as the caller may see it today: for whoever missed a message."""
    given = _given(request, body, work, "eventsSinceNumber", "eventsUntilNumber", "content")
    content = given.text("content")
    if content is not None and content not in CONTENTS:
        raise BadRequest(f"The parameter 'content' is one of: {', '.join(CONTENTS)}.")
    first = max(1, _number(given, "eventsSinceNumber", 1))
    with _desk(parts) as desk:
        row = _found(desk, work.actor, subscription_id)
        last = min(_number(given, "eventsUntilNumber", row.last_event), first + MOST_EVENTS_AT_ONCE - 1)
        found = rows.events(desk.connection, row.id, first, last)
    seen = seen_today(work, found)
    work.audit(
        "subscription_told",
        patient_ids=[one.patient_id for one in seen.values() if one.patient_id],
        detail={"subscription": row.id, "events": len(found), "content": content or row.content},
    )
    bundle = notification(row, "query-event", base_url(parts), work.now(), found, seen, content)
    return fhir_response(request, bundle)


@router.get("/Subscription")
def search(request: Request, parts: ProcessParts, work: Work) -> Response:
    """The caller's own, by status, topic or endpoint."""
    return _searched(request, parts, work, _given(request, b"", work, *SEARCHED_BY))


@router.post("/Subscription/_search")
def search_by_form(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """The same with the criteria in the body, so that they stand in no address and no log."""
    if body and media_type_of(request) != FORM:
        raise UnsupportedMediaType(f"Send search criteria as {FORM}.")
    return _searched(request, parts, work, _given(request, body, work, *SEARCHED_BY))


def _searched(request: Request, parts: Parts, work: UnitOfWork, given: Given) -> Response:
    with _desk(parts) as desk:
        found = rows.owned(desk.connection, work.actor)
    held = {"_id": "id", "status": "status", "criteria": "topic", "url": "endpoint"}
    for name, column in held.items():
        if wanted := given.text(name):
            found = [row for row in found if getattr(row, column) in wanted.split(",")]
    entries = [
        {
            "fullUrl": f"{base_url(parts)}/Subscription/{row.id}",
            "resource": rows.resource_of(row),
            "search": {"mode": "match"},
        }
        for row in found
    ]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return fhir_response(request, encode(bundle | ({"entry": entries} if entries else {})))


@router.get("/Subscription/{subscription_id}")
def read(subscription_id: str, request: Request, parts: ProcessParts, work: Work) -> Response:
    require_json_answer(request)
    _require(work.actor, "r")
    with _desk(parts) as desk:
        row = _found(desk, work.actor, subscription_id)
    return _answer(request, row)


def _require(actor: Actor, act: str) -> None:
    actor.require("fhir.read" if actor.reach != "own" else "own.read")
    if actor.application is None:
        raise Forbidden(
            "Subscriptions are for outside applications. Register one, and subscribe with its token."
        )
    require_scope(actor, TYPE, act)


def _asked(request: Request, body: bytes, parts: Parts, work: UnitOfWork, act: str) -> AskedFor:
    require_json_answer(request)
    require_json_body(request)
    _require(work.actor, act)
    check_identity(body, TYPE, None)
    return read_subscription(work, body, reach_of(parts.settings))


def _given(request: Request, body: bytes, work: UnitOfWork, *known: str) -> Given:
    require_json_answer(request)
    _require(work.actor, "r")
    return Given(request, body, frozenset(known))


def _number(given: Given, name: str, usual: int) -> int:
    value = given.value(name)
    words = str(value) if value is not None else str(usual)
    if not (words.isascii() and words.isdigit() and len(words) < 18):
        raise BadRequest(f"The parameter '{name}' is a whole number.")
    return int(words)


def _found(desk: UnitOfWork, actor: Actor, subscription_id: str, *, lock: bool = False) -> Row[Any]:
    row = rows.find(desk.connection, subscription_id, actor, lock=lock)
    if row is None:
        raise NotFound("There is no such Subscription.")
    return row


def _note(desk: UnitOfWork, actor: Actor, act: str, subscription_id: str) -> None:
    """In the actor's name, in the transaction of the act."""
    replace(desk, actor=actor).audit(act, resource_type=TYPE, resource_id=subscription_id)


def _desk(parts: Parts) -> Any:
    return begin(parts.database, rows.DESK, parts.clock, parts.settings.site_time_zone)


def _seal(parts: Parts) -> Seal:
    return Seal(parts.secrets.token_signing_key, rows.PURPOSE)


def _answer(
    request: Request, row: Row[Any], *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    etag = {"ETag": f'W/"{row.version_id}"'}
    return fhir_response(
        request, encode(rows.resource_of(row)), status=status, headers=etag | (headers or {})
    )


def _statuses(parts: Parts, found: list[Row[Any]]) -> bytes:
    entries = [
        {
            "resource": {
                "resourceType": "Parameters",
                "meta": {"profile": [STATUS_PROFILE]},
                "parameter": status_parameters(row, "query-status", base_url(parts)),
            },
            "search": {"mode": "match"},
        }
        for row in found
    ]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return json.dumps(bundle | ({"entry": entries} if entries else {})).encode()
