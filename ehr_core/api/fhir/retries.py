"""A retry with the same Idempotency-Key is answered as the first try was, and does nothing again.

The key is kept in the transaction of what it stands for: a request that was lost before its commit leaves none, and one
whose answer was lost finds it. Of two at once the second waits for the first. What is kept is where things were written
and never what: a replayed answer reads the version again, under today's permissions.
Source: IETF draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import orjson
from fastapi import Request
from sqlalchemy import text
from starlette.responses import Response

from ehr_core.access.chart_policy import may_read
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.fhir.exchange import FHIR_JSON
from ehr_core.api.fhir.visibility import history_store, shown
from ehr_core.kernel.errors import AlmonerError, BadRequest

HEADER = "idempotency-key"
REPLAYED = {"Idempotent-Replayed": "true"}
LIFE = timedelta(days=1)
LONGEST = 255
KEPT_HEADERS = ("location", "etag", "last-modified")
DECIDING = ("content-type", "if-none-exist", "if-match", "prefer", "x-security-context")
"""Headers that make another request of the same body."""

FORGET = text("DELETE FROM access.request_key WHERE actor_id = :actor AND made_at < :since")
CLAIM = text(
    "INSERT INTO access.request_key (actor_id, key_hash, request_hash, made_at) "
    "VALUES (:actor, :key, :request, :now) ON CONFLICT DO NOTHING RETURNING 1"
)
FIND = text(
    "SELECT request_hash, status, headers, answer FROM access.request_key "
    "WHERE actor_id = :actor AND key_hash = :key"
)
KEEP = text(
    "UPDATE access.request_key SET status = :status, headers = CAST(:headers AS jsonb), answer = :answer "
    "WHERE actor_id = :actor AND key_hash = :key"
)


class OtherRequest(AlmonerError):
    """The key stood for something else before."""

    http_status, fhir_issue_code = 422, "business-rule"


def once(request: Request, work: UnitOfWork, body: bytes, write: Callable[[], Response]) -> Response:
    """The answer of `write`, or that of an earlier request with this key; without a key, of `write`.

    Raises BadRequest for a key that is none, and OtherRequest for one that stood for a request with another content.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return write()
    if not given.isascii() or not given.isprintable() or not 1 <= len(given) <= LONGEST:
        raise BadRequest(f"Idempotency-Key is 1 to {LONGEST} printable characters, such as a UUID.")
    asked = {"actor": _whose(work), "key": hashlib.sha256(given.encode()).digest()}
    digest, now = _digest(request, body), work.now()
    work.connection.execute(FORGET, {"actor": asked["actor"], "since": now - LIFE})
    if work.connection.execute(CLAIM, asked | {"request": digest, "now": now}).first():
        answer = write()
        headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        kept = {"status": answer.status_code, "headers": orjson.dumps(headers).decode()}
        work.connection.execute(KEEP, asked | kept | {"answer": _without_resources(bytes(answer.body))})
        return answer
    before = work.connection.execute(FIND, asked).one()
    if before.request_hash != digest:
        raise OtherRequest(
            "This Idempotency-Key stood for another request. Give each request a key of its own."
        )
    headers = before.headers | REPLAYED
    return Response(_body(work, before), before.status, media_type=FHIR_JSON, headers=headers)


def _whose(work: UnitOfWork) -> str:
    """Whose keys: the person's, apart in each application."""
    application = work.actor.application
    return f"{work.actor.actor_id} {application.client_id}" if application else work.actor.actor_id


def _digest(request: Request, body: bytes) -> bytes:
    parts = [request.method, request.url.path, request.url.query]
    parts += [request.headers.get(name, "") for name in DECIDING]
    hashed = hashlib.sha256()
    for part in (*(each.encode() for each in parts), body):
        hashed.update(len(part).to_bytes(8, "big"))
        hashed.update(part)
    return hashed.digest()


def _without_resources(answer: bytes) -> str | None:
    """A Bundle's entries without what they hold; None for any other answer."""
    content = orjson.loads(answer) if answer else {}
    if content.get("resourceType") != "Bundle":
        return None
    for entry in content.get("entry", ()):
        entry.pop("resource", None)
    return orjson.dumps(content).decode()


def _body(work: UnitOfWork, before: object) -> bytes:
    if before.answer is not None:
        return before.answer.encode()
    place = before.headers.get("location")
    if place is None or not work.actor.may("fhir.read"):
        return b""
    type_name, resource_id, _, version = place.rsplit("/", 4)[-4:]
    if not may_read(work.actor, type_name):
        return b""
    store = history_store(work)
    return shown(store, store.vread(type_name, resource_id, int(version))).body
