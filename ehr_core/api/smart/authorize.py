"""The sign-in pages: password, the code where there is a second factor, a new password where the old one was for a
single use, then back to the app."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from ehr_core.access.applications import Application
from ehr_core.access.clients import Client
from ehr_core.access.passkeys import new_challenge, request_options
from ehr_core.access.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH
from ehr_core.access.sign_in import SignIn
from ehr_core.api.dependencies import Parts, ProcessParts, caller_address
from ehr_core.api.smart.authorization_request import AskedWrongly, answer_address, read_request
from ehr_core.api.smart.consent import consent_page, decided
from ehr_core.api.smart.enrolment import begun, enrol_page, turned_on
from ehr_core.api.smart.pages import page
from ehr_core.api.smart.step_pages import step_page, ticket_seal
from ehr_core.api.smart.ticket import Step, Ticket, new_binding, read_ticket
from ehr_core.kernel.errors import AlmonerError, BadRequest, Forbidden, SignInRequired, TooMuch, Unavailable

router = APIRouter(tags=["sign-in"])

COOKIE = "almoner_sign_in"
Field = Annotated[str, Form(max_length=20_000)]


@router.get("/auth/authorize", response_model=None)
def sign_in_page(request: Request, parts: ProcessParts) -> Response:
    """Shows the sign-in page for an application's request, or says what is wrong with it."""
    try:
        client, asked = read_request(
            request.query_params, parts.identity.client, fhir_base=f"{parts.identity.issuer}/fhir"
        )
    except AskedWrongly as error:
        answer = {"error": error.code, "error_description": error.message}
        return RedirectResponse(
            answer_address(error.redirect_uri, parts.identity.issuer, error.state, **answer), status_code=303
        )
    except BadRequest as error:
        return message(parts, error)
    binding = request.cookies.get(COOKIE) or new_binding()
    response = password_page(parts, client, Ticket(asked), binding)
    response.set_cookie(
        COOKIE,
        binding,
        path="/auth/authorize",
        httponly=True,
        samesite="strict",
        secure=parts.identity.issuer.startswith("https:"),
    )
    return response


@router.post("/auth/authorize", response_model=None)
def password_step(
    request: Request, parts: ProcessParts, ticket: Field, username: Field = "", password: Field = ""
) -> Response:
    """Looks at the user name and password."""
    try:
        binding, stands = this_step(request, parts, ticket, "password")
    except BadRequest as error:
        return message(parts, error)
    client = known_client(parts, stands)
    sign_in, began = SignIn(parts.identity), parts.clock.now()
    try:
        admitted = sign_in.with_password(username, password, address=caller_address(request), client=client)
    except (SignInRequired, TooMuch, Forbidden) as error:
        return password_page(parts, client, stands, binding, error)
    stands = replace(
        stands,
        account_id=admitted.account_id,
        proved_at=began.timestamp(),
        needs_new_password=admitted.needs_new_password,
        needs_second_factor=admitted.needs_second_factor,
    )
    if admitted.needs_code:
        return code_page(parts, client, replace(stands, awaits="code"), binding)
    return after_proof(request, parts, client, sign_in, stands, binding)


@router.post("/auth/authorize/passkey", response_model=None)
def passkey_step(request: Request, parts: ProcessParts, ticket: Field, credential: Field = "") -> Response:
    """Looks at what a passkey signed: it stands for the password and the second factor together."""
    try:
        binding, stands = this_step(request, parts, ticket, "password")
        client = known_client(parts, stands)
    except BadRequest as error:
        return message(parts, error)
    sign_in, began = SignIn(parts.identity), parts.clock.now()
    try:
        admitted = sign_in.with_passkey(
            credential, stands.challenge or "", address=caller_address(request), client=client
        )
    except (SignInRequired, TooMuch, Forbidden) as error:
        return password_page(parts, client, stands, binding, error)
    stands = replace(
        stands,
        account_id=admitted.account_id,
        proved_at=began.timestamp(),
        needs_new_password=admitted.needs_new_password,
    )
    return after_proof(request, parts, client, sign_in, stands, binding)


@router.post("/auth/authorize/code", response_model=None)
def code_step(request: Request, parts: ProcessParts, ticket: Field, code: Field = "") -> Response:
    """Looks at the second factor."""
    try:
        binding, stands = this_step(request, parts, ticket, "code")
    except BadRequest as error:
        return message(parts, error)
    client = known_client(parts, stands)
    sign_in = SignIn(parts.identity)
    try:
        sign_in.with_code(stands.account_id, code, address=caller_address(request))
    except (SignInRequired, TooMuch) as error:
        return code_page(parts, client, stands, binding, error)
    return after_proof(request, parts, client, sign_in, stands, binding)


@router.post("/auth/authorize/new-password", response_model=None)
def new_password_step(
    request: Request, parts: ProcessParts, ticket: Field, password: Field = "", again: Field = ""
) -> Response:
    """Takes a password that only its owner knows, in place of the single-use one."""
    try:
        binding, stands = this_step(request, parts, ticket, "new_password")
    except BadRequest as error:
        return message(parts, error)
    client = known_client(parts, stands)
    sign_in = SignIn(parts.identity)
    try:
        if password != again:
            raise BadRequest("The two are not the same. Type the new password twice.")
        sign_in.replace_single_use_password(stands.account_id, password)
    except BadRequest as error:
        return _newpassword_page(parts, client, stands, binding, error)
    stands = replace(stands, needs_new_password=False, proved_at=parts.clock.now().timestamp())
    return after_proof(request, parts, client, sign_in, stands, binding)


@router.post("/auth/authorize/enrol", response_model=None)
def enrol_step(request: Request, parts: ProcessParts, ticket: Field, code: Field = "") -> Response:
    """Looks at the first code of a second factor that the role needs, and shows the recovery codes."""
    try:
        binding, stands = this_step(request, parts, ticket, "enrol")
        client = known_client(parts, stands)
    except BadRequest as error:
        return message(parts, error)
    try:
        codes = turned_on(parts, stands, code, address=caller_address(request))
    except (SignInRequired, TooMuch) as error:
        return enrol_page(parts, client, stands, binding, error)
    kept = replace(stands, awaits="kept", needs_second_factor=False, secret=None)
    return step_page(parts, client, kept, binding, "recovery_codes.html", None, codes=codes)


@router.post("/auth/authorize/kept", response_model=None)
def kept_step(request: Request, parts: ProcessParts, ticket: Field) -> Response:
    """The recovery codes have been seen: the sign-in goes on."""
    try:
        binding, stands = this_step(request, parts, ticket, "kept")
        client = known_client(parts, stands)
    except BadRequest as error:
        return message(parts, error)
    return _proved(request, parts, client, SignIn(parts.identity), stands, binding)


def after_proof(
    request: Request, parts: Parts, client: Client, sign_in: SignIn, stands: Ticket, binding: str
) -> Response:
    """Who it is has been proved; a single-use password is replaced before anything is opened."""
    if stands.needs_new_password:
        return _newpassword_page(parts, client, replace(stands, awaits="new_password"), binding)
    if stands.needs_second_factor:
        return enrol_page(parts, client, begun(parts, replace(stands, awaits="enrol")), binding)
    return _proved(request, parts, client, sign_in, stands, binding)


def _proved(
    request: Request, parts: Parts, client: Client, sign_in: SignIn, stands: Ticket, binding: str
) -> Response:
    """Our own apps are opened; an outside one is asked about first."""
    if isinstance(client, Application):
        return consent_page(parts, client, replace(stands, awaits="consent"), binding)
    return _back_to_app(request, parts, sign_in, stands)


def known_client(parts: Parts, stands: Ticket) -> Client:
    client = parts.identity.client(stands.request.client_id)
    if client is None:
        raise BadRequest("The application is not registered here any more.")
    return client


@router.post("/auth/authorize/consent", response_model=None)
def consent_step(
    request: Request,
    parts: ProcessParts,
    ticket: Field,
    decision: Field = "",
    patient: Field = "",
) -> Response:
    """Takes what the person says about the outside application."""
    try:
        binding, stands = this_step(request, parts, ticket, "consent")
        client = known_client(parts, stands)
        if not isinstance(client, Application):
            raise BadRequest("This application is not asked about.")
    except BadRequest as error:
        return message(parts, error)
    try:
        answer = decided(
            parts,
            client,
            stands,
            allowed=decision == "allow",
            patient=patient.strip(),
            address=caller_address(request),
        )
    except (BadRequest, Forbidden) as error:
        return consent_page(parts, client, stands, binding, error)
    response = RedirectResponse(answer, status_code=303)
    response.delete_cookie(COOKIE, path="/auth/authorize")
    return response


def _back_to_app(request: Request, parts: Parts, sign_in: SignIn, stands: Ticket) -> Response:
    """The session is open: the browser takes the code to the application."""
    asked = stands.request
    code = sign_in.open_session(stands.account_id, asked, address=caller_address(request))
    response = RedirectResponse(
        answer_address(asked.redirect_uri, parts.identity.issuer, asked.state, code=code), status_code=303
    )
    response.delete_cookie(COOKIE, path="/auth/authorize")
    return response


def password_page(
    parts: Parts, client: Client, ticket: Ticket, binding: str, error: AlmonerError | None = None
) -> Response:
    ticket = replace(ticket, challenge=new_challenge())
    return step_page(
        parts,
        client,
        ticket,
        binding,
        "sign_in.html",
        error,
        script="passkey.js",
        passkey=request_options(parts.identity.issuer, ticket.challenge or ""),
        app_name=client.name if isinstance(client, Application) else f"the {client.name.lower()}",
        send_on=_provider_origin(parts),
        outside=parts.identity.outside.name if parts.identity.outside.is_there else None,
        demo=parts.settings.environment == "demo",
    )


def _provider_origin(parts: Parts) -> tuple[str, ...]:
    """Browsers check a form's targets along its redirects; a provider that is away is none."""
    try:
        return (parts.identity.outside.origin,) if parts.identity.outside.is_there else ()
    except Unavailable:
        return ()


def code_page(
    parts: Parts, client: Client, ticket: Ticket, binding: str, error: AlmonerError | None = None
) -> Response:
    return step_page(parts, client, ticket, binding, "code.html", error)


def _newpassword_page(
    parts: Parts, client: Client, ticket: Ticket, binding: str, error: AlmonerError | None = None
) -> Response:
    return step_page(
        parts,
        client,
        ticket,
        binding,
        "new_password.html",
        error,
        shortest=MINIMUM_LENGTH,
        longest=MAXIMUM_LENGTH,
    )


def this_step(request: Request, parts: Parts, ticket: str, step: Step) -> tuple[str, Ticket]:
    """The browser's binding and where its sign-in stands; raises BadRequest unless this very step is awaited."""
    binding = request.cookies.get(COOKIE)
    stands = read_ticket(ticket_seal(parts), ticket, binding=binding, now=parts.clock.now())
    known_client(parts, stands)
    if stands.awaits != step:
        raise BadRequest(
            "The steps of this sign-in were mixed up. Go back to the application and start again."
        )
    if stands.account_id is not None:
        SignIn(parts.identity).require_unchanged(stands.account_id, stands.proved_at)
    return binding or "", stands


def message(parts: Parts, error: BadRequest) -> Response:
    """A page for a person, with ways back to the applications."""
    links = [
        {"address": parts.settings.staff_url, "words": "Go to the staff workspace"},
        {"address": parts.settings.portal_url, "words": "Go to the patient portal"},
    ]
    return page(
        "message.html",
        status=error.http_status,
        site_name=parts.settings.site_name,
        title="This sign-in cannot go on",
        sentence=error.message,
        links=links,
    )
