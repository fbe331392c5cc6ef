"""A refill request with what approving it needs to know; one click where nothing is against it."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.outside_cards import outside_panel
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.support_cards import support_cards
from dashboards.shared.who import who_html
from data_contracts.api.medications import AnswerRefill, RefillRequest
from data_contracts.api.outside import RenewedPrescription
from ehr_core.display import show_name

USUAL_REFILLS = 3


def refill_card(session: StaffSession, request: RefillRequest, *, named: bool = False) -> None:
    with st.container(border=True, key=f"refill-{request.request_id}"):
        st.html(refill_html(request, named=named))
        if not session.may("medication.prescribe"):
            return
        if request.why_not:
            st.caption(request.why_not)
        with st.container(horizontal=True):
            if request.one_click:
                st.button(
                    "Approve",
                    type="primary",
                    key=f"approve-{request.request_id}-{request.version_id}-{request.prescription_version_id}",
                    on_click=_approve,
                    args=(session, request),
                )
            if st.button("Open", key=f"open-{request.request_id}"):
                refill_dialog(session, request, fresh_form("refill"))
        tell_refusal(request.request_id)


def refill_html(request: RefillRequest, *, named: bool) -> str:
    who = who_html(request, same_name=request.same_name) if named else ""
    facts = [
        f"asked for by {request.asked_by}, {show_date(request.asked_at)}",
        "refills left not recorded"
        if request.refills_left is None
        else f"refills left: {request.refills_left}",
        f"last given out {show_date(request.last_dispensed_on)}"
        if request.last_dispensed_on
        else "no record of it being given out",
        f"last visit {show_date(request.last_visit_on)}" if request.last_visit_on else "no visit recorded",
    ]
    return (
        f'<div class="card">{who}<b>Refill: {text(request.medication)}</b><p>{text(request.sig)}</p>'
        f"<p class='quiet'>{text(' · '.join(facts))}</p></div>"
    )


def _approve(session: StaffSession, request: RefillRequest) -> None:
    said = AnswerRefill(
        version_id=request.version_id,
        prescription_version_id=request.prescription_version_id,
        approve=True,
        refills=USUAL_REFILLS,
    )
    if tried(request.request_id, lambda: session.client.medications.answer_refill(request.request_id, said)):
        remember(
            f"{request.medication} was renewed for {show_name(request.name)} with {USUAL_REFILLS} refills."
        )


@st.dialog("Answer a refill request", width="large")
def refill_dialog(session: StaffSession, request: RefillRequest, form: str) -> None:
    st.html(refill_html(request, named=True))
    answers = support_cards(request.cards, form)
    refills = st.number_input(
        "Refills", min_value=0, max_value=11, value=USUAL_REFILLS, key=f"{form}-refills"
    )
    renewal = RenewedPrescription(request_id=request.request_id, refills=int(refills))
    for hook in ("order-select", "order-sign"):
        outside_panel(session, request.patient_id, hook, renewal=renewal)
    reason = st.text_input("Reason, where it is refused", max_chars=300, key=f"{form}-reason")
    approve, refuse = st.columns(2)
    approved = approve.button("Approve", type="primary", disabled=answers is None, key=f"{form}-approve")
    refused = refuse.button("Refuse", disabled=not reason.strip(), key=f"{form}-refuse")
    if approved or refused:
        with told_errors():
            said = AnswerRefill(
                version_id=request.version_id,
                prescription_version_id=request.prescription_version_id,
                approve=approved,
                refills=int(refills),
                reason=reason.strip() or None,
                acknowledged=answers or [],
            )
            session.client.medications.answer_refill(request.request_id, said)
            remember(
                f"{request.medication} was {'renewed' if approved else 'refused'} for {show_name(request.name)}."
            )
            st.rerun()
