"""The profile: who somebody is and who stands around them. Each part is changed in a dialog of its own."""

from __future__ import annotations

import base64

import streamlit as st

from dashboards.front_desk.agreement_forms import consents_panel, directives_panel
from dashboards.front_desk.circle_forms import care_team_panel, proxies_panel
from dashboards.front_desk.contact_forms import contacts_dialog, reach_dialog
from dashboards.front_desk.coverage_forms import coverages_panel
from dashboards.front_desk.identity_forms import heritage_dialog, identity_dialog, names_dialog
from dashboards.front_desk.picture_forms import photo_dialog
from dashboards.front_desk.profile_cards import (
    contacts_html,
    heritage_html,
    identity_html,
    names_html,
    reach_html,
)
from dashboards.shared.banner import show_banner
from dashboards.shared.chart_button import chart_button
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import start_page, tell_remembered, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.demographics import PatientProfile


def profile_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Profile", heading=False)
    patient_id = st.query_params.get("patient")
    if not patient_id:
        st.info("No patient is chosen. Find one under Patients or Register.")
        return
    with told_errors():
        profile = session.client.profile.read(patient_id)
        show_banner(profile.banner)
        tell_remembered()
        _merged_away(profile)
        _head(session, profile)
        who, around = st.columns(2, gap="medium")
        with who:
            _demographics(session, profile)
        with around:
            coverages_panel(session, profile)
            proxies_panel(session, profile)
            care_team_panel(session, profile)
            directives_panel(session, profile)
            consents_panel(session, profile)


def _merged_away(profile: PatientProfile) -> None:
    if profile.banner.replaced_by:
        st.warning(
            "This record was merged into another one and cannot be changed. Open the surviving record."
        )
        if st.button("Open the surviving record"):
            go_to("profile", patient=profile.banner.replaced_by)


def _head(session: StaffSession, profile: PatientProfile) -> None:
    photo, acts = st.columns([1, 6], vertical_alignment="bottom")
    with photo:
        if profile.photo is not None:
            st.image(base64.b64decode(profile.photo.data_base64), width=96, caption="Photo")
        else:
            st.caption("No photo")
    with acts, st.container(horizontal=True):
        chart_button(session, profile.banner.patient_id, key="profile-chart")
        if may_change(session, profile):
            if st.button("Photo", shortcut="Alt+P"):
                photo_dialog(session, profile, fresh_form("photo"))
            if session.may("registration.merge") and st.button("Merge with another record"):
                go_to("duplicates", one=profile.banner.patient_id)
        st.caption(f"Last changed {show_instant(profile.updated_at)}")


def may_change(session: StaffSession, profile: PatientProfile) -> bool:
    return session.may("registration.write") and profile.banner.replaced_by is None


def _demographics(session: StaffSession, profile: PatientProfile) -> None:
    for title, body, dialog, name in (
        ("Identity", identity_html(profile.facts), identity_dialog, "identity"),
        ("Names", names_html(profile.facts), names_dialog, "names"),
        ("Race, ethnicity, language", heritage_html(profile.facts), heritage_dialog, "heritage"),
        ("Phone, e-mail, addresses", reach_html(profile.facts), reach_dialog, "reach"),
        ("Contacts, clinician, pharmacy", contacts_html(profile), contacts_dialog, "contacts"),
    ):
        with st.container(border=True, key=f"profile-{name}"):
            words, act = st.columns([5, 1.3], vertical_alignment="top")
            words.subheader(title, anchor=False)
            words.html(f'<div class="card">{body}</div>')
            if may_change(session, profile) and act.button(
                "Change", key=f"change-{name}", width="stretch", help=f"Change {title.lower()}"
            ):
                dialog(session, profile, fresh_form(name))
