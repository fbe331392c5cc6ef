"""Outside applications: what they get is scope, person and policy together; and every known way around it is shut."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import text

from data_contracts.api.access import NewChartRule, NewProxy, RolePolicyInfo
from data_contracts.api.account import ChangeAccount
from ehr_core.access.app_grants import make_launch
from ehr_core.access.applications import NewApplication, register, set_closed
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.repository import Store
from tests.lib.api import running_api
from tests.lib.sign_in import answer_of
from tests.lib.smart_app import REDIRECT, REGISTRAR, SmartApp, jwks_of, key_pair

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LABORATORY = f"patient/Observation.rs?category={CATEGORY}|laboratory"
MRN = {"system": "urn:clinic", "value": "MRN-7"}


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            store = Store(work)
            for name in ("ana", "ben"):
                body = {"resourceType": "Patient", "name": [{"family": name.title()}]}
                store.create("Patient", body | ({"identifier": [MRN]} if name == "ana" else {}), id=name)
                for kind in ("laboratory", "vital-signs"):
                    store.create("Observation", observation(name, kind), id=f"{name}-{kind}")
            store.create("Organization", {"resourceType": "Organization", "name": "Clinic"}, id="clinic")
        yield running


def observation(patient: str, category: str, code: str = "2345-7") -> dict:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
    }


@pytest.fixture
def ana(api) -> str:
    return api.account("ana", "patient", patient_id="ana")


@pytest.fixture
def doctor(api) -> str:
    return api.account("chen", "clinician", practitioner_id="doc")


@pytest.fixture
def admin(api):
    return api.signed_in("root", "admin")


# What a good application gets


def test_a_patient_lets_an_application_in_to_their_own_record(api, ana):
    app = SmartApp(api)
    page = app.consent("ana")
    for words in ("Glucose Buddy", "Read everything in the chosen record", "Keep this access"):
        assert words in page.text
    tokens = app.redeem(answer_of(app.decide(page))["code"]).json()
    assert (tokens["patient"], tokens["token_type"]) == ("ana", "Bearer")
    assert app.ids(tokens["access_token"]) == {"ana-laboratory", "ana-vital-signs"}
    claims = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[1] + "=="))
    assert claims["fhirUser"].endswith("/fhir/Patient/ana")
    assert claims["aud"] == app.client_id


def test_a_proxy_is_asked_whose_record_by_name_and_a_patient_alone_is_asked_nothing(api, ana, admin):
    account = api.account("carer", "proxy")
    for patient in ("ana", "ben"):
        admin.access.give_proxy(
            NewProxy(account_id=account, patient_id=patient, relationship="caregiver", scope=["record"])
        )
    app = SmartApp(api)
    page = app.consent("carer")
    assert 'value="0">Ana, born not recorded' in page.text
    assert "ana" not in page.text.split("<select")[1].split("</select>")[0]
    assert 'value="">Choose' in page.text
    assert "Say whose record" in app.decide(page).text
    assert "You may not act for this person" in app.decide(app.consent("carer"), patient="cal").text
    tokens = app.redeem(answer_of(app.decide(app.consent("carer"), patient="1"))["code"]).json()
    assert tokens["patient"] == "ben"
    assert "<select" not in SmartApp(api).consent("ana").text


def test_a_clinician_opens_it_for_one_patient_by_record_number_and_sees_nobody_else(api, doctor):
    app = SmartApp(api)
    tokens = app.tokens_for("chen", "MRN-7")
    assert tokens["patient"] == "ana"
    assert app.ids(tokens["access_token"]) == {"ana-laboratory", "ana-vital-signs"}
    assert app.ids(tokens["access_token"], "/fhir/Patient") == {"ana"}
    assert app.get("/fhir/Observation/ben-laboratory", tokens["access_token"]).status_code == 404
    assert app.ids(tokens["access_token"], "/fhir/Organization") == {"clinic"}
    again = app.decide(app.consent("chen"), patient="MRN-of-nobody")
    assert "No single patient of yours" in again.text


def test_a_launch_from_the_chart_brings_its_patient_and_works_once_for_who_opened_it(api, doctor):
    app = SmartApp(api, scopes=("launch", "patient/Observation.rs"))
    api.account("lee", "clinician")

    def launched() -> str:
        with api.parts.identity.transaction() as connection:
            return make_launch(
                connection,
                client_id=app.client_id,
                account_id=doctor,
                patient_id="ben",
                encounter_id="visit",
                now=api.clock.now(),
            )

    launch = launched()
    assert "opened too long ago" in app.decide(app.consent("lee", launch=launch)).text
    tokens = app.tokens_for("chen", launch=launch)
    assert (tokens["patient"], tokens["encounter"], tokens["need_patient_banner"]) == ("ben", "visit", True)
    assert app.ids(tokens["access_token"]) == {"ben-laboratory", "ben-vital-signs"}
    assert "opened too long ago" in app.decide(app.consent("chen", launch=launch)).text
    stale = launched()
    api.clock.instant += timedelta(minutes=5)
    assert "opened too long ago" in app.decide(app.consent("chen", launch=stale)).text


def test_a_granular_scope_shows_its_category_alone(api, ana):
    app = SmartApp(api, scopes=("launch/patient", LABORATORY))
    token = app.tokens_for("ana")["access_token"]
    assert app.ids(token) == {"ana-laboratory"}
    assert app.get("/fhir/Observation/ana-vital-signs", token).status_code == 404
    assert app.get("/fhir/Patient/ana", token).status_code == 403
    assert app.ids(token, "/fhir/Observation?category=vital-signs") == set()


def test_a_compartment_is_the_one_it_was_opened_for_and_of_the_types_of_its_scopes(api, ana):
    with_patient = ("launch/patient", "patient/Patient.rs", "patient/Observation.rs")
    for scopes in (with_patient, ("launch/patient", "patient/Observation.rs")):
        token = SmartApp(api, scopes=scopes).tokens_for("ana")["access_token"]
        asked = SmartApp(api, scopes=scopes)
        assert asked.ids(token, "/fhir/Patient/ana/Observation") == {"ana-laboratory", "ana-vital-signs"}
        other, nobody = (asked.get(f"/fhir/Patient/{who}/Observation", token) for who in ("ben", "nobody"))
        assert (other.status_code, other.json()) == (nobody.status_code, nobody.json())
        assert other.status_code == 404
        assert asked.get("/fhir/Patient/ana/Condition", token).status_code == 403


def test_scope_person_and_policy_count_together(api, doctor, admin):
    with api.work() as work:
        Store(work).create("Observation", observation("ana", "laboratory", "56888-1"), id="ana-hiv")
    app = SmartApp(api, scopes=("user/Observation.rs",))
    token = app.tokens_for("chen")["access_token"]
    everything = {"ana-laboratory", "ana-vital-signs", "ana-hiv", "ben-laboratory", "ben-vital-signs"}
    assert app.ids(token) == everything
    admin.access.set_role(RolePolicyInfo(role="clinician", reach="all", labels=[]))
    assert app.ids(token) == everything - {"ana-hiv"}
    rule = {"effect": "deny", "subject_kind": "everyone", "asked_by": "patient", "reason": "x"}
    admin.access.make_rule(NewChartRule(patient_id="ana", **rule))
    assert app.ids(token) == {"ben-laboratory", "ben-vital-signs"}


def test_writing_needs_a_scope_for_it_and_stays_with_the_patient_and_category(api, doctor):
    vitals = f"patient/Observation.cu?category={CATEGORY}|vital-signs"
    app = SmartApp(api, scopes=("launch/patient", "patient/Observation.rs", "user/Condition.rs", vitals))
    token = app.tokens_for("chen", "MRN-7")["access_token"]

    def post(body: dict) -> int:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        return api.http().post(f"/fhir/{body['resourceType']}", json=body, headers=headers).status_code

    assert post(observation("ana", "vital-signs")) == 201
    assert post(observation("ana", "laboratory")) == 403
    assert post(observation("ben", "vital-signs")) == 403
    assert post({"resourceType": "Organization", "name": "Mine"}) == 403


def test_nothing_of_the_screens_and_accounts_is_open_to_an_application(api, doctor):
    token = SmartApp(api).tokens_for("chen", "MRN-7")["access_token"]
    app = SmartApp(api)
    for path in ("/api/me", "/api/sessions", "/api/patients/ana/summary", "/api/accounts", "/api/audit"):
        assert app.get(path, token).status_code == 403, path
    enrol = api.http().post(
        "/api/me/totp", json={"act": "enrol"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert enrol.status_code == 403


# Refreshing, taking back, ending


def test_a_refresh_token_works_once_and_its_second_use_ends_everything(api, ana):
    app = SmartApp(api)
    first = app.tokens_for("ana")
    second = app.refresh(first["refresh_token"]).json()
    assert app.ids(second["access_token"])
    assert app.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.get("/fhir/Observation", second["access_token"]).status_code == 401
    assert app.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_refresh_may_ask_for_less_and_never_for_more(api, ana):
    app = SmartApp(
        api, scopes=("launch/patient", "patient/Observation.rs", "patient/Patient.r", "offline_access")
    )
    tokens = app.tokens_for("ana", scope="launch/patient patient/Observation.rs offline_access")
    more = app.refresh(tokens["refresh_token"], scope="patient/Observation.rs patient/Patient.r")
    assert more.json()["error"] == "invalid_scope"
    as_it_was = app.refresh(tokens["refresh_token"]).json()
    assert as_it_was["scope"] == "launch/patient patient/Observation.rs offline_access"
    tokens = app.tokens_for("ana")
    less = app.refresh(tokens["refresh_token"], scope="patient/Patient.r").json()
    assert less["scope"] == "patient/Patient.r"
    assert app.get("/fhir/Observation", less["access_token"]).status_code == 403


def test_a_lasting_access_outlives_the_sitting_and_no_other_does(api, ana):
    lasting, passing = (
        SmartApp(api),
        SmartApp(api, scopes=("launch/patient", "patient/*.rs", "online_access")),
    )
    kept, gone = lasting.tokens_for("ana"), passing.tokens_for("ana")
    api.clock.instant += timedelta(hours=2)
    assert lasting.refresh(kept["refresh_token"]).status_code == 200
    assert passing.refresh(gone["refresh_token"]).json()["error"] == "invalid_grant"
    api.clock.instant += timedelta(days=90)
    assert lasting.refresh(kept["refresh_token"]).json()["error"] == "invalid_grant"


def test_what_the_application_takes_back_is_good_no_more(api, ana):
    app = SmartApp(api)
    tokens = app.tokens_for("ana")

    def revoke(token: str) -> int:
        return api.http().post("/auth/revoke", data={"client_id": app.client_id, "token": token}).status_code

    assert revoke(tokens["refresh_token"]) == 200
    assert app.get("/fhir/Observation", tokens["access_token"]).status_code == 401
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert revoke("never was one") == 200


@pytest.mark.parametrize("what", ["account closed", "role taken", "application closed", "session ended"])
def test_it_ends_at_once_when_its_ground_is_gone(api, doctor, admin, what):
    app = SmartApp(api, scopes=("user/Observation.rs", "offline_access"))
    tokens = app.tokens_for("chen")
    if what == "account closed":
        admin.account.change(doctor, ChangeAccount(disabled=True))
    elif what == "role taken":
        admin.account.change(doctor, ChangeAccount(roles=["analyst"]))
    elif what == "application closed":
        with api.work(REGISTRAR) as work:
            set_closed(work, app.client_id, True)
    else:
        for session in admin.account.sessions(account_id=doctor):
            admin.account.revoke_session(session.session_id)
    assert app.get("/fhir/Observation", tokens["access_token"]).status_code in (401, 403)
    if what != "role taken":
        assert app.refresh(tokens["refresh_token"]).status_code in (400, 401)


def test_introspection_tells_an_application_of_its_own_tokens_alone(api, ana):
    app, other = SmartApp(api), SmartApp(api)
    token = app.tokens_for("ana")["access_token"]

    def asked_by(one: SmartApp) -> dict:
        return api.http().post("/auth/introspect", data={"client_id": one.client_id, "token": token}).json()

    told = asked_by(app)
    assert (told["active"], told["patient"], told["client_id"]) == (True, "ana", app.client_id)
    assert asked_by(other) == {"active": False}
    api.clock.instant += timedelta(minutes=5)
    assert asked_by(app) == {"active": False}


# Attacks on the authorization request


@pytest.mark.parametrize(
    "redirect",
    [
        f"{REDIRECT}/../evil",
        f"{REDIRECT}x",
        f"{REDIRECT}?next=https://evil.example",
        "https://app.example.evil.example/callback",
        "https://app.example/callback#",
        "https://APP.example/callback",
        "http://app.example/callback",
        "https://evil.example@app.example/callback",
        "",
    ],
)
def test_a_redirect_address_that_only_begins_like_the_registered_one_is_never_followed(api, redirect):
    app = SmartApp(api)
    answer = app.browser.get("/auth/authorize", params=app.asked(redirect_uri=redirect))
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"aud": "https://evil.example/fhir"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
    ],
)
def test_what_is_wrong_with_the_request_is_told_by_redirect_and_nobody_is_asked(api, change, error):
    app = SmartApp(api)
    answer = answer_of(app.browser.get("/auth/authorize", params=app.asked(**change)))
    assert (answer["error"], answer["state"]) == (error, "state-of-the-app")


def test_more_than_what_is_registered_is_not_given(api, doctor):
    app = SmartApp(api, scopes=("launch/patient", "patient/Observation.rs"))
    tokens = app.tokens_for(
        "chen",
        "MRN-7",
        scope="launch/patient patient/Observation.cruds patient/*.rs user/*.cruds system/*.rs patient/Observation.rs",
    )
    assert tokens["scope"] == "launch/patient patient/Observation.rs"
    nothing = answer_of(app.decide(app.consent("chen", scope="user/*.cruds"), patient="MRN-7"))
    assert nothing["error"] == "invalid_scope"


def test_a_refusal_of_the_person_goes_back_as_one_and_gives_nothing(api, ana):
    app = SmartApp(api)
    assert answer_of(app.decide(app.consent("ana"), "refuse"))["error"] == "access_denied"


def test_the_consent_cannot_be_skipped_or_taken_in_another_browser(api, ana):
    app = SmartApp(api)
    page = app.browser.get("/auth/authorize", params=app.asked())
    assert "mixed up" in app.decide(page).text
    consent = app.consent("ana")
    thief = SmartApp(api)
    assert "another window" in thief.decide(consent).text


# Attacks on the code and the token endpoint


def test_a_replayed_code_gives_nothing_and_ends_what_it_gave(api, ana):
    app = SmartApp(api)
    code = app.code_for("ana")
    tokens = app.redeem(code).json()
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert app.get("/fhir/Observation", tokens["access_token"]).status_code == 401
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "another-verifier-that-is-long-enough-for-the-rule"},
        {"redirect_uri": f"{REDIRECT}/"},
    ],
)
def test_a_stolen_code_without_its_verifier_or_address_is_worth_nothing(api, ana, change):
    app = SmartApp(api)
    code = app.code_for("ana")
    assert app.redeem(code, **change).json()["error"] == "invalid_grant"
    assert app.redeem(code).json()["error"] == "invalid_grant", "and its owner gets no second try"


def test_a_code_without_a_verifier_at_all_is_refused(api, ana):
    app = SmartApp(api)
    assert app.redeem(app.code_for("ana"), code_verifier=None).json()["error"] == "invalid_request"


def test_another_applications_code_and_refresh_token_are_refused(api, ana):
    app, thief = SmartApp(api), SmartApp(api)
    code = app.code_for("ana")
    assert thief.redeem(code, code_verifier=app.verifier).json()["error"] == "invalid_grant"
    tokens = app.redeem(code).json()
    assert thief.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.refresh(tokens["refresh_token"]).status_code == 200, "a stranger's try does not use it up"


def test_an_application_gets_no_session_token_that_would_be_wider_than_its_scopes(api, doctor):
    app = SmartApp(api)
    tokens = app.tokens_for("chen", "MRN-7")
    sid = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[1] + "=="))["sid"]
    answer = api.http().post("/auth/session-token", data={"client_id": app.client_id, "sid": sid})
    assert answer.status_code == 401


# Applications with keys


def test_a_confidential_application_proves_itself_by_its_key(api, ana):
    app = SmartApp(api, kind="confidential")
    tokens = app.tokens_for("ana")
    assert app.ids(tokens["access_token"])
    assert app.refresh(tokens["refresh_token"]).status_code == 200


def test_a_backend_service_reads_what_it_is_registered_for_and_no_label_that_it_was_not_given(api, admin):
    with api.work() as work:
        Store(work).create("Observation", observation("ana", "laboratory", "56888-1"), id="ana-hiv")
    blind = SmartApp(api, kind="backend", scopes=("system/Observation.rs",))
    seeing = SmartApp(api, kind="backend", scopes=("system/Observation.rs",), more={"sees": ("HIV",)})
    tokens = [
        app.token(grant_type="client_credentials", scope="system/Observation.rs system/Patient.rs").json()
        for app in (blind, seeing)
    ]
    assert [one["scope"] for one in tokens] == ["system/Observation.rs"] * 2
    assert "ana-hiv" not in blind.ids(tokens[0]["access_token"])
    assert "ana-hiv" in seeing.ids(tokens[1]["access_token"])
    assert blind.get("/fhir/Patient", tokens[0]["access_token"]).status_code == 403
    assert blind.get("/fhir/$export", tokens[0]["access_token"]).status_code == 403
    api.clock.instant += timedelta(minutes=5)
    assert blind.get("/fhir/Observation", tokens[0]["access_token"]).status_code == 401


def exported(api, **more: object) -> tuple[dict[str, str], dict]:
    """What an application's export holds: each file's lines by type, and the manifest."""
    app = SmartApp(api, kind="backend", scopes=("system/*.rs",), more={"bulk": True} | more)
    told = app.token(grant_type="client_credentials", scope="system/*.rs").json()
    headers = {"Authorization": f"Bearer {told['access_token']}", "Prefer": "respond-async"}
    asked = api.http().get("/fhir/$export", headers=headers)
    assert asked.status_code == 202, asked.text
    while api.app.state.bulk_runner.run_one():
        pass
    manifest = api.http().get(asked.headers["content-location"], headers=headers).json()
    listed = [*manifest["output"], *manifest["error"]]
    return {one["type"]: api.http().get(one["url"], headers=headers).text for one in listed}, manifest


def test_an_export_leaves_out_what_is_held_back_and_says_so(api, admin):
    with api.work() as work:
        Store(work).create("Observation", observation("ana", "laboratory", "56888-1"), id="ana-hiv")
    blind, _ = exported(api, sees=())
    seeing, _ = exported(api, sees=("HIV",))
    assert "ana-hiv" not in blind["Observation"]
    assert "ana-hiv" in seeing["Observation"]
    assert "keep from this application" in blind["OperationOutcome"]
    assert "ana-hiv" in exported(api, sees=("*",))[0]["Observation"]
    admin.access.make_rule(
        NewChartRule(
            patient_id="ana",
            effect="deny",
            subject_kind="everyone",
            asked_by="patient",
            reason="Asked for it",
        )
    )
    closed, _ = exported(api, sees=("*",))
    assert "Patient/ana" not in closed["Observation"]
    assert '"ana"' not in closed["Patient"]
    assert '"ben"' in closed["Patient"]


def test_an_export_of_an_application_that_is_closed_meanwhile_fails(api, admin):
    app = SmartApp(api, kind="backend", scopes=("system/*.rs",), more={"bulk": True, "sees": ("*",)})
    told = app.token(grant_type="client_credentials", scope="system/*.rs").json()
    headers = {"Authorization": f"Bearer {told['access_token']}", "Prefer": "respond-async"}
    asked = api.http().get("/fhir/$export", headers=headers)
    admin.apps.close(app.client_id)
    while api.app.state.bulk_runner.run_one():
        pass
    admin.apps.open_again(app.client_id)
    answer = api.http().get(asked.headers["content-location"], headers=headers)
    assert answer.status_code == 500
    assert "may not export any more" in answer.text


def test_a_public_application_refreshes_without_its_name_and_a_confidential_one_never(api, ana):
    public = SmartApp(api)
    lasting = public.tokens_for("ana")["refresh_token"]
    answer = public.token(client_id=None, grant_type="refresh_token", refresh_token=lasting)
    assert answer.status_code == 200, answer.text
    again = public.token(client_id=None, grant_type="refresh_token", refresh_token=lasting)
    assert again.status_code == 400, "used twice"
    newer = answer.json()["refresh_token"]
    assert public.refresh(newer).status_code == 400, "and that ended the grant"

    confidential = SmartApp(api, kind="confidential")
    lasting = confidential.tokens_for("ana")["refresh_token"]
    bare = api.http().post("/auth/token", data={"grant_type": "refresh_token", "refresh_token": lasting})
    assert bare.status_code == 401


def test_an_export_holds_the_types_of_the_scopes_and_no_other(api):
    narrowed = (
        "system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    )

    def asks(path: str, *scopes: str) -> int:
        app = SmartApp(api, kind="backend", scopes=scopes, more={"bulk": True, "sees": ("*",)})
        told = app.token(grant_type="client_credentials", scope=" ".join(scopes)).json()
        headers = {"Authorization": f"Bearer {told['access_token']}", "Prefer": "respond-async"}
        return api.http().get(path, headers=headers).status_code

    assert asks("/fhir/$export?_type=Patient", "system/Patient.rs", "system/Group.rs") == 202
    assert asks("/fhir/$export?_type=Observation", "system/Patient.rs") == 403
    assert asks("/fhir/$export?_type=Observation", "system/Patient.rs", narrowed) == 403
    assert asks("/fhir/$export", narrowed) == 403
    assert asks("/fhir/Patient/$export", "system/Condition.read") == 202, "what is in its scopes, unasked"
    with api.work() as work:
        asked = work.connection.execute(
            text("SELECT resource_types FROM bulk.job ORDER BY created_at")
        ).scalars()
    assert list(asked)[-1] == ["Condition"]


def test_assertions_that_are_forged_borrowed_stale_or_replayed_are_refused(api):
    app = SmartApp(api, kind="backend", scopes=("system/Observation.rs",))
    other = SmartApp(api, kind="backend", scopes=("system/Observation.rs",))
    now = int(api.clock.now().timestamp())
    public = json.dumps(app.key.as_dict(private=False))
    unsigned = ".".join(
        base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode()
        for part in (
            json.dumps({"alg": "none"}),
            json.dumps({"iss": app.client_id, "sub": app.client_id}),
            "",
        )
    )
    good_claims = {"iss": app.client_id, "sub": app.client_id, "aud": f"{api.base_url}/auth/token"}
    confused = jwt.encode(
        {"alg": "HS256", "kid": app.key.kid},
        good_claims | {"exp": now + 60, "jti": "x"},
        OctKey.import_key(public),
        algorithms=["HS256"],
    )
    used = app.assertion(jti="once")
    attempts = {
        "alg none": unsigned,
        "public key taken for a shared one": confused,
        "another's key": app.assertion(key=other.key),
        "another's name": app.assertion(iss=other.client_id),
        "for somebody else": app.assertion(aud="https://elsewhere.example/token"),
        "expired": app.assertion(exp=now),
        "living too long": app.assertion(exp=now + 3600),
        "without an end": app.assertion(exp=None),
        "without an id": app.assertion(jti=None),
        "no assertion": "…",
    }
    for what, assertion in attempts.items():
        assert ask(app, assertion).json()["error"] == "invalid_client", what
    assert ask(app, used).status_code == 200
    assert ask(app, used).json()["error"] == "invalid_client", "replayed"
    assert ask(app, None).json()["error"] == "invalid_client", "a key cannot be left out"


def ask(app: SmartApp, assertion: str | None):
    form = {"grant_type": "client_credentials", "scope": "system/Observation.rs", "client_id": app.client_id}
    if assertion is not None:
        form |= app.assertion_form() | {"client_assertion": assertion}
    return app.api.http().post("/auth/token", data=form)


# Registering


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"redirect_uris": ("https://app.example/*",)}, "redirect_uris"),
        ({"redirect_uris": ("http://app.example/cb",)}, "redirect_uris"),
        ({"redirect_uris": ("https://a@b.example/cb",)}, "redirect_uris"),
        ({"redirect_uris": ("javascript:alert(1)",)}, "redirect_uris"),
        ({"redirect_uris": ("https://app.example/cb#part",)}, "redirect_uris"),
        ({"redirect_uris": ()}, "redirect_uris"),
        ({"scopes": ("patient/Observation.sr",)}, "scopes"),
        ({"scopes": ("system/*.rs",)}, "scopes"),
        ({"scopes": ("patient/Observation.rs?code=1",)}, "scopes"),
        ({"scopes": ()}, "scopes"),
        ({"jwks": '{"keys": []}', "kind": "confidential"}, "jwks"),
        ({"jwks": '{"keys": [{"kty": "oct", "k": "AAAA"}]}', "kind": "confidential"}, "jwks"),
        ({"jwks": None, "kind": "confidential"}, "jwks"),
        ({"jwks": jwks_of(key_pair())}, "jwks"),
        ({"name": " "}, "name"),
    ],
)
def test_an_application_that_could_be_abused_is_not_registered(api, change, field):
    good = {"name": "App", "kind": "public", "redirect_uris": (REDIRECT,), "scopes": ("patient/*.rs",)}
    with api.work(REGISTRAR) as work, pytest.raises(BadRequest, match=f"^{field}:"):
        register(work, NewApplication(**(good | change)))


def test_a_private_key_is_not_taken(api):
    private = json.dumps({"keys": [key_pair().as_dict(private=True)]})
    with api.work(REGISTRAR) as work, pytest.raises(BadRequest, match=r"^jwks:"):
        register(work, NewApplication("App", "backend", scopes=("system/*.rs",), jwks=private))


# Discovery and other origins


def test_the_discovery_document_tells_where_everything_is_and_no_weak_way(api):
    for path in ("/fhir/.well-known/smart-configuration", "/.well-known/smart-configuration"):
        told = api.http().get(path).json()
        assert told["code_challenge_methods_supported"] == ["S256"]
        assert told["token_endpoint"] == f"{api.base_url}/auth/token"
        assert {"launch-ehr", "launch-standalone", "permission-v2"} <= set(told["capabilities"])
        assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "none"]


def test_behind_a_proxy_everything_names_the_public_address(database, tmp_path):
    with running_api(database, tmp_path, public_api_url="https://ehr.example.org/") as behind:
        told = behind.http().get("/fhir/.well-known/smart-configuration").json()
        assert told["issuer"] == "https://ehr.example.org"
        assert told["token_endpoint"] == "https://ehr.example.org/auth/token"


def test_pages_of_other_origins_may_call_fhir_and_the_token_endpoint_and_no_sign_in_page(api):
    origin = {"Origin": "https://app.example"}
    for path in ("/fhir/metadata", "/auth/jwks", "/.well-known/smart-configuration"):
        assert api.http().get(path, headers=origin).headers["access-control-allow-origin"] == "*"
    preflight = api.http().options("/fhir/Observation", headers=origin)
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    for path in ("/auth/authorize", "/api/me", "/health"):
        answer = api.http().get(path, headers=origin)
        assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-credentials" not in preflight.headers
