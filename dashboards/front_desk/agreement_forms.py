"""Advance directives and consents on the profile: what was said, when, and the document behind it."""

from __future__ import annotations

import base64

import streamlit as st

from dashboards.front_desk.identity_forms import DATE_HINT, choice
from dashboards.front_desk.part_forms import save_button
from dashboards.front_desk.saving import about
from dashboards.front_desk.typed import iso_date
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import tag, text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import (
    ConsentState,
    Directive,
    DirectiveFacts,
    PatientProfile,
    SaveConsent,
    SaveDirective,
)

SAID_WORDS = {"given": "Given", "refused": "Refused", "not_recorded": "Not asked, as far as recorded"}
SAID_KIND = {"given": "closed", "refused": "open", "not_recorded": "apart"}
STATUS_WORDS = {
    "active": "In force",
    "inactive": "Revoked or replaced",
    "entered-in-error": "Entered in error",
}


def consents_panel(session: StaffSession, profile: PatientProfile) -> None:
    writable = session.may("registration.write") and profile.banner.replaced_by is None
    with st.container(border=True, key="profile-consents"):
        st.subheader("Consents", anchor=False)
        for state in profile.consents:
            words, act = st.columns([5, 2], vertical_alignment="center")
            words.html(f'<div class="card">{consent_html(state)}</div>')
            if writable and act.button(
                "Record answer",
                key=f"consent-{state.kind}",
                width="stretch",
                help=f"Record the answer about: {state.label}",
            ):
                consent_dialog(session, profile, state, fresh_form("consent"))


def consent_html(state: ConsentState) -> str:
    on = f'<span class="quiet">{text(show_date(state.on))}</span>' if state.on else ""
    return f"<p>{text(state.label)} {tag(SAID_WORDS[state.said], SAID_KIND[state.said])} {on}</p>"


@st.dialog("Consent")
def consent_dialog(session: StaffSession, profile: PatientProfile, state: ConsentState, form: str) -> None:
    about(profile)
    st.write(f"**{state.label}**: {SAID_WORDS[state.said].lower()}")
    said = st.radio(
        "The patient's word today",
        ["given", "refused"],
        index=None,
        format_func=SAID_WORDS.get,
        key=f"{form}-said",
    )
    if said is None:
        st.caption("Silence is recorded as nothing: neither yes nor no.")
        return
    save_button(
        form,
        lambda: session.client.profile.save_consent(
            profile.banner.patient_id, SaveConsent(kind=state.kind, said=said, expected=state.said)
        ),
        f"{state.label}: {SAID_WORDS[said].lower()}.",
    )


def directives_panel(session: StaffSession, profile: PatientProfile) -> None:
    writable = session.may("registration.write") and profile.banner.replaced_by is None
    with st.container(border=True, key="profile-directives"):
        words, act = st.columns([4, 2], vertical_alignment="top")
        words.subheader("Advance directives", anchor=False)
        if writable and act.button("Add directive", key="add-directive", width="stretch"):
            directive_dialog(session, profile, None, fresh_form("directive"))
        if not profile.directives:
            st.caption("No advance directive is on file. That does not mean that there is none.")
        for directive in profile.directives:
            st.html(f'<div class="card">{directive_html(directive)}</div>')
            if writable and st.button("Change directive", key=f"change-{directive.directive_id}"):
                directive_dialog(session, profile, directive, fresh_form("directive"))


def directive_html(directive: Directive) -> str:
    facts = directive.facts
    kind = vocabulary.choices("directives").get(facts.kind, facts.kind)
    mark = tag(STATUS_WORDS[facts.status], "open" if facts.status == "active" else "apart")
    note = "" if facts.note in (None, kind) else f"<p>{text(facts.note)}</p>"
    return (
        f"<h4>{text(kind)} {mark}</h4>{note}"
        f'<p class="quiet">Of {text(show_date(facts.on))} · {text(directive.document, "no document on file")}</p>'
    )


@st.dialog("Advance directive", width="medium")
def directive_dialog(
    session: StaffSession, profile: PatientProfile, directive: Directive | None, form: str
) -> None:
    about(profile)
    facts = directive.facts if directive else None
    kind = choice(
        "Kind of directive", vocabulary.choices("directives"), facts.kind if facts else None, f"{form}-kind"
    )
    left, right = st.columns(2)
    on = left.text_input(
        "Date of the document",
        (facts and facts.on) or "",
        key=f"{form}-on",
        max_chars=10,
        placeholder=DATE_HINT,
    )
    with right:
        status = choice("Status", STATUS_WORDS, facts.status if facts else "active", f"{form}-status")
    note = st.text_area("Note", (facts and facts.note) or "", key=f"{form}-note", max_chars=1000)
    file = st.file_uploader(
        "Document (PDF or picture, optional)", type=["pdf", "png", "jpg", "jpeg"], key=f"{form}-file"
    )
    if kind is None:
        st.caption("Choose the kind to save.")
        return
    save = SaveDirective(
        version_id=directive.version_id if directive else None,
        facts=DirectiveFacts(kind=kind, status=status or "active", on=iso_date(on), note=note or None),
        document_base64=base64.b64encode(file.getvalue()).decode() if file else None,
        document_type=file.type if file else None,
        document_name=file.name if file else None,
    )
    save_button(
        form,
        lambda: session.client.profile.save_directive(
            profile.banner.patient_id, directive.directive_id if directive else None, save
        ),
        "Advance directive saved.",
    )
