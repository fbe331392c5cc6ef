"""Merges that were made: what moved, what was added since, taking one back, and giving facts to the right record."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.patients import hit_html
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.who import who_words
from data_contracts.api.merging import AddedLater, MergeRecord, UndoMerge
from data_contracts.api.registration import SHORTEST_REASON


def merges_panel(session: StaffSession) -> None:
    found = session.client.merges.merges().merges
    if not found:
        st.info(
            "No records have been merged here. A merge stands here with all that it moved, and can be taken back."
        )
    for merge in found:
        with st.container(border=True, key=f"merge-{merge.merge_id}"):
            _merge(session, merge)


def merge_html(merge: MergeRecord) -> str:
    state = tag("Taken back", "apart") if merge.undone_at else tag("Merged", "closed")
    moved = ", ".join(f"{count.number:,} {count.words.lower()}" for count in merge.moved)
    undone = (
        f"<p>Taken back on {text(show_instant(merge.undone_at))} by {text(merge.undone_by)}: "
        f"{text(merge.undone_reason)}</p>"
        if merge.undone_at
        else ""
    )
    return (
        f"<p>{state} on {text(show_instant(merge.merged_at))} by {text(merge.merged_by)}: {text(merge.reason)}</p>"
        f'{undone}<p class="quiet">Moved: {text(moved, "nothing")}</p>'
    )


def _merge(session: StaffSession, merge: MergeRecord) -> None:
    survivor, other, facts, act = st.columns([3, 3, 4, 1.8], vertical_alignment="center")
    survivor.html(f'<div class="card"><p class="quiet">Survived</p>{hit_html(merge.survivor)}</div>')
    other.html(f'<div class="card"><p class="quiet">Merged away</p>{hit_html(merge.other)}</div>')
    facts.html(f'<div class="card">{merge_html(merge)}</div>')
    with act:
        if merge.undone_at is None:
            if st.button("Take back", key=f"undo-{merge.merge_id}", width="stretch"):
                undo_dialog(session, merge.merge_id, fresh_form("undo"))
        elif st.button("Facts added since", key=f"assign-{merge.merge_id}", width="stretch"):
            assign_dialog(session, merge.merge_id, fresh_form("assign"))


@st.dialog("Take the merge back", width="medium")
def undo_dialog(session: StaffSession, merge_id: str, form: str) -> None:
    """Bound to the merge as it stands when the dialog is drawn, with what was added since."""
    with told_errors():
        merge = session.client.merges.read(merge_id)
        st.write(f"Survived: {who_words(merge.survivor)}")
        st.write(f"Merged away: {who_words(merge.other)}")
        st.write("Everything that the merge moved goes back. What was added since stays with the survivor:")
        st.html(f'<div class="card">{added_html(merge.added_later)}</div>')
        reason = st.text_input("Why it is taken back", key=f"{form}-reason", max_chars=500)
        ready = len((reason or "").strip()) >= SHORTEST_REASON
        if st.button("Take the merge back", type="primary", disabled=not ready, key=f"{form}-go"):
            undone = session.client.merges.undo(
                merge_id, UndoMerge(version=merge.version, reason=reason.strip())
            )
            said = [f"Taken back: {undone.restored:,} entries are where they were."]
            if undone.changed_since:
                said.append(f"{undone.changed_since} went back with a change that was made since.")
            if undone.left_behind:
                said.append(f"{undone.left_behind} stayed with the survivor: deleted since, or about both.")
            if undone.demographics_to_check:
                said.append("The survivor's demographics were changed since the merge: check them.")
            if undone.merge.added_later:
                said.append(
                    f"{len(undone.merge.added_later)} facts were added since: assign them under Merges."
                )
            remember(" ".join(said))
            st.rerun()


def added_html(added: list[AddedLater]) -> str:
    return lines(
        (
            f"<b>{text(fact.kind)}</b> {text(fact.words, '')} "
            f'<span class="quiet">added {text(show_instant(fact.added_at))}</span>'
            for fact in added
        ),
        "Nothing was added since.",
    )


@st.dialog("Facts that were added after the merge", width="medium")
def assign_dialog(session: StaffSession, merge_id: str, form: str) -> None:
    """Each fact stays with the survivor unless somebody says that it is the other person's."""
    with told_errors():
        merge = session.client.merges.read(merge_id)
        st.write(f"Now in the record of {who_words(merge.survivor)}")
        if not merge.added_later:
            st.info("No fact waits to be assigned.")
            return
        st.write(f"Tick what belongs to {who_words(merge.other)}")
        chosen = [
            (fact.resource_type, fact.resource_id)
            for fact in merge.added_later
            if st.checkbox(
                f"{fact.kind}: {fact.words or 'not shown to your role'}, added {show_instant(fact.added_at)}",
                key=f"{form}-{fact.resource_type}-{fact.resource_id}",
            )
        ]
        if st.button("Give to this record", type="primary", disabled=not chosen, key=f"{form}-go"):
            assigned = session.client.merges.assign(merge_id, chosen)
            remember(f"{assigned.assigned} facts were given to the other record.")
            st.rerun()
