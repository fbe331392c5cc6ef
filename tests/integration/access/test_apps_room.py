"""Registering apps, opening one from a chart, and putting one out again, as the screens do it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from dashboards.admin.apps import app_html
from data_contracts.api.apps import App, FetchedKeys, NewApp
from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from ehr_core.store.repository import Store
from tests.lib.api import running_api
from tests.lib.published_keys import KIND, PAUSE
from tests.lib.smart_app import REDIRECT, REGISTRAR, SmartApp, jwks_of, key_pair

LAUNCH = "https://app.example/launch?tenant=7"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            Store(work).create(
                "Patient", {"resourceType": "Patient", "name": [{"family": "Reyes"}]}, id="ana"
            )
        yield running


def test_an_administrator_registers_and_closes_and_nobody_else(api):
    admin, doctor = api.signed_in("root", "admin"), api.signed_in("chen", "clinician")
    new = NewApp(name="App", kind="public", redirect_uris=[REDIRECT], scopes=["patient/*.rs"])
    with pytest.raises(Forbidden):
        doctor.apps.register(new)
    with pytest.raises(BadRequest, match=r"^scopes:"):
        admin.apps.register(new.model_copy(update={"scopes": ["everything"]}))
    client_id = admin.apps.register(new)
    admin.apps.close(client_id)
    (app,) = admin.apps.all()
    assert (app.client_id, app.closed) == (client_id, True)
    admin.apps.open_again(client_id)
    assert not admin.apps.all()[0].closed
    with pytest.raises(NotFound):
        admin.apps.close("nobody")


def test_an_app_is_opened_from_a_chart_and_comes_back_with_its_patient(api):
    doctor = api.signed_in("chen", "clinician", practitioner_id="doc")
    app = SmartApp(api, scopes=("launch", "patient/Patient.r"), more={"launch_uri": LAUNCH})
    assert [one.client_id for one in doctor.apps.of_chart()] == [app.client_id]
    query = parse_qs(urlsplit(doctor.apps.launch(app.client_id, "ana")).query)
    assert query["iss"] == [f"{api.base_url}/fhir"]
    assert query["tenant"] == ["7"]
    tokens = app.tokens_for("chen", launch=query["launch"][0])
    assert tokens["patient"] == "ana"
    with pytest.raises(NotFound):
        doctor.apps.launch(app.client_id, "nobody")


def test_everybody_puts_out_what_they_let_in_and_nothing_of_others(api):
    ana = api.signed_in("ana", "patient", patient_id="ana")
    app = SmartApp(api)
    tokens = app.tokens_for("ana")
    (let_in,) = ana.apps.let_in()
    assert (let_in.name, let_in.patient_id) == ("Glucose Buddy", "ana")
    assert "Know whose record you choose" in let_in.may
    with pytest.raises(NotFound):
        api.signed_in("chen", "clinician").apps.put_out(let_in.grant_id)
    ana.apps.put_out(let_in.grant_id)
    assert ana.apps.let_in() == []
    assert app.get("/fhir/Patient/ana", tokens["access_token"]).status_code == 401


def test_the_screen_shows_an_app_without_believing_its_name():
    app = App(
        client_id="c",
        name="<script>alert(1)</script>",
        kind="public",
        redirect_uris=[REDIRECT],
        launch_uri=None,
        scopes=["patient/*.rs"],
        audience=["staff"],
        closed=True,
    )
    shown = app_html(app)
    assert "<script>" not in shown
    failed = FetchedKeys(fetched_at=None, good_until=None, failure="It answered <b>503</b>.")
    fetching = app.model_copy(update={"jwks_uri": "https://a.example/<i>", "fetched_keys": failed})
    assert "the last fetch failed: It answered &lt;b&gt;503" in app_html(fetching)
    assert "<i>" not in app_html(fetching)
    assert "<b>closed</b>" in shown


def test_an_address_that_could_be_abused_is_not_registered(api):
    good = {"name": "B", "kind": "backend", "scopes": ["system/Patient.rs"]}
    public = {"kind": "public", "scopes": ["patient/*.rs"], "redirect_uris": ["https://a.example/"]}
    admin = api.signed_in("root", "admin")
    for change, told in (
        ({"jwks_uri": None}, "jwks:"),
        ({"jwks": jwks_of(key_pair())}, "jwks:"),
        (public, "jwks:"),
        ({"jwks_uri": "http://app.example/jwks.json"}, "jwks_uri:.*https"),
        ({"jwks_uri": "http://127.0.0.1/jwks.json"}, "jwks_uri:.*https"),
        ({"jwks_uri": "https://10.0.0.5/jwks.json"}, "jwks_uri:.*private network"),
        ({"jwks_uri": "https://[::1]/"}, "jwks_uri:.*private network"),
        ({"jwks_uri": "https://u:p@app.example/"}, "jwks_uri:"),
        ({"jwks_uri": "https://app.example/#k"}, "jwks_uri:"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri:.*https"),
        ({"jwks_uri": ""}, "jwks_uri:"),
    ):
        asked = NewApp(**good | {"jwks_uri": "https://app.example/jwks.json"} | change)
        with pytest.raises(BadRequest, match=f"^{told}"):
            admin.apps.register(asked)


def test_a_name_that_leads_into_the_clinics_network_is_not_called(api):
    answers = iter([["10.0.0.5"], ["93.184.216.34", "127.0.0.1"]])
    api.app.state.application_keys.look = lambda host, port: next(answers)
    app = SmartApp(api, **KIND, jwks_uri="https://app.example/jwks.json")
    for _ in range(2):
        form = app.assertion_form() | {"grant_type": "client_credentials"}
        assert api.http().post("/auth/token", data=form).status_code == 401
        api.clock.instant += PAUSE
    with api.work(REGISTRAR) as work:
        told = work.connection.execute(text("SELECT failure FROM access.fetched_keys")).scalar_one()
    assert "private network" in told
    assert next(answers, None) is None, "both were asked for and judged"
