"""Answers for what goes wrong: sentences, never patient data; an OperationOutcome under /fhir."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ehr_core.access.unit_of_work import audit_refusal
from ehr_core.api.addresses import methods_at
from ehr_core.api.kept_back import refusal_of
from ehr_core.api.rate_limits import TooFast
from ehr_core.api.strangers import turned_away
from ehr_core.db.database import DatabaseAway, database_away
from ehr_core.kernel.errors import (
    AlmonerError,
    BadRequest,
    InvalidResource,
    Issue,
    NotFound,
    SignInRequired,
    TimeTaken,
    TooMuch,
    Unavailable,
)
from ehr_core.kernel.logging import get_logger
from ehr_core.store.resource_types import TypeNotKept

log = get_logger(__name__)

FHIR_JSON = "application/fhir+json"
LONGEST_LOCATION = 120
"""Characters of a failing element's path that are repeated to the sender."""

FRAMEWORK_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The body of the request cannot be read: it is malformed, or a part is too large.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method.",
}

NUMBER_OUT_OF_RANGE = "22003"
"""SQLSTATE of a number that is too large for its column: a version or a count that nobody was ever given."""

NUL_IN_JSON = "22P05"
"""SQLSTATE of an escaped NUL in a document: jsonb holds none. Of one in a text the driver tells, without a SQLSTATE."""

TRY_AGAIN = frozenset({"40001", "40P01", "55P03", "57014"})
"""SQLSTATEs of a transaction that lost a race: serialization, deadlock, lock not available, cancelled."""


class UnreadableRequest(BadRequest):
    """The body or a parameter has the wrong shape; `issues` name each place, without values."""

    def __init__(self, issues: list[Issue]):
        self.issues = issues
        listed = "; ".join(f"{issue.expression}: {issue.message}" for issue in issues)
        super().__init__(f"The request cannot be understood. {listed}")


class TooSlow(TooMuch):
    """A body that did not come at the least pace."""

    http_status, fhir_issue_code = 408, "timeout"


class TooLarge(TooMuch):
    http_status, fhir_issue_code = 413, "too-long"


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(AlmonerError, answer_almoner_error)
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(RecursionError, answer_too_deep)
    for database_error in (DatabaseAway, DBAPIError, PoolTimeout):
        app.add_exception_handler(database_error, answer_database_error)


def answer_almoner_error(request: Request, error: AlmonerError) -> Response:
    """The error as an answer. A refusal is audited on its own commit first; if that fails, so does this."""
    actor, parts = getattr(request.state, "actor", None), request.app.state.parts
    target = refusal_of(parts, actor, request.path_params, error)
    if target is not None:
        reason = type(error).__name__
        audit_refusal(parts.database, actor, route_name(request), reason, clock=parts.clock, **target)
    in_address = isinstance(error, TypeNotKept) and error.type_name in request.path_params.values()
    return error_response(request, error, status=HTTPStatus.NOT_FOUND if in_address else None)


def answer_validation_error(request: Request, error: RequestValidationError) -> Response:
    """FastAPI would repeat the input; we name the place and the rule only, and to nobody who is not let in."""
    if refused := turned_away(request):
        return answer_almoner_error(request, refused)
    issues = [
        Issue(
            ".".join(str(part) for part in problem["loc"])[:LONGEST_LOCATION],
            "is not valid JSON" if problem["type"] == "json_invalid" else problem["msg"],
        )
        for problem in error.errors()
    ]
    return error_response(request, UnreadableRequest(issues))


def answer_http_exception(request: Request, error: HTTPException) -> Response:
    """What the framework itself refuses: no such address, wrong method, too large a body."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return error_response(request, NotFound("There is nothing at this address."))
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return error_response(
            request, TooLarge("The request is larger than this server takes. Send it in smaller parts.")
        )
    if error.status_code == HTTPStatus.REQUEST_TIMEOUT:
        return error_response(request, TooSlow(error.detail), headers=dict(error.headers or {}))
    if error.status_code == HTTPStatus.BAD_REQUEST and (stranger := turned_away(request)):
        return answer_almoner_error(request, stranger)
    sentence = FRAMEWORK_SENTENCES.get(error.status_code, f"{HTTPStatus(error.status_code).phrase}.")
    refused, headers = BadRequest(sentence), dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        taken = methods_at(request.app.state.addresses, request.url.path)
        headers |= {"Allow": ", ".join(taken)} if taken else {}
    return error_response(request, refused, status=error.status_code, headers=headers)


def answer_too_deep(request: Request, error: RecursionError) -> Response:
    """Our own loops have ends: what goes on without one was sent."""
    if refused := turned_away(request):
        return answer_almoner_error(request, refused)
    return error_response(
        request, BadRequest("What was sent is nested too deeply. Send it in fewer levels, or in parts.")
    )


def answer_database_error(request: Request, error: Exception) -> Response:
    """A database that is away or busy is 503; any other database error is ours, and goes to the guard."""
    cause = error.__cause__ if isinstance(error, DatabaseAway) else error
    sqlstate = getattr(getattr(cause, "orig", cause), "sqlstate", None)
    if isinstance(error, DataError) and sqlstate in (None, NUL_IN_JSON):
        return error_response(
            request, BadRequest("The request holds a NUL character, which no text here can.")
        )
    if sqlstate == NUMBER_OUT_OF_RANGE:
        return error_response(
            request, BadRequest("A number in the request is larger than this server keeps.")
        )
    if database_away(error):
        log.warning("database_unavailable", route=route_name(request), sqlstate=sqlstate)
        return error_response(request, Unavailable("The database cannot be reached. Try again in a minute."))
    if sqlstate in TRY_AGAIN:
        log.warning("transaction_lost_race", route=route_name(request), sqlstate=sqlstate)
        return error_response(request, Unavailable("Somebody else changed the same thing. Try again."))
    raise error


def error_response(
    request: Request, error: AlmonerError, *, status: int | None = None, headers: dict[str, str] | None = None
) -> Response:
    """The answer's body, as an OperationOutcome under /fhir and as plain JSON elsewhere."""
    headers = dict(headers or {})
    if isinstance(error, SignInRequired):
        sent = request.headers.get("authorization", "").lower().startswith("bearer ")
        headers["WWW-Authenticate"] = 'Bearer realm="almoner"' + (', error="invalid_token"' if sent else "")
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "2"
    if isinstance(error, TooFast):
        headers["Retry-After"] = str(error.seconds)
    issues: list[Issue] = getattr(error, "issues", [])
    if is_fhir(request):
        body, media_type = operation_outcome(error, issues), FHIR_JSON
    else:
        body = {
            "error": public_name(error),
            "message": error.message,
            "issues": [vars(issue) for issue in issues],
        }
        if isinstance(error, TimeTaken):
            body["alternatives"] = list(error.alternatives)
        media_type = "application/json"
    return Response(
        json.dumps(body, ensure_ascii=False),
        status_code=status or error.http_status,
        media_type=media_type,
        headers=headers,
    )


def operation_outcome(error: AlmonerError, issues: list[Issue]) -> dict[str, object]:
    """One issue an element that is wrong, or one for the whole."""
    if not issues:
        entry = {"severity": "error", "code": error.fhir_issue_code, "diagnostics": error.message}
        return {"resourceType": "OperationOutcome", "issue": [entry]}
    return {"resourceType": "OperationOutcome", "issue": outcome_issues(issues)}


def outcome_issues(issues: Sequence[Issue]) -> list[dict[str, object]]:
    """Each with its element, and one sentence that names it."""
    return [
        {
            "severity": issue.severity,
            "code": issue.code,
            "diagnostics": f"{issue.expression}: {issue.message}",
            "expression": [issue.expression],
        }
        for issue in issues
    ]


def public_name(error: AlmonerError) -> str:
    """The error's class as kernel/errors.py names it: that is what a client can know."""
    for cls in type(error).__mro__:
        if cls.__module__ == AlmonerError.__module__:
            return cls.__name__
    return AlmonerError.__name__


def is_fhir(request: Request) -> bool:
    return request.url.path == "/fhir" or request.url.path.startswith("/fhir/")


def route_name(request: Request) -> str:
    """Method and route template: names the act without any id or search value."""
    template = getattr(request.scope.get("route"), "path", "unmatched")
    return f"{request.method} {template}"


__all__ = ["InvalidResource", "error_response", "install_error_handlers", "is_fhir", "route_name"]
