"""Nothing of a patient in logs, errors, addresses and messages; each shown to be found if it were there."""

from __future__ import annotations

import json
import re

import pytest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from dashboards.admin import accounts, alerts, audit, chart_access, disclosures
from data_contracts.api.access import ChartRule
from data_contracts.api.account import AccountInfo
from data_contracts.api.alerts import Alert
from data_contracts.api.audit import AuditEvent
from data_contracts.api.disclosures import Disclosed
from ehr_core.api import guard
from ehr_core.api.fhir import reading
from ehr_core.store.repository import Store
from tests.lib.api import MORNING, running_api
from tests.lib.weakened import assert_guarded

NAME, NUMBER = "Zwillingsberger", "987-65-4329"
SSN = "http://hl7.org/fhir/sid/us-ssn"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        body = {
            "resourceType": "Patient",
            "name": [{"family": NAME}],
            "identifier": [{"system": SSN, "value": NUMBER}],
        }
        with running.work() as work:
            Store(work).create("Patient", body, id="ana")
        yield running


@pytest.fixture
def nurse(api):
    token = api.signed_in("kim", "nurse").transport._token_source()
    return api.http(headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"})


def told(text: str) -> bool:
    return bool(re.search(f"{NAME}|{NUMBER}", text, re.I))


def use_everything(nurse) -> None:
    """Reads, searches, bad bodies, refusals, with the name and the number in each of them."""
    for path in (
        f"/fhir/Patient?name={NAME}", f"/fhir/Patient?identifier={NUMBER}", f"/fhir/Patient?unknown={NAME}",
        f"/fhir/{NAME}/1", f"/fhir/Patient?birthdate={NAME}", f"/fhir/Patient?_sort={NAME}",
        f"/api/patients/{NAME}/chart", f"/api/search?q={NAME}", "/api/accounts",
    ):  # fmt: skip
        nurse.get(path)
    for body in (
        f'{{"resourceType": "Patient", "name": "{NAME}"}}',
        f"{{{NAME}",
        f'{{"resourceType": "{NAME}"}}',
    ):
        nurse.post("/fhir/Patient", content=body)
        nurse.post("/api/patients", content=body, headers={"Content-Type": "application/json"})


def test_logs_hold_nothing_of_a_patient(api, nurse, capsys, monkeypatch):
    logged = guard.log.info

    def attack() -> bool:
        capsys.readouterr()
        use_everything(nurse)
        return told("".join(capsys.readouterr()))

    def address_too(patch) -> None:
        class Telling:
            info = staticmethod(lambda event, **fields: logged(event, **fields, query=f"name={NAME}"))

        patch.setattr(guard, "log", Telling)

    assert_guarded(attack, address_too)


def test_an_unexpected_error_tells_its_place_and_not_its_words(api, nurse, capsys):
    def attack() -> bool:
        def broken(self, *given):
            raise RuntimeError(f"could not read {NAME} {NUMBER}")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "read", broken)
            capsys.readouterr()
            answer = nurse.get("/fhir/Patient/ana")
            assert answer.status_code == 500
            return told(answer.text + "".join(capsys.readouterr()))

    def words_too(scope, incident_id, error):
        print(error)

    assert_guarded(attack, lambda patch: patch.setattr(guard, "_log_incident", words_too))


def test_error_answers_do_not_repeat_what_was_sent(api, nurse):
    def attack() -> bool:
        wrong = {"present": {"name": NAME}, "password": [NUMBER]}
        answers = [
            nurse.post("/api/me/password", json=wrong, headers={"Content-Type": "application/json"}),
            nurse.post("/fhir/Patient", content=json.dumps({"resourceType": "Patient", "birthDate": NAME})),
            nurse.post("/fhir/Patient", content=json.dumps({"resourceType": "Patient", "gender": NUMBER})),
            nurse.get(f"/fhir/Patient?birthdate={NUMBER}"),
        ]
        return any(told(answer.text) for answer in answers)

    def repeats(request, error):
        return JSONResponse({"detail": str(error.errors())}, status_code=422)

    def repeat_them(patch) -> None:
        """The handlers are read when the layers are built: built again here, and put back afterwards."""
        patch.setitem(api.app.exception_handlers, RequestValidationError, repeats)
        patch.setattr(api.app, "middleware_stack", api.app.build_middleware_stack())

    assert_guarded(attack, repeat_them)


def test_a_search_by_form_puts_its_words_into_no_address(api, nurse):
    def attack() -> bool:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = nurse.post("/fhir/Patient/_search", content=f"name={NAME}", headers=form)
        assert answer.json()["entry"]
        return any(told(one["url"]) for one in answer.json()["link"])

    search = reading.search_bundle
    assert_guarded(
        attack,
        lambda patch: patch.setattr(
            reading, "search_bundle", lambda *given, strict, in_body=False: search(*given, strict=strict)
        ),
    )


def test_the_audit_log_holds_names_of_parameters_and_no_values(api, nurse):
    use_everything(nurse)
    nurse.get(f"/fhir/Patient?identifier={NUMBER}&name={NAME}")
    with api.work() as work:
        rows = work.connection.exec_driver_sql("SELECT e::text FROM audit.event e").scalars()
        assert not any(told(row) for row in rows)


def screens() -> dict[str, str]:
    """What the house's own screens make of a script in every text."""
    alert = Alert(
        alert_id="1", rule=SCRIPT, about=SCRIPT, account_id="a", account_name=SCRIPT, address=SCRIPT,
        patient_ids=[SCRIPT], severity="look", acts=1, first_at=MORNING, last_at=MORNING, raised_at=MORNING,
        state="closed", acknowledged_by=SCRIPT, acknowledged_at=MORNING, closed_by=SCRIPT, closed_at=MORNING,
        outcome="explained", words=SCRIPT,
    )  # fmt: skip
    event = AuditEvent(
        event_id="1", at=MORNING, actor_id="a", actor_name=SCRIPT, actor_kind=SCRIPT, act=SCRIPT, sentence=SCRIPT,
        outcome=SCRIPT, resource_type=SCRIPT, resource_id=SCRIPT, patient_id=SCRIPT,
    )  # fmt: skip
    account = AccountInfo(
        account_id="1", username=SCRIPT, name=SCRIPT, roles=[SCRIPT], practitioner_id=None, patient_id=None,
        totp_enabled=False, disabled=True, created_at=MORNING,
    )  # fmt: skip
    rule = ChartRule(
        rule_id="1", effect=SCRIPT, subject_kind="account", subject="x", subject_name=SCRIPT, label=SCRIPT,
        asked_by=SCRIPT, reason=SCRIPT, even_in_emergency=False, starts_at=MORNING, ends_at=None,
    )  # fmt: skip
    given = Disclosed(
        day=MORNING.date(), recipient=SCRIPT, recipient_address=SCRIPT, what=SCRIPT, purpose=SCRIPT, basis=SCRIPT,
        by_hand=True, times=1,
    )  # fmt: skip
    return {
        "alert": alerts.alert_html(alert) + alerts.closed_html([alert]),
        "audit": audit.entries_html([event]),
        "account": accounts.account_html(account),
        "rule": chart_access.rule_html(rule),
        "disclosure": disclosures.disclosures_html([given]),
    }


def test_a_script_in_any_text_is_shown_and_never_run(monkeypatch):
    monkeypatch.setattr(
        "dashboards.shared.site_time.app_settings", lambda: type("S", (), {"site_time_zone": "UTC"})
    )

    def attack() -> bool:
        return any("<script" in html for html in screens().values())

    def as_it_is(patch) -> None:
        for page in (alerts, audit, accounts, chart_access, disclosures):
            patch.setattr(page, "text", lambda value, missing="": str(value or missing))

    assert_guarded(attack, as_it_is)
    assert all("&lt;script" in html for html in screens().values())
