"""Disclosures: to whom outside one patient's record went; what left on paper or by telephone is recorded here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.admin.whose import whose_record
from dashboards.shared.markup import table, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.disclosures import PURPOSES, Disclosed, NewDisclosure
from ehr_core.client.streamlit_app import app_settings

BY_HAND = [purpose for purpose in PURPOSES if purpose != "application"]


def disclosures_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Disclosures")
    tell_remembered()
    st.caption("What of a record went outside in the last six years. Looking here is audited.")
    named = whose_record(session, "see the accounting and to record a disclosure")
    if named is None:
        return
    patient_id = named.patient_id
    with told_errors():
        found = session.client.disclosures.of(patient_id)
        if found:
            st.html(disclosures_html(found))
        else:
            st.info("Nothing was disclosed in these years.")
        _record(session, patient_id)


def disclosures_html(found: Sequence[Disclosed]) -> str:
    return table(
        ["Day", "To", "What", "Why", "Basis", "Known from"],
        (
            [
                text(show_date(one.day)),
                _to(one),
                text(one.what) + (f" <span class='quiet'>{one.times} times</span>" if one.times > 1 else ""),
                text(PURPOSES.get(one.purpose, one.purpose)),
                text(one.basis, ""),
                text("Recorded by hand" if one.by_hand else "Audit log"),
            ]
            for one in found
        ),
        caption="Accounting of disclosures",
    )


def _to(one: Disclosed) -> str:
    address = f"<br><span class='quiet'>{text(one.recipient_address)}</span>" if one.recipient_address else ""
    return text(one.recipient) + address


def _record(session: StaffSession, patient_id: str) -> None:
    today = datetime.now(ZoneInfo(app_settings().site_time_zone)).date()
    with st.expander("Record a disclosure"), st.form("disclosure", border=False):
        day = st.date_input("Disclosed on", value=today, max_value=today, format="YYYY-MM-DD", width=200)
        recipient = st.text_input("To whom", max_chars=200)
        address = st.text_input("Address, if known", max_chars=300)
        what = st.text_input("What of the record", max_chars=500)
        purpose = st.selectbox("Why", BY_HAND, format_func=PURPOSES.get, index=None, placeholder="Choose")
        basis = st.text_input("Law, order or request it rests on", max_chars=500)
        asked = st.form_submit_button("Record it")
    if not asked:
        return
    if not (recipient.strip() and what.strip() and basis.strip() and purpose):
        st.error("Fill in to whom, what, why, and the law, order or request.")
        return
    made = NewDisclosure(
        patient_id=patient_id,
        disclosed_on=day,
        recipient=recipient,
        recipient_address=address or None,
        what=what,
        purpose=purpose,
        basis=basis,
    )
    with told_errors():
        session.client.disclosures.record(made)
        remember("The disclosure is recorded.")
        st.rerun()
