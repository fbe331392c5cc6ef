"""Recording a vaccination that was given here, with what a registry asks for, or one that was not given."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about, done, moment, parse_decimal
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.support_cards import support_cards
from data_contracts.api.chart import RecordableResult, RecordImmunization
from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.patients import PatientBanner


@st.dialog("Record a vaccination given here", width="medium")
def vaccination_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    offered = [item for item in session.client.charting.recordable() if item.kind == "immunization"]
    chosen = st.selectbox(
        "Vaccine", offered, index=None, format_func=lambda item: item.name, key=f"{form}-vaccine"
    )
    at = moment(form)
    refusal = None
    if st.checkbox("Offered and not given", key=f"{form}-not"):
        refusal = st.text_input("Why not", max_chars=300, key=f"{form}-why")
        fields = {"not_given_reason": (refusal or "").strip()}
    else:
        fields = _fields(session, form)
    st.caption("Given elsewhere? Record it as an outside result, with where it was given.")
    answers = _answers(session, banner, chosen, form) if chosen and refusal is None else []
    unready = chosen is None or answers is None or (refusal is not None and len(refusal.strip()) < 3)
    if st.button("Save vaccination", type="primary", disabled=unready):
        with told_errors():
            _save(session, banner, chosen, {"at": at, "acknowledged": answers, **fields})


def _answers(
    session: StaffSession, banner: PatientBanner, chosen: RecordableResult, form: str
) -> list[Acknowledged] | None:
    """What speaks against it, checked now; None while a warning has no reason, or where it could not be asked."""
    with told_errors():
        checked = session.client.charting.check_immunization(banner.patient_id, chosen.code)
        return support_cards(checked, f"{form}-{chosen.code}")
    return None


def _fields(session: StaffSession, form: str) -> dict[str, object]:
    lot, expires = st.columns(2)
    entered = {
        "lot": (lot.text_input("Lot (optional)", max_chars=40, key=f"{form}-lot") or "").strip() or None,
        "expires_on": expires.date_input(
            "Last day of the lot", None, format="YYYY-MM-DD", key=f"{form}-expires"
        ),
    }
    with st.expander("Site, statement, registry"):
        words = session.client.history.words()
        site, route, dose = st.columns(3)
        entered["site"] = _choice(site, "Site", words.vaccine_sites, f"{form}-site")
        entered["route"] = _choice(route, "Route", words.vaccine_routes, f"{form}-route")
        entered["dose_ml"] = dose.text_input("Dose (mL)", max_chars=6, key=f"{form}-dose")
        vis, maker, funding = st.columns(3)
        entered["vis_date"] = vis.date_input(
            "Date printed on the VIS given", None, format="YYYY-MM-DD", key=f"{form}-vis"
        )
        entered["manufacturer"] = maker.text_input("Manufacturer", max_chars=100, key=f"{form}-maker") or None
        entered["funding"] = _choice(funding, "Funding", words.vaccine_funding, f"{form}-funding")
    return entered


def _choice(column: object, label: str, offered: list[tuple[str, str]], key: str) -> str | None:
    words = dict(offered)
    return column.selectbox(label, list(words), index=None, format_func=words.get, key=key)


def _save(
    session: StaffSession, banner: PatientBanner, chosen: RecordableResult, fields: dict[str, object]
) -> None:
    typed = str(fields.pop("dose_ml", "") or "").strip()
    dose = parse_decimal(typed) if typed else None
    if typed and (dose is None or not 0 < dose <= 10):
        st.error("Not saved: the dose is a number of milliliters with a point, such as 0.5.")
        return
    given = RecordImmunization(code=chosen.code, dose_ml=dose, **fields)
    session.client.charting.record_immunization(banner.patient_id, given)
    what = "recorded as not given." if given.not_given_reason else "recorded as given here."
    done(f"{chosen.name} {what}")
