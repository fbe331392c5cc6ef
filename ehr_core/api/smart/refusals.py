"""Refusals of the token endpoint, in the form that OAuth prescribes (RFC 6749, 5.2)."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response

from ehr_core.api.errors import answer_validation_error
from ehr_core.kernel.errors import BadRequest


class TokenRefused(BadRequest):
    """`code` is OAuth's word for the reason; the sentence is for the person who reads the log."""

    def __init__(self, code: str, sentence: str, *, status: int = 400):
        self.code, self.status = code, status
        super().__init__(sentence)


OF_OAUTH = ("/auth/token", "/auth/revoke", "/auth/introspect", "/auth/session-token")


def install_refusals(app: FastAPI) -> None:
    app.add_exception_handler(TokenRefused, answer_refusal)
    app.add_exception_handler(RequestValidationError, answer_unreadable)


def answer_unreadable(request: Request, error: RequestValidationError) -> Response:
    """A form without what is needed, or with too much, in OAuth's words where OAuth is spoken."""
    if request.url.path not in OF_OAUTH:
        return answer_validation_error(request, error)
    fields = ", ".join(dict.fromkeys(str(problem["loc"][-1]) for problem in error.errors()))
    sentence = f"Missing, given wrongly or too long: {fields}. Send a form."
    return answer_refusal(request, TokenRefused("invalid_request", sentence))


def answer_refusal(request: Request, error: TokenRefused) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="almoner"'} if error.status == 401 else None
    return JSONResponse(
        {"error": error.code, "error_description": error.message}, status_code=error.status, headers=headers
    )
