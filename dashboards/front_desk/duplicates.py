"""Double records: pairs that may be one person, two records side by side, and the merges that were made."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.patients import hit_html
from dashboards.front_desk.candidates import grade_tag
from dashboards.front_desk.compare import compare_panel
from dashboards.front_desk.merges import merges_panel
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import lines, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.who import who_words
from data_contracts.api.merging import DuplicatePair, DuplicatePairs

PAIRS_SHOWN = 20


def duplicates_page() -> None:
    """`?one=` and `?other=` are opaque ids; with both, the two are compared."""
    session: StaffSession = st.session_state["session"]
    start_page("Double records")
    tell_remembered()
    one, other = st.query_params.get("one"), st.query_params.get("other")
    if one and other:
        if st.button("Back to the list", key="back"):
            _choose()
        compare_panel(session, one, other)
        return
    if one:
        _find_the_other(session, one)
        return
    pairs, merges = st.tabs(["To look at", "Merges"])
    with pairs, told_errors():
        _pairs(session, session.client.merges.pairs())
    with merges, told_errors():
        merges_panel(session)


def _choose(one: str | None = None, other: str | None = None) -> None:
    st.query_params.clear()
    if one:
        st.query_params["one"] = one
    if other:
        st.query_params["other"] = other
    st.rerun()


def _pairs(session: StaffSession, found: DuplicatePairs) -> None:
    looked = (
        f"all {found.records:,} records"
        if found.looked_at == found.records
        else f"the {found.looked_at:,} records changed most recently, each compared with all {found.records:,}"
    )
    if not found.pairs:
        st.info(f"No two records look like one person's among {looked}.")
        return
    shown = f", the first {PAIRS_SHOWN} are shown" if len(found.pairs) > PAIRS_SHOWN else ""
    number = "1 pair" if len(found.pairs) == 1 else f"{len(found.pairs)} pairs"
    st.caption(f"{number} among {looked}{shown}.")
    for pair in found.pairs[:PAIRS_SHOWN]:
        _pair(pair, session)


def _pair(pair: DuplicatePair, session: StaffSession) -> None:
    key = f"{pair.one.patient_id}-{pair.other.patient_id}"
    with st.container(border=True, key=f"pair-{key}"):
        one, other, why, act = st.columns([4, 4, 3, 1.8], vertical_alignment="center")
        one.html(f'<div class="card">{hit_html(pair.one)}</div>')
        other.html(f'<div class="card">{hit_html(pair.other)}</div>')
        reasons = lines(map(text, pair.reasons), "No fact in common is recorded.")
        why.html(f'<div class="card">{grade_tag(pair.grade)}{reasons}</div>')
        with act:
            if st.button("Compare", key=f"compare-{key}", width="stretch"):
                _choose(pair.one.patient_id, pair.other.patient_id)
            if st.button("Two people", key=f"apart-{key}", width="stretch"):
                two_people_dialog(session, pair, fresh_form("apart"))


@st.dialog("These are two people")
def two_people_dialog(session: StaffSession, pair: DuplicatePair, form: str) -> None:
    st.write(who_words(pair.one))
    st.write(who_words(pair.other))
    reason = st.text_input("How you know", key=f"{form}-reason", max_chars=500)
    if st.button("They are two people", type="primary", disabled=len((reason or "").strip()) < 3):
        with told_errors():
            session.client.merges.not_the_same(pair.one.patient_id, pair.other.patient_id, reason.strip())
            remember("Kept as two people. The pair is not offered again.")
            st.rerun()


def _find_the_other(session: StaffSession, one: str) -> None:
    """From a profile: which record is the same person's?"""
    with told_errors():
        banner = session.client.registration.banner(one)
        st.write(f"Merge {who_words(banner)} with which record?")
        search = st.text_input(
            "Look for the other record: name, birth date, MRN or phone",
            key=f"other_search-{one}",
            type="search",
            live=True,
            max_chars=100,
        )
        if st.button("Back to the list", key="back"):
            _choose()
        if len((search or "").strip()) < 2:
            st.caption("Type at least two characters.")
            return
        hits = [
            hit
            for hit in session.client.registration.search(search.strip(), limit=10).hits
            if hit.patient_id != one
        ]
        if not hits:
            st.info("Nobody else is found. Check the spelling, or try the birth date.")
        for hit in hits:
            with st.container(border=True, key=f"hit-{hit.patient_id}"):
                facts, act = st.columns([6, 1.4], vertical_alignment="center")
                facts.html(f'<div class="card">{hit_html(hit)}</div>')
                if act.button("Compare", key=f"compare-{hit.patient_id}", width="stretch"):
                    _choose(one, hit.patient_id)
