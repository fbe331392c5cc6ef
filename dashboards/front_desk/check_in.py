"""Check-in at the desk: who it is, who pays, a copay, forms, and what has changed; all of it in one dialog."""

from __future__ import annotations

import streamlit as st

from dashboards.front_desk.people import visit_line
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import table, text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.check_in import (
    CheckIn,
    CheckInSheet,
    CoverageShown,
    DueForm,
    FormAnswer,
    NoteCopay,
    ReportedChanges,
)
from data_contracts.api.visit_flow import FlowVisit
from ehr_core.display import show_name

COVERAGE_WORDS = {"as_shown": "As shown", "changed": "Changed", "no_coverage": "No coverage"}
COPAY_WORDS = {
    "card": "Card",
    "cash": "Cash",
    "check": "Check",
    "pays_later": "Pays later",
    "none_due": "None due",
}


def check_in_dialog(session: StaffSession, visit: FlowVisit) -> None:
    """Reads the sheet at the moment of opening: what is confirmed is what stands in the record now."""
    with told_errors():
        sheet = session.client.visits.sheet(visit.visit.appointment_id)
        _dialog(session, sheet, fresh_form("check-in"))


def who_html(sheet: CheckInSheet) -> str:
    """What two identifiers are compared with."""
    return (
        f'<div class="card"><h4>{text(show_name(sheet.name))}</h4>'
        f"<p>Born <b>{text(show_date(sheet.birth_date))}</b> · MRN {text(sheet.mrn)} · "
        f"{text(sheet.sex, 'sex not recorded')}</p>"
        f'<p class="quiet">{text(sheet.address, "address not recorded")} · '
        f"{text(sheet.phone, 'phone not recorded')} · {text(sheet.email, 'e-mail not recorded')}</p></div>"
    )


def coverage_html(coverages: list[CoverageShown]) -> str:
    if not coverages:
        return '<p class="quiet">No coverage is recorded.</p>'
    rows = [
        (
            text(one.payer, "payer not recorded"),
            text(one.member_id),
            text(show_date(one.until)) if one.until else "no end recorded",
            text(one.copay, "not said"),
        )
        for one in coverages
    ]
    return table(("Payer", "Member number", "Until", "Copay"), rows, caption="Coverage")


@st.dialog("Check in", width="medium")
def _dialog(session: StaffSession, sheet: CheckInSheet, form: str) -> None:
    st.html(who_html(sheet))
    st.caption(visit_line(sheet.visit))
    st.html(coverage_html(sheet.coverages))
    confirmed = st.checkbox(
        "Name and birth date compared with the person; coverage is as shown", key=f"{form}-as-shown"
    )
    coverage, note = ("as_shown", None) if confirmed else _other_coverage(form)
    copay = _copay(sheet, form)
    answers = [answer for one in sheet.forms if (answer := _form(one, sheet, form)) is not None]
    reported = _reported(sheet, form)
    arrived = sheet.stage != "expected"
    with told_errors():
        ready = confirmed or coverage is not None
        label = "Save" if arrived else "Check in"
        if st.button(label, type="primary", disabled=not ready, key=f"{form}-go", width="stretch"):
            wanted = CheckIn(
                version=sheet.version,
                identity="two_identifiers",
                coverage=coverage,
                coverage_note=note,
                copay=copay,
                forms=answers,
                reported=reported,
            )
            session.client.visits.check_in(sheet.visit.appointment_id, wanted)
            st.session_state["board_was_changed"] = True
            remember(f"Checked in: {show_name(sheet.name)}.")
            st.rerun()


def _other_coverage(form: str) -> tuple[str | None, str | None]:
    """The identity was compared all the same; the coverage is another, or there is none."""
    with st.expander("Coverage has changed, or there is none"):
        answer = st.radio(
            "Name and birth date were compared with the person. Coverage:",
            ["changed", "no_coverage"],
            index=None,
            format_func=COVERAGE_WORDS.get,
            key=f"{form}-coverage",
        )
        note = st.text_input("What has changed", max_chars=300, key=f"{form}-coverage-note")
    return answer, note.strip() or None


def _copay(sheet: CheckInSheet, form: str) -> NoteCopay | None:
    if sheet.copay is not None:
        st.caption(
            f"Copay noted: {sheet.copay.amount} {sheet.copay.currency}, {COPAY_WORDS[sheet.copay.how].lower()}"
        )
    with st.expander("Copay"):
        st.caption("Notes what was paid. It charges nothing.")
        amount = st.text_input(
            "Amount in US dollars", placeholder="25.00", max_chars=12, key=f"{form}-amount"
        )
        how = st.segmented_control(
            "Paid by", list(COPAY_WORDS), format_func=COPAY_WORDS.get, key=f"{form}-how"
        )
    if how is None and not amount.strip():
        return None
    return NoteCopay(amount=amount.strip() or None, how=how or "pays_later")


def _form(due: DueForm, sheet: CheckInSheet, form: str) -> FormAnswer | None:
    """One form; it is signed only when a name is written below it."""
    with st.expander(f"Form due: {due.title}"):
        answers: dict[str, bool | str] = {}
        for item in due.items:
            key = f"{form}-{due.form_id}-{item.link_id}"
            if item.kind == "display":
                st.write(item.text)
            elif item.kind == "boolean":
                answers[item.link_id] = st.checkbox(item.text, key=key)
            elif item.kind == "choice":
                answers[item.link_id] = st.selectbox(item.text, item.options, index=None, key=key) or ""
            else:
                answers[item.link_id] = st.text_input(item.text, max_chars=500, key=key)
        name = st.text_input(
            "Signed by (the patient writes their name)", max_chars=120, key=f"{form}-{due.form_id}-by"
        )
    if not name.strip():
        return None
    return FormAnswer(form_id=due.form_id, answers=answers, signed_by=name.strip())


def _reported(sheet: CheckInSheet, form: str) -> ReportedChanges | None:
    if sheet.reported:
        st.caption("The patient has told about allergies and medicines for this visit.")
    with st.expander("Allergies or medicines have changed"):
        st.caption(
            "In the patient's own words. A clinician looks at it before anything changes in the chart."
        )
        allergies = st.text_area("Allergies", max_chars=1000, key=f"{form}-allergies")
        medicines = st.text_area("Medicines", max_chars=1000, key=f"{form}-medicines")
    if not allergies.strip() and not medicines.strip():
        return None
    return ReportedChanges(allergies=allergies.strip() or None, medications=medicines.strip() or None)
