"""Refusals of the token endpoint, in the form that OAuth prescribes (RFC 6749, 5.2)."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from ehr_core.kernel.errors import BadRequest


class TokenRefused(BadRequest):
    """`code` is OAuth's word for the reason; the sentence is for the person who reads the log."""

    def __init__(self, code: str, sentence: str, *, status: int = 400):
        self.code, self.status = code, status
        super().__init__(sentence)


def install_refusals(app: FastAPI) -> None:
    app.add_exception_handler(TokenRefused, answer_refusal)


def answer_refusal(request: Request, error: TokenRefused) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="almoner"'} if error.status == 401 else None
    return JSONResponse(
        {"error": error.code, "error_description": error.message}, status_code=error.status, headers=headers
    )
