"""Outside applications: registered, opened from a chart, and put out again by whoever let them in."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter

from data_contracts.api.apps import (
    AllLetIn,
    App,
    AppMade,
    AppOpened,
    Apps,
    FetchedKeys,
    LetIn,
    NewApp,
    NewKeys,
    OpenApp,
)
from ehr_core.access.app_grants import find_grant, grants_of_account, make_launch, revoke_grant
from ehr_core.access.application_keys import KeysState, states_of_keys
from ehr_core.access.applications import (
    Application,
    NewApplication,
    applications,
    change_keys,
    find_application,
    register,
    set_closed,
)
from ehr_core.access.scopes import sentence
from ehr_core.access.sessions import find_session
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.api.smart.application_keys import check_keys_address
from ehr_core.kernel.errors import NotFound
from ehr_core.store.repository import Store

router = APIRouter(prefix="/api", tags=["apps"])

NO_SUCH_APP = "No application of this kind is registered. Ask an administrator."


@router.get("/apps")
def list_apps(work: Work) -> Apps:
    """Every registered application, closed ones too; for administrators."""
    work.actor.require("access.manage")
    states = states_of_keys(work.connection)
    return Apps(apps=[_app(one, states.get(one.client_id)) for one in applications(work.connection)])


@router.post("/apps", status_code=201)
def register_app(asked: NewApp, parts: ProcessParts, work: Work) -> AppMade:
    check_keys_address(asked.jwks_uri, parts.settings)
    return AppMade(client_id=register(work, NewApplication(**asked.model_dump())))


@router.put("/apps/{client_id}/keys", status_code=204)
def change_app_keys(client_id: str, asked: NewKeys, parts: ProcessParts, work: Work) -> None:
    """The keys of before open nothing from then on."""
    check_keys_address(asked.jwks_uri, parts.settings)
    change_keys(work, client_id, jwks=asked.jwks, jwks_uri=asked.jwks_uri)


@router.post("/apps/{client_id}/close", status_code=204)
def close_app(client_id: str, work: Work) -> None:
    """Its tokens stop working at their next use."""
    set_closed(work, client_id, True)


@router.post("/apps/{client_id}/open", status_code=204)
def open_app_again(client_id: str, work: Work) -> None:
    set_closed(work, client_id, False)


@router.get("/chart-apps")
def chart_apps(work: Work) -> Apps:
    """The applications that can be opened from a chart."""
    work.actor.require("chart.read")
    return Apps(apps=[_app(one) for one in applications(work.connection) if _opens_from_chart(one)])


@router.post("/chart-apps/{client_id}/launch", status_code=201)
def launch(client_id: str, asked: OpenApp, parts: ProcessParts, work: Work) -> AppOpened:
    """The address that opens it for this patient; the application still asks the person to sign in and to allow it."""
    work.actor.require("chart.read")
    found = find_application(work.connection, client_id)
    if found is None or not _opens_from_chart(found):
        raise NotFound(NO_SUCH_APP)
    Store(work).read("Patient", asked.patient_id)
    if asked.encounter_id is not None:
        _require_visit_of(work, asked.encounter_id, asked.patient_id)
    made = make_launch(
        work.connection,
        client_id=client_id,
        account_id=work.actor.actor_id,
        patient_id=asked.patient_id,
        encounter_id=asked.encounter_id,
        now=work.now(),
    )
    work.audit("application_opened_from_chart", patient_id=asked.patient_id, detail={"client": client_id})
    query = urlencode({"iss": f"{parts.identity.issuer}/fhir", "launch": made})
    joined = "&" if "?" in (found.launch_uri or "") else "?"
    return AppOpened(address=f"{found.launch_uri}{joined}{query}")


@router.get("/me/apps")
def my_apps(work: Work) -> AllLetIn:
    """The applications that I have let in and that still are."""
    rows = grants_of_account(work.connection, work.actor.actor_id, work.now())
    return AllLetIn(
        apps=[
            LetIn(
                grant_id=row.id,
                name=row.name,
                may=[sentence(scope) for scope in row.scopes],
                patient_id=row.patient_id,
                since=row.created_at,
                until=row.ends_at,
            )
            for row in rows
        ]
    )


@router.post("/me/apps/{grant_id}/end", status_code=204)
def put_app_out(grant_id: str, work: Work) -> None:
    """Takes away what I allowed; the application's tokens stop working at their next use."""
    grant = find_grant(work.connection, grant_id)
    session = find_session(work.connection, grant.sid) if grant and grant.sid else None
    if session is None or session.account_id != work.actor.actor_id:
        raise NotFound("There is no such application among those that you let in.")
    revoke_grant(work.connection, grant_id, why="put_out", now=work.now())
    work.audit("application_put_out", patient_id=grant.patient_id, detail={"client": grant.client_id})


def _require_visit_of(work: UnitOfWork, encounter_id: str, patient_id: str) -> None:
    """An application is not told of somebody else's visit as if it were this patient's. Raises NotFound."""
    if Store(work).read("Encounter", encounter_id).patient_id != patient_id:
        raise NotFound("This patient has no such visit.")


def _opens_from_chart(one: Application) -> bool:
    return bool(one.launch_uri) and "staff" in one.audience and not one.disabled and "launch" in one.scopes


def _app(one: Application, state: KeysState | None = None) -> App:
    return App(
        client_id=one.client_id,
        name=one.name,
        kind=one.kind,
        redirect_uris=list(one.redirect_uris),
        launch_uri=one.launch_uri,
        scopes=list(one.scopes),
        audience=list(one.audience),
        closed=one.disabled,
        jwks_uri=one.jwks_uri,
        fetched_keys=FetchedKeys(
            fetched_at=state.fetched_at, good_until=state.good_until, failure=state.failure
        )
        if state
        else None,
    )
