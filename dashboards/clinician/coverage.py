"""Coverage and pools: who looks at whose results on which days, and who shares an inbox."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboards.clinician.form_parts import now_at_site
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.results_inbox import (
    AddCoverage,
    AddPool,
    CancelCoverage,
    Coverage,
    CoverageSettings,
    Pool,
    SetPoolMembers,
)

PURPOSES = {
    "unassigned": "Results that name no clinician of ours come here.",
    "on_call": "Critical results that nobody acknowledges are passed on to it.",
    "team": "A team shares what is delegated to it.",
}


def coverage_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Coverage and pools")
    tell_remembered()
    with told_errors():
        found = session.client.results_inbox.coverage()
        st.caption(
            f"A critical result that nobody has acknowledged after {found.escalation_minutes} minutes goes to who "
            "covers, and after as long again to the pool on call."
        )
        st.subheader("Away and covered", anchor=False)
        for coverage in found.coverages:
            _coverage(session, coverage)
        if not found.coverages:
            st.info("Nobody is entered as away.")
        if session.may("result.act"):
            _add_form(session, found)
        st.subheader("Pools", anchor=False)
        for pool in found.pools:
            _pool(session, found, pool)
        if session.may("result.act"):
            _add_pool(session)


def coverage_html(coverage: Coverage) -> str:
    state = tag("In force", "waiting") if coverage.in_force else tag("To come", "apart")
    return (
        f"<h4>{text(coverage.away_name)} {state}</h4><p>{text(show_date(coverage.starts_on))} to "
        f"{text(show_date(coverage.ends_on))}, covered by <b>{text(coverage.covering)}</b></p>"
        f'<p class="quiet">Entered by {text(coverage.made_by)}</p>'
    )


def _coverage(session: StaffSession, coverage: Coverage) -> None:
    place = f"coverage-{coverage.coverage_id}"
    with st.container(border=True, key=place):
        what, act = st.columns([6, 1.5], vertical_alignment="center")
        what.html(f'<div class="card">{coverage_html(coverage)}</div>')
        if session.may("result.act"):
            act.button(
                "Cancel", key=f"cancel-{coverage.coverage_id}", on_click=_cancel, args=(session, coverage)
            )
        tell_refusal(place)


def _cancel(session: StaffSession, coverage: Coverage) -> None:
    act = CancelCoverage(version=coverage.version)
    tried(
        f"coverage-{coverage.coverage_id}",
        lambda: session.client.results_inbox.cancel_coverage(coverage.coverage_id, act),
    )


def _add_form(session: StaffSession, found: CoverageSettings) -> None:
    clinicians = dict(found.choices.clinicians)
    covers = {("covering_practitioner", one): name for one, name in found.choices.clinicians}
    covers |= {("covering_pool", one): f"Pool: {name}" for one, name in found.choices.pools}
    with st.form("add_coverage"):
        away, cover = st.columns(2)
        own = session.me.practitioner_id
        who = away.selectbox(
            "Who is away",
            list(clinicians),
            index=list(clinicians).index(own) if own in clinicians else None,
            format_func=clinicians.get,
        )
        by = cover.selectbox("Who covers", list(covers), index=None, format_func=covers.get)
        first, last = st.columns(2)
        today = now_at_site().date()
        starts = first.date_input("First day", value=today, min_value=today, format="YYYY-MM-DD")
        ends = last.date_input(
            "Last day", value=today + timedelta(days=7), min_value=today, format="YYYY-MM-DD"
        )
        saved = st.form_submit_button("Enter the absence", type="primary")
    if saved and (who is None or by is None):
        st.error("Not saved: say who is away and who covers.")
    elif saved:
        act = AddCoverage(away_practitioner=who, starts_on=starts, ends_on=ends, **{by[0]: by[1]})
        session.client.results_inbox.add_coverage(act)
        remember(
            f"{clinicians[who]} is covered by {covers[by]} from {show_date(starts)} to {show_date(ends)}."
        )
        st.rerun()


def pool_html(pool: Pool) -> str:
    members = lines((text(name) for _, name in pool.members), "Everybody who may act on results")
    return f'<h4>{text(pool.name)}</h4><p class="quiet">{text(PURPOSES[pool.purpose])}</p>{members}'


def _pool(session: StaffSession, found: CoverageSettings, pool: Pool) -> None:
    with st.container(border=True, key=f"pool-{pool.pool_id}"):
        what, who = st.columns([4, 4], vertical_alignment="top")
        what.html(f'<div class="card">{pool_html(pool)}</div>')
        if not session.may("result.act"):
            return
        clinicians = dict(found.choices.clinicians)
        with who.form(f"members-{pool.pool_id}"):
            members = st.multiselect(
                f"Members of {pool.name}",
                list(clinicians),
                default=[one for one, _ in pool.members if one in clinicians],
                format_func=clinicians.get,
            )
            if st.form_submit_button("Save members"):
                session.client.results_inbox.set_pool_members(pool.pool_id, SetPoolMembers(members=members))
                remember(f"{pool.name}: members saved.")
                st.rerun()


def _add_pool(session: StaffSession) -> None:
    with st.form("add_pool"):
        name = st.text_input("A new pool for a team", max_chars=80).strip()
        if st.form_submit_button("Make the pool"):
            if len(name) < 2:
                st.error("Not saved: give the pool a name.")
                return
            session.client.results_inbox.add_pool(AddPool(name=name))
            remember(f"Pool {name} made.")
            st.rerun()
