"""Risk: how many people stand in each care tier, and the way to them on the worklist."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import table, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.url_choice import url_choice
from data_contracts.api.risk import TIER_WORDS, TierCounts

EXPLAINED = (
    "The care tier is the highest of the clinical scores (Charlson, Elixhauser, PREVENT), or what a clinician or care "
    "manager has adjusted. HCC is a payment score and never makes a tier. Unknown is not low: it means that too little "
    "is recorded. Thresholds come from the scores' publications; they rank people and predict nobody's course."
)


def risk_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Risk")
    with told_errors():
        clinic = _clinic(session)
        counts = session.client.risk.tiers(clinic)
        st.caption(as_of_words(counts))
        st.html(
            table(
                ["Care tier", "People", "Share", "Of them adjusted"],
                tier_rows(counts),
                caption="People by care tier",
            )
        )
        if any(one.people is None or one.adjusted is None for one in counts.counts):
            st.caption(
                f"Numbers below {counts.small_cell}, and those that would give them away, are not shown."
            )
        if session.may("worklist.read"):
            _links(counts, clinic)
        with st.expander("How a tier comes about"):
            st.write(EXPLAINED)


def _clinic(session: StaffSession) -> str | None:
    if not session.may("worklist.read"):
        return None
    clinics = dict(session.client.worklist.choices().clinics)
    return url_choice("Clinic", "clinic_id", clinics, placeholder="All", width=220)


def as_of_words(counts: TierCounts) -> str:
    when = f"computed for {show_date(counts.as_of)}" if counts.as_of else "never computed"
    people = f"{counts.total} people" if counts.total is not None else "few people"
    return f"{people} · {when}, and again after each change of a record"


def tier_rows(counts: TierCounts) -> list[list[str]]:
    return [
        [
            f"<b>{text(TIER_WORDS[one.tier])}</b>",
            text(_number(one.people)),
            text(_share(one.people, counts.total)),
            text(_number(one.adjusted)),
        ]
        for one in counts.counts
    ]


def _number(count: int | None) -> str:
    return "not shown" if count is None else f"{count:,}"


def _share(count: int | None, total: int | None) -> str:
    return f"{count / total:.1%}" if count is not None and total else "–"


def _links(counts: TierCounts, clinic: str | None) -> None:
    """To the people: the worklist holds those of a tier who have a gap that wants action."""
    st.write("Open the worklist of a tier:")
    with st.container(horizontal=True):
        for one in counts.counts:
            if one.people and st.button(TIER_WORDS[one.tier], key=f"tier-{one.tier}"):
                kept = {"clinic_id": clinic} if clinic else {}
                go_to("worklist", tier=one.tier, sort="tier", **kept)
