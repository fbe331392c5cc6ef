"""The outermost layer of the API: request ids, a size limit, security headers, the access log, the last-resort 500."""

from __future__ import annotations

import json
import re
import time
import traceback

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ehr_core.api.rate_limits import TooFast
from ehr_core.kernel.ids import new_id
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.slow_senders import has_body, paced

log = get_logger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024
"""The largest request that is read: a transaction bundle of one patient with documents fits many times over."""

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""


SHARED_PATHS = (
    *(
        "/fhir",
        "/.well-known/",
        "/auth/token",
        "/auth/revoke",
        "/auth/introspect",
        "/auth/jwks",
        "/auth/userinfo",
    ),
    "/cds-services",
)
"""What outside applications call from their own pages."""

EXPOSED = (
    "ETag, Location, Content-Location, Last-Modified, Retry-After, WWW-Authenticate, X-Progress, X-Request-Id"
)
"""What those pages may read of an answer: why they were refused, and when to come again."""


class RequestGuard:
    """Wraps the whole application as plain ASGI, so that streams stay streams."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started, status = time.perf_counter(), 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id, shared=is_shared(scope["path"]))
            await send(message)

        if scope["method"] == "OPTIONS" and is_shared(scope["path"]):
            await _send_preflight(send_guarded)
            return
        structlog.contextvars.bind_contextvars(request_id=request_id)
        limits, authorization = scope["app"].state.rate_limits, _header(scope, b"authorization")
        try:
            address = (scope.get("client") or ("unknown",))[0]
            limits.of_address(address, scope["path"], authorization)
            await self._app(scope, limited(scope, receive), send_guarded)
            limits.was_answered(authorization, status, known="actor" in scope.get("state", ()))
        except TooFast as error:
            await _send_429(send_guarded, scope, error)
        except Exception as error:
            _log_incident(scope, request_id, error)
            if status:
                raise AnswerCutShort(request_id) from None
            await _send_500(send_guarded, scope, request_id)
        finally:
            log.info(
                "request",
                method=scope["method"],
                route=getattr(scope.get("route"), "path", "unmatched"),
                status=status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )
            structlog.contextvars.unbind_contextvars("request_id")


class AnswerCutShort(RuntimeError):
    """The answer had begun when something failed: the connection is dropped. Carries the incident id only."""


def limited(scope: Scope, receive: Receive) -> Receive:
    """The request's body, refused as soon as it is or says that it is too large, or comes too slowly."""
    if not has_body(scope["headers"]):
        return receive
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    received = 0
    receive_paced = paced(receive)

    async def receive_limited() -> Message:
        nonlocal received
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            raise HTTPException(413)
        message = await receive_paced()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise HTTPException(413)
        return message

    return receive_limited


def _header(scope: Scope, name: bytes) -> str:
    return dict(scope["headers"]).get(name, b"").decode("latin-1")


def _request_id(scope: Scope) -> str:
    """The caller's own id when it is a plain one, else a new one."""
    given = _header(scope, b"x-request-id")
    return given if REQUEST_ID.fullmatch(given) else new_id()


def is_shared(path: str) -> bool:
    """Addresses that pages of other origins may call: none of them looks at a cookie, so no page borrows a sign-in."""
    return path.startswith(SHARED_PATHS)


def _add_headers(message: Message, request_id: str, *, shared: bool) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = request_id
    if shared:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = EXPOSED
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)


async def _send_preflight(send: Send) -> None:
    headers = [
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        (
            b"access-control-allow-headers",
            b"Authorization, Content-Type, Accept, If-Match, If-None-Match, If-None-Exist, Prefer, Idempotency-Key, "
            b"X-Request-Id",
        ),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _log_incident(scope: Scope, incident_id: str, error: Exception) -> None:
    """Class and places only: an exception's text may hold a resource or SQL parameters."""
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        "unexpected_error",
        incident_id=incident_id,
        method=scope["method"],
        route=getattr(scope.get("route"), "path", "unmatched"),
        error=f"{type(error).__module__}.{type(error).__qualname__}",
        places=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    )


async def _send_429(send: Send, scope: Scope, error: TooFast) -> None:
    """Before anything was asked of the application."""
    if scope["path"].startswith("/fhir"):
        issue = {"severity": "error", "code": error.fhir_issue_code, "diagnostics": error.message}
        media_type, body = "application/fhir+json", {"resourceType": "OperationOutcome", "issue": [issue]}
    else:
        media_type, body = "application/json", {"error": "TooMuch", "message": error.message, "issues": []}
    await _send_json(send, 429, media_type, body, [(b"retry-after", str(error.seconds).encode())])


async def _send_json(
    send: Send, status: int, media_type: str, body: dict, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    payload = json.dumps(body).encode()
    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(payload)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + (more or [])})
    await send({"type": "http.response.body", "body": payload})


async def _send_500(send: Send, scope: Scope, incident_id: str) -> None:
    sentence = f"Something went wrong on our side. Incident {incident_id} is in the log: name it when you report this."
    if scope["path"].startswith("/fhir"):
        issue = {"severity": "fatal", "code": "exception", "diagnostics": sentence}
        media_type, body = "application/fhir+json", {"resourceType": "OperationOutcome", "issue": [issue]}
    else:
        media_type = "application/json"
        body = {"error": "AlmonerError", "message": sentence, "issues": [], "incident": incident_id}
    await _send_json(send, 500, media_type, body)
