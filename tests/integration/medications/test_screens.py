"""The medication screens over a real API: what is pressed is what is stored, and every dialog says whose it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.clinician import prepared_cards
from dashboards.clinician.dose_forms import dose_dialog
from dashboards.clinician.medication_forms import dispensed_dialog, end_dialog, send_dialog
from dashboards.clinician.refill_cards import refill_dialog
from dashboards.pharmacist import decision_support
from dashboards.shared.session import StaffSession
from data_contracts.api.allergies import AllergyDetails, RecordAllergy
from data_contracts.api.medications import AskRefill, MedicationEntry, PreparePrescription, SendPrescription
from data_contracts.api.patients import PatientBanner
from data_contracts.api.reconciliation import RecordHomeMedication
from ehr_core.client import AlmonerClient
from tests.integration.chart_records import of, put, put_patient, put_site
from tests.integration.medications.test_prescribing import (
    AMOXICILLIN,
    METFORMIN,
    NO_KNOWN_ALLERGY,
    WARFARIN,
    draft,
    order,
    taken,
)
from tests.integration.outside.test_outside_cds import service
from tests.lib.api import RunningApi, running_api
from tests.lib.receiver import DEVELOPMENT, receiver
from tests.lib.served_api import wait_for

ANA = "REYES, Ana"
AMLODIPINE, AMLODIPINE_NAME, NAPROXEN = "197361", "amlodipine 5 MG Oral Tablet", "198014"


@pytest.fixture(autouse=True)
def same_main() -> Iterator[None]:
    """AppTest puts the page in the place of `__main__`; a process that is spawned later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path, now=datetime.now(UTC), **DEVELOPMENT) as running:
        put_site(running)
        put_patient(running, "ana")
        yield running


@pytest.fixture
def asked(api) -> None:
    """Somebody asked about allergies: there is none."""
    put(api, "AllergyIntolerance", "none", patient=of("ana"), **NO_KNOWN_ALLERGY)


@pytest.fixture
def okafor(api) -> AlmonerClient:
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def nurse(api) -> AlmonerClient:
    return api.signed_in("joy", "nurse")


def at_the_page(session, name) -> None:
    import streamlit as st

    from dashboards.clinician import medications, reconcile
    from dashboards.pharmacist import decision_support

    st.session_state["session"] = session
    st.query_params["patient"] = "ana"
    {
        "medications": medications.medications_page,
        "refills": medications.refills_page,
        "reconcile": reconcile.reconcile_page,
        "decision_support": decision_support.decision_support_page,
    }[name]()


def at_the_dialog(session, dialog, *given) -> None:
    """AppTest runs the whole page again at each act, so the dialog is opened at each run."""
    dialog(session, *given)


def dialog_of(client: AlmonerClient, dialog, *given) -> AppTest:
    session = StaffSession(client, client.account.me())
    page = AppTest.from_function(at_the_dialog, args=(session, dialog, *given)).run(timeout=30)
    assert not page.exception, page.exception
    return page


def page_of(client: AlmonerClient, name: str) -> AppTest:
    session = StaffSession(client, client.account.me())
    page = AppTest.from_function(at_the_page, args=(session, name)).run(timeout=30)
    assert not page.exception, page.exception
    return page


def press(page: AppTest, label: str) -> AppTest:
    found = [
        button for button in page.button if button.label == label or button.label.startswith(f"{label} ")
    ]
    assert found, f"no button '{label}', but {[button.label for button in page.button]}"
    page = found[0].click().run(timeout=30)
    assert not page.exception, page.exception
    return page


def choose(page: AppTest, label: str, option: str) -> AppTest:
    return next(one for one in page.selectbox if one.label == label).select(option).run(timeout=30)


def write(page: AppTest, label: str, words: str) -> AppTest:
    return next(one for one in page.text_input if one.label == label).set_value(words).run(timeout=30)


def seen(page: AppTest) -> str:
    """Everything that is written on the page."""
    said = [
        one.value
        for kind in ("markdown", "caption", "error", "warning", "success", "info")
        for one in page.get(kind)
    ]
    html = [one.proto.body for one in page.get("html")]
    headings = [one.value for one in page.subheader]
    return "\n".join(map(str, (*said, *html, *headings)))


def the_one(client: AlmonerClient) -> MedicationEntry:
    (entry,) = client.medications.of_patient("ana").current
    return entry


def banner_of(client: AlmonerClient) -> PatientBanner:
    return client.medications.of_patient("ana").banner


@pytest.mark.usefixtures("asked")
def test_a_prescription_is_held_resumed_sent_given_out_and_stopped_with_a_reason(okafor):
    okafor.medications.sign("ana", order())
    why = okafor.medications.choices().stop_reasons[0].code
    page = dialog_of(okafor, end_dialog, banner_of(okafor), the_one(okafor), "hold", "form")
    assert ANA in seen(page)
    assert next(one for one in page.button if one.label == "Put it on hold").disabled
    press(choose(page, "Why", why), "Put it on hold")
    assert the_one(okafor).state == "on_hold"
    press(page_of(okafor, "medications"), "Resume")
    assert the_one(okafor).state == "signed"

    page = dialog_of(okafor, send_dialog, banner_of(okafor), the_one(okafor), "form")
    assert ANA in seen(page)
    press(write(page, "Pharmacy", "Corner Pharmacy"), "Send")
    assert (the_one(okafor).state, the_one(okafor).pharmacy) == ("sent", "Corner Pharmacy")

    page = dialog_of(okafor, dispensed_dialog, banner_of(okafor), the_one(okafor), "form")
    page = press(write(page, "Quantity (optional)", "60"), "Record")
    assert not page.error, page.error[0].value
    assert the_one(okafor).last_dispensed_on is not None

    page = dialog_of(okafor, end_dialog, banner_of(okafor), the_one(okafor), "stop", "form")
    press(choose(page, "Why", why), "Stop it")
    shown = okafor.medications.of_patient("ana")
    assert (shown.current, shown.past[0].state) == ([], "stopped")


@pytest.mark.usefixtures("asked")
def test_what_changed_under_an_open_dialog_is_refused_in_words(okafor):
    written = okafor.medications.sign("ana", order())
    page = dialog_of(okafor, send_dialog, banner_of(okafor), the_one(okafor), "form")
    okafor.medications.send(
        written.prescription_id, SendPrescription(version_id=1, pharmacy="First Pharmacy")
    )
    page = press(write(page, "Pharmacy", "Second Pharmacy"), "Send")
    assert "Somebody else changed this" in page.error[0].value
    assert the_one(okafor).pharmacy == "First Pharmacy"


@pytest.mark.usefixtures("asked")
def test_a_nurse_prepares_and_a_clinician_signs_by_one_click_or_over_a_warning(api, okafor, nurse):
    nurse.medications.prepare(
        "ana", PreparePrescription(request_id="request-1", draft=draft(AMLODIPINE, AMLODIPINE_NAME))
    )
    assert "Sign" not in [button.label for button in page_of(nurse, "medications").button]
    page = page_of(okafor, "medications")
    assert "Prepared by Joy" in seen(page)
    press(page, "Sign")
    assert the_one(okafor).state == "signed"

    taken(api, "warfarin", WARFARIN)
    naproxen = draft(NAPROXEN, "naproxen 500 MG Oral Tablet")
    nurse.medications.prepare("ana", PreparePrescription(request_id="request-2", draft=naproxen))
    assert "Sign" not in [button.label for button in page_of(okafor, "medications").button]
    (waiting,) = okafor.medications.of_patient("ana").prepared
    page = dialog_of(okafor, prepared_cards._open, banner_of(okafor), waiting, "form")
    assert ANA in seen(page)
    assert next(button for button in page.button if button.label == "Sign").disabled
    press(choose(page, "Go on because", "monitoring"), "Sign")
    assert len(okafor.medications.of_patient("ana").current) == 3


@pytest.mark.usefixtures("asked")
def test_a_prepared_prescription_can_be_discarded(okafor, nurse):
    nurse.medications.prepare("ana", PreparePrescription(request_id="request-1", draft=draft()))
    press(page_of(nurse, "medications"), "Discard")
    assert okafor.medications.of_patient("ana").prepared == []


def test_a_dose_is_checked_given_for_a_reason_or_recorded_as_not_given(okafor, nurse):
    severe = AllergyDetails(reactions=["Anaphylaxis"], severity="severe")
    nurse.allergies.record(
        "ana",
        RecordAllergy(
            request_id="request-0", kind="class", code="penicillins", name="penicillins", details=severe
        ),
    )
    page = dialog_of(nurse, dose_dialog, banner_of(nurse), "form", "request-1")
    assert ANA in seen(page)
    page = write(page, page.text_input[0].label, "amoxicillin 500 oral capsule")
    page = press(page, "amoxicillin 500 MG Oral Capsule")
    assert next(one for one in page.button if one.label == "Record as given").disabled
    page = write(page, "Not given, because (empty when it was given)", "Allergy")
    press(page, "Record as not given")
    (given,) = nurse.medications.given("ana").items
    assert given.not_given_because == "Allergy"


def test_the_allergies_stand_above_the_list_and_an_unasked_list_is_said(okafor, nurse):
    assert "Allergies not recorded" in seen(page_of(okafor, "medications"))
    nurse.allergies.record(
        "ana", RecordAllergy(request_id="request-1", kind="class", code="penicillins", name="penicillins")
    )
    page = page_of(okafor, "medications")
    assert "Known allergies" in seen(page)
    assert "penicillins" in seen(page)


@pytest.mark.usefixtures("asked")
def test_lists_are_reconciled_and_what_nothing_is_written_about_is_said(api, okafor, nurse):
    taken(api, "metformin", METFORMIN, dosageInstruction=[{"text": "1 tablet twice daily"}])
    nurse.medications.record_home(
        "ana", RecordHomeMedication(request_id="request-1", name="grandmother's drops", how="ten drops")
    )
    page = page_of(nurse, "reconcile")
    assert "Could not be identified, so not checked: grandmother's drops" in seen(page)
    assert "that was not checked" in seen(page)
    page = press(page, "Continue")
    assert "Decided (1)" in seen(page)
    page = press(page, "Undo")
    assert "Decided (0)" in seen(page)
    page = press(press(page, "Continue"), "Save 1 of 2 decisions")
    assert "1 decided, 1 left." in seen(page)


@pytest.mark.usefixtures("asked")
def test_lists_that_changed_meanwhile_are_not_saved(api, okafor):
    taken(api, "metformin", METFORMIN, dosageInstruction=[{"text": "1 tablet twice daily"}])
    page = press(page_of(okafor, "reconcile"), "Continue")
    taken(api, "warfarin", WARFARIN)
    page = press(page, "Save 1 of 1")
    assert "The lists have changed since they were drawn, so nothing was saved. New: warfarin" in seen(page)
    assert "Your decisions on 1 other lines stand." in seen(page)
    assert okafor.medications.reconciliation("ana").last_at is None
    page = press(page, "Save 1 of 2")
    assert okafor.medications.reconciliation("ana").last_at is not None


@pytest.mark.usefixtures("asked")
def test_the_owner_of_decision_support_retires_a_rule_and_a_second_person_agrees(api, okafor):
    taken(api, "warfarin", WARFARIN)
    naproxen = draft(NAPROXEN, "naproxen 500 MG Oral Tablet")
    card = okafor.medications.check("ana", naproxen).cards.interrupting[0]
    pharmacist = api.signed_in("theo", "pharmacist")
    page = page_of(pharmacist, "decision_support")
    assert card.rule_id in seen(page)
    assert "Retire or re-tier" in [
        one.label for one in choose(page, "Decide about a rule", card.rule_id).button
    ]
    rule = next(one for one in pharmacist.decision_support.figures().rules if one.rule_id == card.rule_id)
    page = dialog_of(pharmacist, decision_support._choose, rule, "form")
    page = page.radio[0].set_value("tier_2").run(timeout=30)
    page = page.text_area[0].set_value("Every INR is checked weekly here").run(timeout=30)
    in_a_month = datetime.now(UTC).date() + timedelta(days=30)
    page = page.date_input[0].set_value(in_a_month).run(timeout=30)
    press(page, "Save")
    rule = next(one for one in pharmacist.decision_support.figures().rules if one.rule_id == card.rule_id)
    assert rule.choice


def test_an_insulin_pen_comes_with_its_route_and_its_unit(okafor):
    page = press(page_of(okafor, "medications"), "New prescription")
    page = write(page, "Drug, strength or brand", "insulin glargine 100 pen")
    page = press(page, "3 ML insulin glargine 100 UNT/ML Pen Injector")
    assert next(one for one in page.text_input if one.label == "of").value == "unit"
    assert next(one for one in page.selectbox if one.label == "Route").value == "subcutaneous"
    page = write(page, "Dose", "20")
    page = page.button_group[0].set_value("daily").run(timeout=30)
    assert "Inject 20 units under the skin" in seen(page)


def test_outside_services_are_asked_of_the_choice_and_before_the_signature(api, okafor):
    told = {"summary": "Check the kidneys", "indicator": "warning", "source": {"label": "Kidney Watch"}}
    with receiver(answer=lambda taken: (200, {"cards": [told]})) as here:
        for hook in ("order-select", "order-sign"):
            api.signed_in(f"root-{hook}", "admin").outside.add_service(service(here.url, hook, hook))
        page = press(page_of(okafor, "medications"), "New prescription")
        page = write(page, "Drug, strength or brand", "amlodipine 5")
        page = press(page, "amLODIPine 5 MG Oral Tablet")
        wait_for(lambda: len(here.taken) == 1)
        assert here.taken[0].json["hook"] == "order-select"
        page = page.button_group[0].set_value("daily").run(timeout=30)
        wait_for(lambda: {one.json["hook"] for one in here.taken} == {"order-select", "order-sign"})
        wait_for(lambda: "Check the kidneys" in seen(page.run(timeout=30)), pause=0.2)
        (drawn,) = here.taken[-1].json["context"]["draftOrders"]["entry"]
        assert drawn["resource"]["dosageInstruction"][0]["text"].startswith("Take 1 tablet")


@pytest.mark.usefixtures("asked")
def test_outside_services_are_asked_before_a_refill_is_approved(api, okafor):
    written = okafor.medications.sign("ana", order(draft=draft(AMLODIPINE, AMLODIPINE_NAME)))
    api.signed_in("joy", "nurse").medications.ask_refill(
        "ana", AskRefill(prescription_id=written.prescription_id)
    )
    told = {"summary": "Check the kidneys", "indicator": "warning", "source": {"label": "Kidney Watch"}}
    told["uuid"] = "their-1"
    with receiver(answer=lambda taken: (200, {"cards": [told]})) as here:
        assert "Approve" in [button.label for button in page_of(okafor, "refills").button]
        for hook in ("order-select", "order-sign"):
            api.signed_in(f"root-{hook}", "admin").outside.add_service(service(here.url, hook, hook))
        listed = page_of(okafor, "refills")
        assert "Approve" not in [button.label for button in listed.button]
        assert "Outside decision support is asked" in seen(listed)
        assert not here.taken
        (waiting,) = okafor.medications.refills().items
        page = dialog_of(okafor, refill_dialog, waiting, "form")
        wait_for(lambda: seen(page.run(timeout=30)).count("Check the kidneys") == 2, pause=0.2)
        assert {one.json["hook"] for one in here.taken} == {"order-select", "order-sign"}
        press(page, "Followed")
        assert api.app.state.feedback_carrier.carry_one()
    assert here.taken[-1].json["feedback"][0]["outcome"] == "accepted"


def test_amoxicillin_says_on_which_topics_nothing_is_written(okafor):
    said = okafor.medications.check(
        "ana", draft(AMOXICILLIN, "amoxicillin 500 MG Oral Capsule")
    ).cards.coverage
    assert "Nothing is written about" in said
    assert "amoxicillin: that was not checked" in said
