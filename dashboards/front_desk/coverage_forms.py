"""Coverages on the profile: in their order, with the pictures of the card."""

from __future__ import annotations

import base64

import streamlit as st

from dashboards.front_desk.identity_forms import DATE_HINT, choice
from dashboards.front_desk.part_forms import save_button
from dashboards.front_desk.saving import about
from dashboards.front_desk.typed import iso_date
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words, tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import Coverage, CoverageFacts, PatientProfile, SaveCard, SaveCoverage

PICTURES = ["jpg", "jpeg", "png"]


def coverages_panel(session: StaffSession, profile: PatientProfile) -> None:
    writable = session.may("registration.write") and profile.banner.replaced_by is None
    with st.container(border=True, key="profile-coverages"):
        words, act = st.columns([4, 2], vertical_alignment="top")
        words.subheader("Coverage", anchor=False)
        if writable and act.button("Add coverage", key="add-coverage", width="stretch"):
            coverage_dialog(session, profile, None, fresh_form("coverage"))
        if not profile.coverages:
            st.caption("No coverage is recorded. That is not the same as none: ask.")
        for coverage in profile.coverages:
            _coverage(session, profile, coverage, writable=writable)


def coverage_html(coverage: Coverage) -> str:
    facts = coverage.facts
    order = vocabulary.choices("coverage_orders").get(str(facts.order), f"Number {facts.order}")
    mark = tag(order, "closed") if facts.active else tag("Not in use", "apart")
    related = vocabulary.choices("subscriber_relationships").get(facts.relationship, facts.relationship)
    until = f" until {show_date(facts.end)}" if facts.end else ""
    subscriber = (
        f"{text(facts.subscriber)} ({text(related.lower())})"
        if facts.relationship != "self"
        else "the patient"
    )
    return (
        f"<h4>{text(facts.payer)} {mark}</h4>"
        f"<p>Member {text(facts.member_id)} · group {text(facts.group_number)} · plan {text(facts.plan)}</p>"
        f'<p class="quiet">Subscriber: {subscriber} · '
        f"from {text(show_date(facts.start))}{text(until, '')}</p>"
    )


def _coverage(session: StaffSession, profile: PatientProfile, coverage: Coverage, *, writable: bool) -> None:
    st.html(f'<div class="card">{coverage_html(coverage)}</div>')
    with st.container(horizontal=True):
        if writable:
            if st.button("Change coverage", key=f"change-{coverage.coverage_id}"):
                coverage_dialog(session, profile, coverage, fresh_form("coverage"))
            if st.button("Card", key=f"card-{coverage.coverage_id}"):
                card_dialog(session, profile, coverage, fresh_form("card"))
        if not coverage.card_sides:
            st.caption("No picture of the card.")


@st.dialog("Coverage", width="medium")
def coverage_dialog(
    session: StaffSession, profile: PatientProfile, coverage: Coverage | None, form: str
) -> None:
    about(profile)
    facts = coverage.facts if coverage else None
    left, right = st.columns(2)
    payer = left.text_input("Payer", facts.payer if facts else "", key=f"{form}-payer", max_chars=200)
    plan = right.text_input("Plan", (facts and facts.plan) or "", key=f"{form}-plan", max_chars=200)
    member = left.text_input(
        "Member number", (facts and facts.member_id) or "", key=f"{form}-member", max_chars=60
    )
    group = right.text_input(
        "Group number", (facts and facts.group_number) or "", key=f"{form}-group", max_chars=60
    )
    with left:
        related = choice(
            "The subscriber is",
            vocabulary.choices("subscriber_relationships"),
            facts.relationship if facts else "self",
            f"{form}-related",
        )
        start = st.text_input(
            "Begins", (facts and facts.start) or "", key=f"{form}-start", max_chars=10, placeholder=DATE_HINT
        )
    with right:
        subscriber = st.text_input(
            "Name of the subscriber",
            (facts and facts.subscriber) or "",
            key=f"{form}-subscriber",
            max_chars=200,
            disabled=related == "self",
        )
        end = st.text_input(
            "Ends", (facts and facts.end) or "", key=f"{form}-end", max_chars=10, placeholder=DATE_HINT
        )
    order = st.segmented_control(
        "Order",
        list(vocabulary.choices("coverage_orders")),
        format_func=vocabulary.choices("coverage_orders").get,
        default=str(facts.order) if facts and facts.order <= 3 else "1",
        key=f"{form}-order",
    )
    active = st.checkbox("In use", facts.active if facts else True, key=f"{form}-active")

    if not payer.strip():
        st.caption("Write the payer to save.")
        return
    made = CoverageFacts(
        order=int(order or 1),
        payer=payer.strip(),
        plan=plan or None,
        member_id=member or None,
        group_number=group or None,
        relationship=related or "self",
        subscriber=None if related == "self" else subscriber or None,
        start=iso_date(start),
        end=iso_date(end),
        active=active,
    )
    save_button(
        form,
        lambda: session.client.profile.save_coverage(
            profile.banner.patient_id,
            coverage.coverage_id if coverage else None,
            SaveCoverage(version_id=coverage.version_id if coverage else None, facts=made),
        ),
        "Coverage saved.",
    )


@st.dialog("Insurance card", width="medium")
def card_dialog(session: StaffSession, profile: PatientProfile, coverage: Coverage, form: str) -> None:
    """Shows the sides there are, and takes new ones."""
    about(profile)
    st.write(plain_words(f"{coverage.facts.payer}, member {coverage.facts.member_id or 'not recorded'}"))
    with told_errors():
        for side in coverage.card_sides:
            picture = session.client.profile.card(profile.banner.patient_id, coverage.coverage_id, side)
            st.image(base64.b64decode(picture.data_base64), caption=f"Card, {side}")
    side = st.segmented_control("Side", ["front", "back"], default="front", key=f"{form}-side")
    file = st.file_uploader(
        "Picture of this side (JPEG or PNG, at most 10 MB)", type=PICTURES, key=f"{form}-file"
    )
    if file is None:
        st.caption("Choose a picture to save.")
        return
    card = SaveCard(side=side or "front", data_base64=base64.b64encode(file.getvalue()).decode())
    save_button(
        form,
        lambda: session.client.profile.save_card(profile.banner.patient_id, coverage.coverage_id, card),
        "Picture of the card saved.",
    )
