"""Marking any entry of the chart as entered in error, and taking that back: both say why, neither loses anything."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboards.clinician.gap_cards import watch_for_remeasure
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import MarkInError, Reinstate, RetractableType
from data_contracts.api.patients import PatientBanner
from ehr_core.display import show_name

SHORTEST_REASON = 3


@dataclass(frozen=True)
class Entry:
    """What the dialog is about: one version of one entry, and how it was shown."""

    resource_type: RetractableType
    resource_id: str
    version_id: int
    name: str
    on: str | None

    @property
    def words(self) -> str:
        return f"{self.name} of {show_date(self.on)}"


def entry_act(session: StaffSession, banner: PatientBanner, entry: Entry, *, retracted: bool) -> None:
    """The one button that fits: retract what counts, reinstate what was retracted."""
    key = f"{entry.resource_id}-{entry.version_id}"
    if retracted:
        if st.button("Reinstate", key=f"reinstate-{key}"):
            _reinstate_dialog(session, banner, entry, fresh_form("reinstate"))
    elif st.button("Entered in error", key=f"error-{key}"):
        _in_error_dialog(session, banner, entry, fresh_form("in_error"))


def _about(banner: PatientBanner, entry: Entry) -> None:
    st.write(
        f"**{show_name(banner.name)}**, born {show_date(banner.birth_date)}, MRN {banner.mrn or 'not recorded'}"
    )
    st.write(plain_words(entry.words))


def _reason(form: str) -> str | None:
    """Why, as typed; None, with a sentence, while it is too short to say anything."""
    reason = st.session_state.get(f"{form}-reason", "").strip()
    if len(reason) >= SHORTEST_REASON:
        return reason
    st.error("Not saved: say why.")
    return None


def _done(message: str) -> None:
    watch_for_remeasure()
    remember(message)
    st.rerun()


@st.dialog("Mark as entered in error")
def _in_error_dialog(session: StaffSession, banner: PatientBanner, entry: Entry, form: str) -> None:
    _about(banner, entry)
    st.caption("It stays in the history, struck through, and counts for nothing: care gaps are judged again.")
    st.text_input("Why", key=f"{form}-reason", max_chars=500)
    if st.button("Mark as entered in error", type="primary"):
        with told_errors():
            if reason := _reason(form):
                mark = MarkInError(version_id=entry.version_id, reason=reason)
                session.client.charting.mark_in_error(entry.resource_id, mark, entry.resource_type)
                _done(f"{entry.words} marked as entered in error. Reinstate takes it back.")


@st.dialog("Reinstate")
def _reinstate_dialog(session: StaffSession, banner: PatientBanner, entry: Entry, form: str) -> None:
    _about(banner, entry)
    st.caption("It was right after all: it counts again as it did before, and care gaps are judged again.")
    st.text_input("Why", key=f"{form}-reason", max_chars=500)
    if st.button("Reinstate this entry", type="primary"):
        with told_errors():
            if reason := _reason(form):
                act = Reinstate(version_id=entry.version_id, reason=reason)
                session.client.charting.reinstate(entry.resource_id, act, entry.resource_type)
                _done(f"{entry.words} reinstated.")
