"""Reads what an application asks of /auth/authorize. Exact matches only; PKCE with S256 always."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from ehr_core.access.applications import Application
from ehr_core.access.authorization_codes import CHALLENGE, AuthorizationRequest
from ehr_core.access.clients import Client
from ehr_core.kernel.errors import BadRequest

SINGLE = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("aud", "launch"),
)
SINGLE_PKCE = ("code_challenge", "code_challenge_method")
LONGEST_ECHO = 2048
"""Characters of `state` and `nonce` that are carried along."""


class AskedWrongly(BadRequest):
    """Something is wrong with the request, but the application is known: it is told by redirect."""

    def __init__(self, redirect_uri: str, code: str, sentence: str, state: str | None):
        self.redirect_uri, self.code, self.state = redirect_uri, code, state
        super().__init__(sentence)


def read_request(
    query: QueryParams, find_client: Callable[[str], Client | None], *, fhir_base: str
) -> tuple[Client, AuthorizationRequest]:
    """The application and its request; an outside one has to name the FHIR server that it means (`aud`).

    Raises BadRequest while it is not certain whom to answer (unknown client or redirect address: never redirect
    there), AskedWrongly afterwards.
    """
    client = find_client(query.get("client_id", ""))
    if client is None or not client.redirect_uris or len(query.getlist("client_id")) != 1:
        raise BadRequest(
            "No application is registered under this client_id. Check the application's settings."
        )
    redirect_uri = query.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris or len(query.getlist("redirect_uri")) != 1:
        raise BadRequest(
            "The application asks to be answered at an address that is not registered for it. "
            "Check redirect_uri in its settings: it has to match exactly."
        )
    state = query.get("state")
    outside = isinstance(client, Application)
    wrong = (
        _what_is_wrong(query, outside=outside) or (outside and _wrong_for_outside(query, fhir_base)) or None
    )
    if wrong is not None:
        code, sentence = wrong
        raise AskedWrongly(redirect_uri, code, sentence, state if len(state or "") <= LONGEST_ECHO else None)
    return client, AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        code_challenge=query["code_challenge"],
        scope=" ".join(one for one in query["scope"].split() if outside or one in {"openid", "profile"}),
        state=state,
        nonce=query.get("nonce"),
        launch=query.get("launch") if outside else None,
    )


def _wrong_for_outside(query: QueryParams, fhir_base: str) -> tuple[str, str] | None:
    if query.get("aud", "").rstrip("/") != fhir_base:
        return "invalid_request", f"aud has to be the FHIR server that the application means: {fhir_base}."
    if "launch" in query["scope"].split() and not query.get("launch"):
        return (
            "invalid_request",
            "With the scope launch, send the launch parameter that you were opened with.",
        )
    if len(query["scope"]) > LONGEST_ECHO or len(query.get("launch", "")) > 100:
        return "invalid_request", "scope or launch is too long."
    return None


def _what_is_wrong(query: QueryParams, *, outside: bool) -> tuple[str, str] | None:
    """The OAuth error code and a sentence, or None."""
    repeated = [name for name in (*SINGLE, *SINGLE_PKCE) if len(query.getlist(name)) > 1]
    if repeated:
        return "invalid_request", f"{repeated[0]} is given more than once."
    if query.get("response_type") != "code":
        return "unsupported_response_type", "Only response_type=code is supported."
    if query.get("response_mode", "query") != "query":
        return "invalid_request", "Only response_mode=query is supported."
    if not query.get("scope", "").split() or not (outside or "openid" in query["scope"].split()):
        return "invalid_scope", "The scope is missing, or has to contain openid."
    if query.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(
        query.get("code_challenge", "")
    ):
        return "invalid_request", "PKCE is required: send a code_challenge with code_challenge_method=S256."
    if max(len(query.get("state", "")), len(query.get("nonce", ""))) > LONGEST_ECHO:
        return "invalid_request", f"state and nonce have at most {LONGEST_ECHO} characters."
    if query.get("prompt") == "none":
        return "login_required", "Somebody has to sign in."
    return None


def answer_address(redirect_uri: str, issuer: str, state: str | None, **answer: str) -> str:
    """The redirect address with the answer, the state as it came, and who answers (RFC 9207)."""
    fields = {**answer, "iss": issuer} | ({"state": state} if state is not None else {})
    joined = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{joined}{urlencode(fields)}"
