"""A dose given in the clinic: what, how, where; checked while it is written; and the record of doses."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about, moment, parse_decimal
from dashboards.clinician.product_search import find_product
from dashboards.shared.markup import table, text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.support_cards import support_cards
from data_contracts.api.administration import Dose, GivenDose, RecordDose
from data_contracts.api.medications import PrescribingChoices, ProductOption
from data_contracts.api.patients import PatientBanner


@st.dialog("Give a dose", width="large")
def dose_dialog(session: StaffSession, banner: PatientBanner, form: str, request_id: str) -> None:
    about(banner)
    chosen = find_product(session, form)
    if chosen is None:
        return
    choices = session.client.medications.choices()
    dose = _dose(chosen, choices, form)
    at = moment(form)
    refused = st.text_input("Not given, because (empty when it was given)", max_chars=300, key=f"{form}-not")
    answers, override = [], None
    if dose is not None and not refused.strip():
        checked = session.client.medications.check_dose(banner.patient_id, dose, request_id)
        answers = support_cards(checked.cards, form)
        if checked.blocked:
            st.warning(checked.blocked)
            words = {choice.code: choice.words for choice in choices.allergy_overrides}
            override = st.selectbox(
                "It cannot wait because",
                list(words),
                index=None,
                format_func=words.get,
                key=f"{form}-override",
            )
            answers = answers if override else None
    label = "Record as not given" if refused.strip() else "Record as given"
    if st.button(label, type="primary", disabled=dose is None or answers is None, key=f"{form}-save"):
        with told_errors():
            record = RecordDose(
                request_id=request_id,
                dose=dose,
                at=at,
                not_given_because=refused.strip() or None,
                acknowledged=answers,
                allergy_override=override,
            )
            given = session.client.medications.record_dose(banner.patient_id, record)
            remember(f"{given.name}: {'recorded as not given' if refused.strip() else 'recorded as given'}.")
            st.rerun()


def _dose(chosen: ProductOption | str, choices: PrescribingChoices, form: str) -> Dose | None:
    """None while the amount, unit or route is missing."""
    option = chosen if isinstance(chosen, ProductOption) else None
    amount, unit, route = st.columns(3)
    how_much = amount.text_input("Dose", value="1", key=f"{form}-amount")
    of = unit.text_input("of", value=(option.dose_unit if option else None) or "", key=f"{form}-unit")
    routes = {choice.code: choice.words for choice in choices.routes}
    default = list(routes).index(option.route) if option and option.route in routes else None
    by = route.selectbox("Route", list(routes), index=default, format_func=routes.get, key=f"{form}-route")
    site, lot = st.columns(2)
    where = site.text_input("Site (optional)", max_chars=100, key=f"{form}-site", placeholder="left deltoid")
    number = lot.text_input("Lot (optional)", max_chars=40, key=f"{form}-lot")
    value = parse_decimal(how_much)
    if value is None or value <= 0 or not of.strip() or by is None:
        st.caption("Say how much, of what and by which route.")
        return None
    return Dose(
        rxcui=option.rxcui if option else None,
        name=option.name if option else str(chosen),
        amount=value,
        unit=of.strip(),
        route=by,
        site=where.strip() or None,
        lot=number.strip() or None,
    )


def given_doses(session: StaffSession, patient_id: str) -> None:
    """The record of doses, newest first; asked for when it is opened."""
    items = session.client.medications.given(patient_id).items
    if not items:
        st.info("No dose was given in the clinic.")
        return
    headings = ("When", "What", "How", "By", "Lot")
    st.html(table(headings, map(_cells, items), caption="Doses given in the clinic, newest first"))


def _cells(dose: GivenDose) -> tuple[str, ...]:
    not_given = f"<br><b>Not given: {text(dose.not_given_because)}</b>" if dose.not_given_because else ""
    when = show_instant(dose.at) if dose.at else None
    return (text(when), text(dose.name) + not_given, text(dose.what), text(dose.by), text(dose.lot, ""))
