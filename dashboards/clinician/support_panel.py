"""Decision support beside an open chart: passive cards, and the vaccinations that come next by the site's schedule."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import plain_words, tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.support_cards import support_cards
from data_contracts.api.chart_support import VACCINE_STATUS_WORDS, ChartSupport, VaccineForecast
from data_contracts.api.patients import PatientBanner

KINDS = {
    "overdue": "open",
    "due": "open",
    "could_not_be_checked": "waiting",
    "individual_decision": "waiting",
    "contraindicated": "open",
}
SETTLED = ("complete", "not_recommended", "due_later")


def support_panel(session: StaffSession, banner: PatientBanner) -> None:
    with told_errors():
        shown = session.client.decision_support.of_chart(banner.patient_id)
        with st.container(border=True, key="vaccinations"):
            st.subheader("Vaccinations by schedule", anchor=False)
            _vaccines(shown)
        if shown.cards.cards:
            with st.expander(f"Decision support ({len(shown.cards.cards)})"):
                support_cards(shown.cards, "chart", asks=False)


def _vaccines(shown: ChartSupport) -> None:
    due = [one for one in shown.vaccines if one.status not in SETTLED]
    wanted = [one for one in due if not one.in_gap]
    settled = [one for one in shown.vaccines if one.status in SETTLED]
    st.html("".join(map(vaccine_html, wanted)) or "<p class='quiet'>Nothing is asked for today.</p>")
    if said := [one.title for one in due if one.in_gap]:
        st.caption(f"In the care gaps above: {', '.join(said)}.")
    if shown.unread:
        st.warning(
            f"Of these doses nobody can say which vaccine it was: {plain_words('; '.join(shown.unread))}."
        )
    if settled:
        with st.expander(f"Complete, later or not recommended ({len(settled)})"):
            st.html("".join(map(vaccine_html, settled)))
    st.caption(
        f"{shown.schedule} As of {show_date(shown.as_of)}. What is due for outreach stands in the care gaps."
    )


def vaccine_html(one: VaccineForecast) -> str:
    dates = [
        ("recommended", one.recommended_on),
        ("not before", one.earliest_on),
        ("overdue after", one.past_due_on),
    ]
    said = " · ".join(f"{words} {show_date(on)}" for words, on in dates if on)
    dose = f", dose {one.dose_number}" if one.dose_number else ""
    more = [said, one.advice or "", *one.cautions, *(f"Does not count: {each}" for each in one.not_counted)]
    head = tag(VACCINE_STATUS_WORDS[one.status], KINDS.get(one.status, "apart"))
    return (
        f'<div class="card">{head} <b>{text(one.title)}</b>{text(dose, "")}<p>{text(one.why)}</p>'
        + "".join(f"<p class='quiet'>{text(each)}</p>" for each in more if each)
        + "</div>"
    )
