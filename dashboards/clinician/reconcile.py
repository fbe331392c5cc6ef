"""Reconciling medications: what is taken at home beside the chart, in five columns; one click each, one act saves."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.clinician.medication_rows import entry_html
from dashboards.clinician.product_search import find_product
from dashboards.clinician.reconcile_changes import carried_over
from dashboards.shared.banner import show_banner
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.support_cards import support_cards
from data_contracts.api.medications import ProductOption
from data_contracts.api.patients import PatientBanner
from data_contracts.api.reconciliation import (
    COLUMN_WORDS,
    DECISION_WORDS,
    Reconciliation,
    ReconciliationRow,
    RecordHomeMedication,
    RowDecision,
    SaveReconciliation,
)

DECIDED = "reconciliation_decided"
CHANGED = "The lists have changed since they were drawn, so nothing was saved."
NEEDS_PRESCRIBER = "stop"


def reconcile_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Reconcile medications", heading=False)
    patient_id = st.query_params.get("patient")
    if not patient_id:
        st.info("No patient is chosen. Find one under Patients, or open a visit under Today.")
        return
    with told_errors():
        shown = session.client.medications.reconciliation(patient_id)
        show_banner(shown.banner)
        tell_remembered()
        _top(session, shown)
        decided = _decisions(shown)
        _columns(session, shown, decided)
        _save(session, shown, decided)
        with st.expander("What these medications say of each other", expanded=bool(shown.cards.interrupting)):
            support_cards(shown.cards, "review", asks=False)


def _decisions(shown: Reconciliation) -> dict[str, str]:
    """What was decided on exactly these lines. When the lists change meanwhile, the page says what is different."""
    kept = st.session_state.get(DECIDED)
    if kept is None or kept["patient"] != shown.banner.patient_id:
        kept = {"patient": shown.banner.patient_id, "decided": {}, "told": ""}
    elif kept["seen"] != shown.seen and kept["decided"]:
        carried = carried_over(kept["rows"], shown.rows, kept["decided"])
        kept |= {"decided": carried.decided, "told": f"{CHANGED} {carried.words}"}
    st.session_state[DECIDED] = kept = {**kept, "seen": shown.seen, "rows": shown.rows}
    if kept["told"]:
        st.warning(kept["told"])
    return kept["decided"]


def _top(session: StaffSession, shown: Reconciliation) -> None:
    if shown.must_be_reconciled:
        st.warning(shown.must_be_reconciled)
    if shown.uncoded:
        st.warning(f"Could not be identified, so not checked: {plain_words('; '.join(shown.uncoded))}.")
    last = f"Last reconciled {show_instant(shown.last_at)} by {shown.last_by}" if shown.last_at else None
    st.caption(f"{shown.allergy_words}. {last or 'Not reconciled yet'}.")
    with st.container(horizontal=True):
        if st.button("Back to medications", key="to_medications"):
            go_to("medications", patient=shown.banner.patient_id)
        if session.may("medication.reconcile") and st.button("Add what is taken at home", shortcut="Alt+H"):
            _home(session, shown.banner, fresh_form("home"), str(uuid4()))


def _columns(session: StaffSession, shown: Reconciliation, decided: dict[str, str]) -> None:
    columns = dict(zip(COLUMN_WORDS, st.columns(len(COLUMN_WORDS), gap="small"), strict=True))
    for name, words in COLUMN_WORDS.items():
        rows = [row for row in shown.rows if (row.key in decided) == (name == "decided")]
        rows = [row for row in rows if name in ("decided", row.column)]
        with columns[name]:
            st.subheader(f"{words} ({len(rows)})", anchor=False)
            for row in rows:
                _row(session, row, decided)
            if name == "decided" and not decided and shown.last_decisions:
                lines = [f"{one.name}: {one.decision.lower()}" for one in shown.last_decisions]
                st.caption("Last time: " + "; ".join(lines))


def _row(session: StaffSession, row: ReconciliationRow, decided: dict[str, str]) -> None:
    with st.container(border=True, key=f"row-{row.key}"):
        for side, entry in (("Home", row.home), ("Chart", row.chart)):
            if entry is not None:
                st.html(f"<p class='quiet'>{side}</p>{entry_html(entry)}")
        if row.differs_in:
            st.caption(f"Differs in {' and '.join(row.differs_in)}.")
        if not session.may("medication.reconcile"):
            return
        if row.key in decided:
            st.write(f"**{DECISION_WORDS[decided[row.key]]}**")
            st.button("Undo", key=f"undo-{row.key}", on_click=decided.pop, args=(row.key,))
            return
        for decision in row.offered:
            needs = decision == NEEDS_PRESCRIBER and row.chart is not None
            st.button(
                DECISION_WORDS[decision],
                key=f"{decision}-{row.key}",
                on_click=decided.__setitem__,
                args=(row.key, decision),
                width="stretch",
                disabled=needs and not session.may("medication.prescribe"),
                help="Stopping a prescription needs a prescriber." if needs else None,
            )


def _save(session: StaffSession, shown: Reconciliation, decided: dict[str, str]) -> None:
    if not shown.rows:
        st.info("Nothing is on either list. Add what is taken at home, or nothing is left to reconcile.")
    if not decided:
        return
    about(shown.banner)
    if st.button(f"Save {len(decided)} of {len(shown.rows)} decisions", type="primary", shortcut="Alt+S"):
        decisions = [RowDecision(key=key, decision=decision) for key, decision in decided.items()]
        act = SaveReconciliation(seen=shown.seen, decisions=decisions)
        done = session.client.medications.reconcile(shown.banner.patient_id, act)
        st.session_state.pop(DECIDED, None)
        waits = f" {done.drafts} wait for a signature." if done.drafts else ""
        remember(f"{done.decided} decided, {done.left} left.{waits}")
        st.rerun()


@st.dialog("What is taken at home", width="large")
def _home(session: StaffSession, banner: PatientBanner, form: str, request_id: str) -> None:
    about(banner)
    chosen = find_product(session, form)
    how = st.text_input("How, in their words", max_chars=500, key=f"{form}-how")
    told_by = st.text_input("Told by", value="patient", max_chars=100, key=f"{form}-by")
    if st.button("Save", type="primary", disabled=chosen is None, key=f"{form}-save"):
        with told_errors():
            product = chosen if isinstance(chosen, ProductOption) else None
            told = RecordHomeMedication(
                request_id=request_id,
                rxcui=product.rxcui if product else None,
                name=product.name if product else str(chosen),
                how=how.strip() or None,
                told_by=told_by.strip() or "patient",
            )
            entry = session.client.medications.record_home(banner.patient_id, told)
            remember(f"{entry.name} was written down as taken at home.")
            st.rerun()
