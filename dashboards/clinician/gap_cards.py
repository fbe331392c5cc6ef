"""Care gap cards: why this patient, one click to act, and the evidence that closed it."""

from __future__ import annotations

import time

import streamlit as st

from dashboards.shared.gap_dialogs import decline_dialog, exclude_dialog, snooze_dialog
from dashboards.shared.gap_words import ACTION_STATUSES, due_words, reply_tag, status_tag
from dashboards.shared.markup import text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.care_gaps import CareGap, GapAct, GapList, OrderGap
from data_contracts.api.patients import PatientBanner

WATCH_SECONDS = 20
LATER = {"Patient declined…": decline_dialog, "Snooze…": snooze_dialog, "Exclude…": exclude_dialog}


def watch_for_remeasure() -> None:
    """Asks the cards to look again every second until the change has gone round the loop."""
    st.session_state["watch_gaps_until"] = time.monotonic() + WATCH_SECONDS


def gap_cards(session: StaffSession, banner: PatientBanner) -> None:
    """The cards; they refresh themselves only while a change is on its way, so reading stays cheap and audited."""
    watching = time.monotonic() < st.session_state.get("watch_gaps_until", 0)
    st.fragment(_cards, run_every=1.0 if watching else None)(session, banner, watching)


def _cards(session: StaffSession, banner: PatientBanner, watching: bool) -> None:
    with told_errors():
        gaps = _gaps(session, banner.patient_id, watching)
        _heading(gaps)
        action = [gap for gap in gaps.gaps if gap.status in ACTION_STATUSES]
        settled = [gap for gap in gaps.gaps if gap.status not in ACTION_STATUSES]
        for gap in action:
            _card(session, banner, gap)
        if not action and not gaps.unavailable:
            st.info("No care gap wants action." if gaps.as_of else "Care gaps have not been computed yet.")
        if settled:
            st.subheader("Settled", anchor=False)
            for gap in settled:
                _card(session, banner, gap)


def _gaps(session: StaffSession, patient_id: str, watching: bool) -> GapList:
    """Asked anew while a change is on its way; then the last answer stands until the page itself runs again.

    The page is not run again from here: that would close a dialog in which somebody is typing.
    """
    held: GapList | None = st.session_state.get("gaps_held")
    until = st.session_state.get("watch_gaps_until", 0)
    if watching and not until and held is not None and held.patient_id == patient_id:
        return held
    gaps = session.client.care_gaps.of_patient(patient_id)
    if watching and (not gaps.being_computed or time.monotonic() > until):
        st.session_state["watch_gaps_until"] = 0
    st.session_state["gaps_held"] = gaps
    return gaps


def _heading(gaps: GapList) -> None:
    st.subheader("Care gaps", anchor=False)
    if gaps.unavailable:
        st.error(gaps.unavailable)
    if gaps.being_computed:
        st.caption("Updating with what was just recorded …")
    elif gaps.as_of:
        st.caption(f"As of {show_instant(gaps.as_of)}")


def card_html(gap: CareGap) -> str:
    """Title, status, why this patient, and when; a settled one shows what settled it."""
    return (
        f'<div class="card"><h4>{text(gap.title)} {status_tag(gap)}{reply_tag(gap)}</h4>'
        f"<p>{text(gap.why)}</p>{_next_step(gap)}"
        f'<p class="quiet">{" · ".join(text(part) for part in _facts(gap))}</p></div>'
    )


def _next_step(gap: CareGap) -> str:
    return f"<p><b>Next:</b> {text(gap.next_step.label)}</p>" if gap.next_step else ""


def _facts(gap: CareGap) -> list[str]:
    facts = [due_words(gap)] if gap.status in ACTION_STATUSES else []
    if gap.status_until:
        facts.append(f"until {show_date(gap.status_until)}")
    if gap.status_reason:
        facts.append(gap.status_reason)
    if gap.status_by:
        facts.append(f"by {gap.status_by}")
    if gap.owner:
        facts.append(f"owner {gap.owner}")
    if gap.attempts:
        facts.append(
            f"{gap.attempts} contact attempts, last: {gap.last_attempt_outcome or 'outcome not recorded'}"
        )
    facts.append(gap.source_name)
    return [fact for fact in facts if fact]


def details_html(gap: CareGap) -> str:
    """What an auditor of this card would ask: evidence, source, version, as-of."""
    return (
        f'<div class="card"><p>{text(gap.why_it_matters)}</p><p><b>Evidence:</b> {_evidence(gap)}</p>'
        f'<p class="quiet">{text(gap.source_id)} version {text(gap.source_version)} · '
        f"as of {text(show_instant(gap.as_of))} · "
        f"{'shown to the patient' if gap.patient_visible else 'not shown to the patient'}</p></div>"
    )


def _evidence(gap: CareGap) -> str:
    if gap.evidence is None:
        return "no matching record in this chart"
    if gap.evidence.masked:
        return "a restricted record that you may not open"
    parts = [gap.evidence.what or gap.evidence.resource_type, gap.evidence.value, show_date(gap.evidence.on)]
    return " · ".join(text(part) for part in parts if part)


def _card(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    with st.container(border=True, key=f"gap-{gap.source_id}"):
        st.html(card_html(gap))
        if session.may("gap.act"):
            _acts(session, banner, gap)
        with st.expander("Why, and from which evidence"):
            st.html(details_html(gap))


def _acts(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    with st.container(horizontal=True):
        if session.may("chart.write") and gap.status in ACTION_STATUSES and gap.status != "result_pending":
            _order_buttons(session, gap)
        if gap.can_undo and st.button("Undo", key=f"undo-{gap.gap_id}"):
            session.client.care_gaps.undo(gap.gap_id, GapAct(version=gap.version))
            st.rerun()
        if gap.status in ACTION_STATUSES:
            chosen = st.menu_button("More", list(LATER), key=f"more-{gap.gap_id}")
            if chosen:
                LATER[chosen](session, banner, gap)


def _order_buttons(session: StaffSession, gap: CareGap) -> None:
    """One button an order of the next step; the first one is the usual choice."""
    for place, order in enumerate(gap.next_step.orders if gap.next_step else []):
        kind = "primary" if place == 0 else "secondary"
        if st.button(f"Order {order.display}", key=f"order-{gap.gap_id}-{order.code}", type=kind):
            session.client.care_gaps.order(gap.gap_id, OrderGap(version=gap.version, order_code=order.code))
            st.toast(f"Ordered: {order.display}")
            st.rerun()
