"""What a certifier's test kit asks of SMART App Launch, and what an application learns of a person and no more."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import text

from ehr_core.access.application_id_token import ApplicationTokenSigner
from ehr_core.access.applications import NewApplication, register
from ehr_core.access.proxies import give_proxy
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.store.repository import Store
from tests.lib.api import running_api
from tests.lib.sign_in import answer_of
from tests.lib.smart_app import REGISTRAR, SmartApp, jwks_of

EVERYTHING = ("launch/patient", "patient/*.rs", "offline_access", "openid", "fhirUser", "profile")


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            for id, family, given, born in (
                ("ana", "Ashby", "Robin", "1990-03-05"),
                ("ben", "Reyes", "Lou", "2001"),
            ):
                named = {"name": [{"family": family, "given": [given]}], "birthDate": born}
                Store(work).create("Patient", {"resourceType": "Patient"} | named, id=id)
            visit = {
                "resourceType": "Encounter",
                "status": "in-progress",
                "subject": {"reference": "Patient/ben"},
            }
            Store(work).create("Encounter", visit | {"class": {"code": "AMB"}}, id="visit-of-ben")
        yield running


@pytest.fixture
def ana(api) -> str:
    return api.account("ana", "patient", patient_id="ana")


def claims_of(api, id_token: str) -> dict:
    keys = KeySet.import_key_set(api.http().get("/auth/jwks").json())
    return dict(jwt.decode(id_token, keys, algorithms=["RS256"]).claims)


# ID tokens


def test_the_id_token_is_signed_with_the_algorithm_that_smart_asks_for_by_a_published_key(api, ana):
    before = api.http().get("/auth/jwks").json()["keys"]
    app = SmartApp(api, scopes=EVERYTHING)
    claims = claims_of(api, app.tokens_for("ana", nonce="n-1")["id_token"])
    assert (claims["sub"], claims["aud"], claims["nonce"]) == (ana, app.client_id, "n-1")
    assert claims["fhirUser"] == f"{api.base_url}/fhir/Patient/ana"
    told = api.http().get("/.well-known/openid-configuration").json()
    assert told["issuer"] == claims["iss"]
    assert told["id_token_signing_alg_values_supported"] == ["RS256", "ES256"]
    assert api.http().get("/auth/jwks").json()["keys"] == before
    assert not any(part in key for key in before for part in "dpq")
    assert {(key["kty"], key["alg"], key["use"]) for key in before} == {
        ("RSA", "RS256", "sig"),
        ("EC", "ES256", "sig"),
    }


def test_the_key_is_replaced_by_itself_and_the_last_one_stays_published_for_a_day(api, ana):
    app = SmartApp(api)
    token = app.tokens_for("ana")["id_token"]
    (first,) = kids(api)
    api.clock.instant += timedelta(days=90)
    assert len(kids(api)) == 2
    assert kids(api)[1] == first
    assert claims_of(api, token)["sub"] == ana
    api.clock.instant += timedelta(days=1)
    assert first not in kids(api)
    assert claims_of(api, app.tokens_for("ana")["id_token"])["sub"] == ana


def test_all_processes_share_the_key_and_one_with_another_secret_makes_its_own(api):
    identity, now = api.parts.identity, api.clock.now()
    with identity.transaction() as connection:
        token = identity.application_signer.sign(connection, {"sub": "s"}, now)
        other = ApplicationTokenSigner(identity.signing_secret)
        assert other.read(connection, token, now) == {"sub": "s"}
        with pytest.raises(BadRequest):
            ApplicationTokenSigner("another secret").read(connection, token, now)
        sealed = connection.execute(text("SELECT sealed FROM access.id_token_key")).scalar_one()
        assert b"PRIVATE" not in bytes(sealed)


def test_an_application_signs_its_person_out_with_its_id_token(api, ana):
    app = SmartApp(api)
    tokens = app.tokens_for("ana")
    assert api.http().get("/auth/logout", params={"id_token_hint": tokens["id_token"]}).status_code == 200
    assert app.get("/fhir/Patient/ana", tokens["access_token"]).status_code == 401


def kids(api) -> list[str]:
    return [key["kid"] for key in api.http().get("/auth/jwks").json()["keys"] if key["kty"] == "RSA"]


# What an application learns of the person


@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        (("openid",), {"sub"}),
        (("openid", "fhirUser"), {"sub", "fhirUser"}),
        (("openid", "profile"), {"sub", "name", "preferred_username", "roles"}),
    ],
)
def test_an_id_token_and_userinfo_tell_what_the_scopes_name(api, ana, scopes, told):
    app = SmartApp(api, scopes=("launch/patient", "patient/*.rs", *scopes))
    tokens = app.tokens_for("ana")
    of_the_person = {"sub", "fhirUser", "name", "preferred_username", "roles"}
    assert claims_of(api, tokens["id_token"]).keys() & of_the_person == told
    assert app.get("/auth/userinfo", tokens["access_token"]).json().keys() == told


def test_without_openid_nobody_is_named_anywhere(api, ana):
    app = SmartApp(api, scopes=("launch/patient", "patient/*.rs"))
    tokens = app.tokens_for("ana")
    assert "id_token" not in tokens
    assert app.get("/auth/userinfo", tokens["access_token"]).status_code == 403
    form = {"client_id": app.client_id, "token": tokens["access_token"]}
    assert not api.http().post("/auth/introspect", data=form).json().keys() & {"sub", "fhirUser"}


def test_somebody_who_is_not_in_the_directory_has_no_fhir_user_and_no_empty_one(api):
    api.account("nina", "clinician")
    app = SmartApp(api, scopes=("user/Patient.rs", "openid", "fhirUser"))
    assert "fhirUser" not in claims_of(api, app.tokens_for("nina")["id_token"])


def test_userinfo_ends_with_what_was_allowed_and_lasts_as_long(api, ana):
    app = SmartApp(api)
    tokens = app.tokens_for("ana")
    api.clock.instant += timedelta(hours=2)
    again = app.refresh(tokens["refresh_token"]).json()
    assert app.get("/auth/userinfo", again["access_token"]).status_code == 200
    revoked = {"client_id": app.client_id, "token": again["refresh_token"]}
    assert api.http().post("/auth/revoke", data=revoked).status_code == 200
    assert app.get("/auth/userinfo", again["access_token"]).status_code == 401


# Answers in OAuth's words


def test_a_form_that_cannot_be_read_is_told_in_oauths_words_to_pages_of_other_origins_too(api, ana):
    app = SmartApp(api)
    origin = {"Origin": "https://app.example"}
    for path, form in (
        ("/auth/token", {"grant_type": "authorization_code", "code": "x" * 3000}),
        ("/auth/introspect", {}),
        ("/auth/revoke", {}),
    ):
        answer = api.http().post(path, data={"client_id": app.client_id} | form, headers=origin)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert answer.headers["access-control-allow-origin"] == "*"
    refused = api.http().get("/fhir/Patient/ana", headers=origin)
    assert "www-authenticate" in refused.headers
    assert {"WWW-Authenticate", "Retry-After"} <= set(
        refused.headers["access-control-expose-headers"].split(", ")
    )


def test_tokens_are_kept_by_no_cache(api, ana):
    app = SmartApp(api)
    answer = app.redeem(app.code_for("ana"))
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")


def test_the_capability_statement_tells_what_the_discovery_document_tells(api):
    security = api.http().get("/fhir/metadata").json()["rest"][0]["security"]
    discovery = api.http().get("/fhir/.well-known/smart-configuration").json()
    addresses = {each["url"]: each["valueUri"] for each in security["extension"][0]["extension"]}
    assert security["cors"] is True
    assert {service["coding"][0]["code"] for service in security["service"]} == {"OAuth", "SMART-on-FHIR"}
    assert addresses["authorize"] == discovery["authorization_endpoint"]
    assert addresses["token"] == discovery["token_endpoint"]
    assert addresses["revoke"] == discovery["revocation_endpoint"]
    assert addresses["introspect"] == discovery["introspection_endpoint"]


# Registration and launch


def test_the_browser_may_be_sent_to_a_native_application(api, ana):
    native = "com.example.app:/callback"
    app = SmartApp(api)
    with api.parts.identity.transaction() as connection:
        connection.execute(text("UPDATE access.application SET redirect_uris = ARRAY[:uri]"), {"uri": native})
    page = app.consent("ana", redirect_uri=native)
    targets = page.headers["content-security-policy"].partition("form-action ")[2].split()
    assert targets == ["'self'", "com.example.app:"]
    assert app.decide(page).headers["location"].startswith(f"{native}?code=")


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_short_rsa_key_is_not_taken(api):
    short = jwks_of(RSAKey.generate_key(1024, {"use": "sig", "kid": "k"}))
    wanted = NewApplication(name="Short", kind="backend", scopes=("system/Patient.rs",), jwks=short)
    with api.work(REGISTRAR) as work, pytest.raises(BadRequest, match="2,048"):
        register(work, wanted)


def test_an_assertion_is_not_good_before_its_time(api):
    app = SmartApp(api, kind="backend", scopes=("system/Patient.rs",))
    now = int(api.clock.now().timestamp())
    for begins, status in ((now + 120, 401), (True, 401), ("now", 401), (now - 5, 200)):
        proof = app.assertion_form(nbf=begins)
        answer = api.http().post(
            "/auth/token", data=proof | {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
        )
        assert answer.status_code == status, begins


def test_an_application_is_not_opened_with_another_patients_visit(api):
    doctor = api.signed_in("chen", "clinician", practitioner_id="doc")
    more = {"launch_uri": "https://app.example/launch"}
    app = SmartApp(api, scopes=("launch", "patient/*.rs"), more=more)
    for visit in ("visit-of-ben", "no-such-visit"):
        with pytest.raises(NotFound):
            doctor.apps.launch(app.client_id, "ana", visit)
    assert doctor.apps.launch(app.client_id, "ben", "visit-of-ben")


def test_a_visit_is_not_said_to_be_given_where_none_is_open(api, ana):
    app = SmartApp(api, scopes=("launch/patient", "launch/encounter", "patient/*.rs"))
    page = app.consent("ana")
    assert "which visit is open" not in page.text
    tokens = app.redeem(answer_of(app.decide(page))["code"]).json()
    assert tokens["scope"] == "launch/patient patient/*.rs"


def acts_for(api, *patients: str, **more) -> str:
    account = api.account("parent", "proxy")
    with api.work(REGISTRAR) as work:
        for patient in patients:
            values = {"relationship": "caregiver", "scope": ["record"]} | more
            give_proxy(work, account_id=account, patient_id=patient, **values)
    return account


def test_a_proxy_of_two_chooses_whose_record_it_is_by_name_and_sees_no_id(api):
    parent = acts_for(api, "ana", "ben")
    app = SmartApp(api)
    page = app.decide(app.consent("parent"))
    assert "Say whose record" in page.text
    assert '<label for="patient">Whose record</label>' in page.text
    options = re.findall(r'<option value="([^"]*)">([^<]+)</option>', page.text)
    assert options == [
        ("", "Choose"),
        ("0", "Lou Reyes, born 2001 (month not recorded)"),
        ("1", "Robin Ashby, born 05-Mar-1990"),
    ]
    for wrong in ("ana", "2", "-1", "٠"):
        page = app.decide(page, patient=wrong)
        assert "You may not act for this person" in page.text
    answer = app.redeem(answer_of(app.decide(page, patient="0"))["code"]).json()
    assert answer["patient"] == "ben"
    assert app.get("/fhir/Patient/ana", answer["access_token"]).status_code == 404
    with api.work() as work:
        read = work.connection.execute(
            text(
                "SELECT DISTINCT actor_id, patient_ids FROM audit.event WHERE act = 'records_to_act_for_listed'"
            )
        ).all()
    assert [tuple(row) for row in read] == [(parent, ["ana", "ben"])]


def test_whom_a_proxy_acts_for_without_the_record_or_no_more_is_no_choice(api):
    until = api.clock.now() + timedelta(minutes=5)
    parent = acts_for(api, "ana", ends_at=until)
    with api.work(REGISTRAR) as work:
        give_proxy(
            work, account_id=parent, patient_id="ben", relationship="caregiver", scope=["appointments"]
        )
    app = SmartApp(api)
    page = app.consent("parent")
    assert "Robin Ashby" in page.text
    assert "Reyes" not in page.text
    api.clock.instant = until
    late = app.decide(page)
    assert "You may not act for this person, or not any more." in late.text
    assert "You act for nobody whose record an application may read" in late.text


# Where I am signed in


def test_the_list_of_sessions_names_an_application_and_says_whether_it_still_acts(api, ana):
    app = SmartApp(api)
    app.tokens_for("ana")
    api.clock.instant += timedelta(days=2)

    def of_app():
        patient = api.client_of(api.session(ana, "portal"), "portal")
        (one,) = [each for each in patient.account.sessions() if each.application == "Glucose Buddy"]
        return patient, one

    patient, one = of_app()
    assert one.ended is None
    (let_in,) = patient.apps.let_in()
    patient.apps.put_out(let_in.grant_id)
    assert of_app()[1].ended == "revoked"


def test_a_refusal_at_the_consent_page_is_audited(api, ana):
    app = SmartApp(api)
    app.decide(app.consent("ana"), "refuse")
    with api.work() as work:
        row = work.connection.execute(
            text("SELECT act, outcome, resource_id FROM audit.event ORDER BY id DESC LIMIT 1")
        ).one()
    assert tuple(row) == ("application_allowed", "refused", ana)
