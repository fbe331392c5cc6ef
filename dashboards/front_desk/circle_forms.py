"""Proxies and carers, and the care team, on the profile."""

from __future__ import annotations

import streamlit as st

from dashboards.front_desk.entry_rows import entry_rows
from dashboards.front_desk.identity_forms import DATE_HINT, choice
from dashboards.front_desk.part_forms import save_button
from dashboards.front_desk.saving import about
from dashboards.front_desk.typed import iso_date
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import CareTeamMember, PatientProfile, Proxy, ProxyFacts, SaveProxy
from ehr_core.display import show_phone


def proxies_panel(session: StaffSession, profile: PatientProfile) -> None:
    writable = session.may("registration.write") and profile.banner.replaced_by is None
    with st.container(border=True, key="profile-proxies"):
        words, act = st.columns([4, 2], vertical_alignment="top")
        words.subheader("Proxies and carers", anchor=False)
        if writable and act.button("Add proxy", key="add-proxy", width="stretch"):
            proxy_dialog(session, profile, None, fresh_form("proxy"))
        if not profile.proxies:
            st.caption("Nobody is recorded who may act for the patient.")
        for proxy in profile.proxies:
            st.html(f'<div class="card">{proxy_html(proxy)}</div>')
            if writable and st.button("Change proxy", key=f"change-{proxy.proxy_id}"):
                proxy_dialog(session, profile, proxy, fresh_form("proxy"))


def proxy_html(proxy: Proxy) -> str:
    facts = proxy.facts
    known = vocabulary.relationships().get(facts.relationship or "")
    scopes = [vocabulary.choices("proxy_scopes").get(scope, scope) for scope in facts.scopes]
    state = tag("In force", "closed") if proxy.in_force else tag("Not in force", "apart")
    reach = " · ".join(filter(None, (show_phone(facts.phone) if facts.phone else None, facts.email)))
    until = f"until {show_date(facts.end)}" if facts.end else "no end recorded"
    return (
        f"<h4>{text(facts.name)} {state}</h4>"
        f"<p>{text(known.words if known else None, 'relationship not recorded')} · "
        f"{text(reach, 'no phone recorded')}</p>"
        f'<p class="quiet">May: {text("; ".join(scopes), "nothing in the record")} · {text(until)}</p>'
    )


@st.dialog("Proxy or carer", width="medium")
def proxy_dialog(session: StaffSession, profile: PatientProfile, proxy: Proxy | None, form: str) -> None:
    about(profile)
    old = proxy.facts if proxy else None
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name of the proxy", old.name if old else "", key=f"{form}-name", max_chars=200)
        phone = st.text_input(
            "Phone of the proxy", (old and old.phone) or "", key=f"{form}-phone", max_chars=40
        )
        start = st.text_input(
            "May act from",
            (old and old.start) or "",
            key=f"{form}-start",
            max_chars=10,
            placeholder=DATE_HINT,
        )
    with right:
        related = choice(
            "Relationship",
            {code: concept.words for code, concept in vocabulary.relationships().items()},
            old.relationship if old else None,
            f"{form}-related",
        )
        email = st.text_input(
            "E-mail of the proxy", (old and old.email) or "", key=f"{form}-email", max_chars=200
        )
        end = st.text_input(
            "May act until, this day included",
            (old and old.end) or "",
            key=f"{form}-end",
            max_chars=10,
            placeholder=DATE_HINT,
        )
    scopes = [
        scope
        for scope, words in vocabulary.choices("proxy_scopes").items()
        if st.checkbox(words, bool(old and scope in old.scopes), key=f"{form}-scope-{scope}")
    ]
    active = st.checkbox("In use", old.active if old else True, key=f"{form}-active")
    if not name.strip():
        st.caption("Write the name to save.")
        return
    made = ProxyFacts(
        name=name.strip(),
        relationship=related,
        phone=phone or None,
        email=email or None,
        scopes=scopes,
        start=iso_date(start),
        end=iso_date(end),
        active=active,
    )
    save_button(
        form,
        lambda: session.client.profile.save_proxy(
            profile.banner.patient_id,
            proxy.proxy_id if proxy else None,
            SaveProxy(version_id=proxy.version_id if proxy else None, facts=made),
        ),
        f"{made.name}: saved as proxy or carer.",
    )


def care_team_panel(session: StaffSession, profile: PatientProfile) -> None:
    writable = session.may("registration.write") and profile.banner.replaced_by is None
    with st.container(border=True, key="profile-team"):
        words, act = st.columns([4, 2], vertical_alignment="top")
        words.subheader("Care team", anchor=False)
        if writable and act.button("Change team", key="change-team", width="stretch"):
            team_dialog(session, profile, fresh_form("team"))
        members = (
            f'{text(member.name)} <span class="quiet">{text(member.role, "role not recorded")}</span>'
            for member in profile.care_team.members
        )
        st.html(f'<div class="card">{lines(members, "No care team is recorded.")}</div>')


@st.dialog("Care team", width="large")
def team_dialog(session: StaffSession, profile: PatientProfile, form: str) -> None:
    about(profile)
    names = {person.practitioner_id: person.name for person in profile.clinicians}

    def row(key: str, member: CareTeamMember, number: int) -> CareTeamMember:
        parts = st.columns(3)
        with parts[0]:
            chosen = choice(f"Clinician {number}", names, member.practitioner_id, f"{key}-who")
        name = parts[1].text_input(
            f"Or a name {number}",
            "" if member.practitioner_id else member.name or "",
            key=f"{key}-name",
            max_chars=200,
            disabled=chosen is not None,
        )
        role = parts[2].text_input(f"Role {number}", member.role or "", key=f"{key}-role", max_chars=100)
        return CareTeamMember(
            practitioner_id=chosen, name=None if chosen else name or None, role=role or None
        )

    members = entry_rows(
        form, "member", profile.care_team.members, row, new=lambda: CareTeamMember(), what="member"
    )
    team = profile.care_team.model_copy(update={"members": members})
    save_button(
        form,
        lambda: session.client.profile.save_care_team(profile.banner.patient_id, team),
        "Care team saved.",
    )
