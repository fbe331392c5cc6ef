"""Writing a prescription at the screen: found, said how, checked while it is written, nothing carried over."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def prescribing() -> None:
    from datetime import UTC, datetime
    from types import SimpleNamespace

    import streamlit as st

    from dashboards.clinician.medications import medications_page
    from data_contracts.api.allergies import RecordedAllergies
    from data_contracts.api.decision_support import CheckedCards, SupportCard, SupportReason
    from data_contracts.api.medications import (
        Choice,
        MedicationList,
        PrescribingChoices,
        PrescriptionChecked,
        PrescriptionWritten,
        ProductOption,
        ProductsFound,
        SigArithmetic,
    )
    from data_contracts.api.outside import OutsideCards
    from data_contracts.api.patients import PatientBanner, PatientName

    warning = SupportCard(
        key="allergy:1",
        rule_id="allergy",
        outcome="fires",
        tier=1,
        severity="contraindicated",
        title="Penicillin allergy",
        sentence="Anaphylaxis is recorded.",
        detail="",
        because=[],
        missing=[],
        suggestions=[],
        citation="Label",
        url=None,
        source_date=None,
        review="No pharmacist has reviewed this.",
        override_reasons=[SupportReason(code="record_wrong", words="The record is wrong")],
    )
    banner = PatientBanner(
        patient_id="ana",
        name=PatientName(family="Reyes", given="Ana"),
        birth_date="1972-03-14",
        age_years=54,
        sex="female",
        mrn="M-1",
    )

    class Medications:
        def of_patient(self, patient_id):
            return MedicationList(
                banner=banner,
                current=[],
                past=[],
                refill_requests=[],
                coverage="A list.",
                as_of=datetime.now(UTC),
            )

        def search(self, typed):
            option = {"form": "Oral Capsule", "brand": None, "route": "oral", "dose_unit": "capsule"}
            return ProductsFound(
                items=[
                    ProductOption(
                        rxcui="1", name="amoxicillin 500 MG", schedule=None, not_here=None, **option
                    ),
                    ProductOption(
                        rxcui="2", name="oxycodone 5 MG", schedule="II", not_here="Schedule II.", **option
                    ),
                ],
                coverage="A list.",
            )

        def choices(self):
            words = [Choice(code="oral", words="oral")]
            return PrescribingChoices(
                routes=words,
                frequencies=[Choice(code="twice_daily", words="2 times a day")],
                stop_reasons=words,
                allergy_overrides=words,
            )

        def check(self, patient_id, draft, request_id=None):
            st.session_state["checked"] = draft
            return PrescriptionChecked(
                arithmetic=SigArithmetic(
                    text="Take it.", doses_per_day=None, quantity=None, days_supply=None, disagreement=None
                ),
                cards=CheckedCards(cards=[warning], coverage="Checked against pairs."),
                blocked=None,
            )

        def sign(self, patient_id, order):
            st.session_state["signed"] = order
            return PrescriptionWritten(prescription_id="p", version_id=1, state="signed")

    st.query_params["patient"] = "ana"
    allergies = SimpleNamespace(of_patient=lambda _: RecordedAllergies(state="none_known", items=[]))
    nobody = SimpleNamespace(cards=lambda asked: OutsideCards(asked=0, cards=[], could_not=[]))
    client = SimpleNamespace(medications=Medications(), allergies=allergies, outside=nobody)
    st.session_state["session"] = SimpleNamespace(client=client, may=lambda permission: True)
    medications_page()


def button(page: AppTest, label: str):
    return next(one for one in page.button if one.label == label)


def started() -> AppTest:
    page = AppTest.from_function(prescribing).run(timeout=20)
    button(page, "New prescription").click().run(timeout=20)
    page.text_input[0].set_value("amox").run(timeout=20)
    return page


def test_a_controlled_substance_is_offered_and_cannot_be_chosen():
    assert button(started(), "oxycodone 5 MG").disabled


def test_signing_waits_for_the_reason_that_an_interrupting_warning_needs():
    page = started()
    button(page, "amoxicillin 500 MG").click().run(timeout=20)
    assert not page.exception
    assert button(page, "Sign").disabled
    page.button_group[0].set_value("twice_daily").run(timeout=20)
    assert button(page, "Sign").disabled
    because = next(one for one in page.selectbox if one.label == "Go on because")
    because.select("record_wrong").run(timeout=20)
    button(page, "Sign").click().run(timeout=20)
    order = page.session_state["signed"]
    assert (order.draft.rxcui, order.draft.sig.frequency, order.draft.sig.dose_unit) == (
        "1",
        "twice_daily",
        "capsule",
    )
    assert [(one.card_key, one.reason_code) for one in order.acknowledged] == [("allergy:1", "record_wrong")]


def test_a_form_that_was_discarded_leaves_nothing_in_the_next_one():
    page = started()
    button(page, "amoxicillin 500 MG").click().run(timeout=20)
    page.text_input(key=next(one.key for one in page.text_input if one.label == "Dose")).set_value("7").run(
        timeout=20
    )
    first = page.session_state["prescription_form"]["request"]
    button(page, "Discard").click().run(timeout=20)
    button(page, "New prescription").click().run(timeout=20)
    page.text_input[0].set_value("amox").run(timeout=20)
    button(page, "amoxicillin 500 MG").click().run(timeout=20)
    assert next(one.value for one in page.text_input if one.label == "Dose") == "1"
    assert page.session_state["prescription_form"]["request"] != first
