"""Two records side by side: which one survives, which facts it keeps, what will move, and the confirm of both."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.patients import hit_html
from dashboards.front_desk.candidates import grade_tag
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import lines, table, tag, text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.who import who_words
from data_contracts.api.merging import Choice, MergeField, MergePatients, MergePreview, MergeSide
from data_contracts.api.registration import SHORTEST_REASON

CHOICE_WORDS: dict[Choice, str] = {"survivor": "Surviving", "other": "Other", "both": "Both"}


def compare_panel(session: StaffSession, one: str, other: str) -> None:
    swapped = st.session_state.get(f"swap-{one}-{other}", False)
    survivor_id, other_id = (other, one) if swapped else (one, other)
    with told_errors():
        preview = session.client.merges.preview(survivor_id, other_id)
        _sides(preview)
        st.button("Let the other record survive", key="swap", on_click=_swap, args=(f"swap-{one}-{other}",))
        if preview.why_not:
            st.error(preview.why_not)
            return
        _warnings(preview)
        choices = _choices(preview, f"choices-{survivor_id}-{other_id}")
        _moving(preview)
        if st.button("Merge these two records", type="primary", shortcut="Alt+M"):
            confirm_dialog(session, preview, choices, fresh_form("merge"))


def _swap(key: str) -> None:
    st.session_state[key] = not st.session_state.get(key, False)


def _sides(preview: MergePreview) -> None:
    left, right = st.columns(2)
    for column, side, title in (
        (left, preview.survivor, "Survives"),
        (right, preview.other, "Is merged away"),
    ):
        with column, st.container(border=True, key=f"side-{title.split()[0].lower()}"):
            st.subheader(title, anchor=False)
            st.html(f'<div class="card">{hit_html(side.hit)}{counts_html(side)}</div>')
    reasons = lines(map(text, preview.reasons), "No fact in common is recorded.")
    st.html(f'<div class="card">{grade_tag(preview.grade)}{reasons}</div>')


def counts_html(side: MergeSide) -> str:
    return lines(
        (f"{count.number:,} {text(count.words.lower())}" for count in side.records),
        "Nothing is in this record but the person.",
    )


def _warnings(preview: MergePreview) -> None:
    said = list(preview.warnings)
    if preview.grade == "certainly_not":
        said.insert(0, "By what is recorded, these are certainly two people.")
    if said:
        st.warning(" ".join(said))


def _choices(preview: MergePreview, form: str) -> dict[str, Choice]:
    """Where the two differ, which value the surviving record keeps. What is not chosen stays in the other's history."""
    differing = [field for field in preview.fields if not field.same]
    same = [field for field in preview.fields if field.same]
    st.subheader("Which facts the surviving record keeps", anchor=False)
    if not differing:
        st.caption("Every fact that is recorded is the same.")
    chosen = {field.key: _choice(field, form) for field in differing}
    if same:
        with st.expander(f"{len(same)} facts are the same"):
            st.html(
                table(
                    ["Fact", "Both records"],
                    [[text(f.label), text(f.survivor)] for f in same],
                    caption="Same facts",
                )
            )
    return chosen


def _choice(field: MergeField, form: str) -> Choice:
    options: list[Choice] = ["survivor", "other", *(["both"] if field.may_keep_both else [])]
    proposed = field.proposed if field.proposed in options else "survivor"
    label, ours, theirs, act = st.columns([1.6, 3.4, 3.4, 2.6], vertical_alignment="center")
    label.html(f"<b>{text(field.label)}</b>")
    ours.html(f"<div>{text(field.survivor)}</div>")
    theirs.html(f"<div>{text(field.other)}</div>")
    with act:
        kept = st.segmented_control(
            f"Keep for {field.label}",
            options,
            format_func=CHOICE_WORDS.get,
            default=proposed,
            key=f"{form}-{field.key}",
            label_visibility="collapsed",
        )
    return kept or proposed


def _moving(preview: MergePreview) -> None:
    st.subheader("What will happen", anchor=False)
    said = [f"{preview.moving:,} entries of the other record move to the surviving one, with their history."]
    if preview.denials_set_aside:
        said.append(
            f"{preview.denials_set_aside} “no known allergies” is set aside, because the other record holds an allergy."
        )
    if preview.medications_to_reconcile:
        twice = (
            f", {preview.duplicate_medications} of them on both sides"
            if preview.duplicate_medications
            else ""
        )
        said.append(f"Both records hold medicines{twice}: a clinician is asked to reconcile them.")
    said.append("Care gaps of both are measured again. The merge can be taken back.")
    st.html(f'<div class="card">{lines(map(text, said), "")}</div>')


@st.dialog("Merge two records", width="medium")
def confirm_dialog(
    session: StaffSession, preview: MergePreview, choices: dict[str, Choice], form: str
) -> None:
    st.html(f"<p>{tag('Survives', 'closed')}</p>")
    st.write(who_words(preview.survivor.hit))
    st.html(f"<p>{tag('Is merged away', 'open')}</p>")
    st.write(who_words(preview.other.hit))
    same = st.checkbox("Both records are of one person: I have compared them", key=f"{form}-same")
    reason = st.text_input("How you know", key=f"{form}-reason", max_chars=500)
    ready = same and len((reason or "").strip()) >= SHORTEST_REASON
    if st.button("Merge", type="primary", disabled=not ready, key=f"{form}-go"):
        with told_errors():
            done = session.client.merges.merge(
                MergePatients(
                    survivor_id=preview.survivor.hit.patient_id,
                    survivor_version=preview.survivor.version_id,
                    other_id=preview.other.hit.patient_id,
                    other_version=preview.other.version_id,
                    choices=choices,
                    reason=reason.strip(),
                    same_person=same,
                )
            )
            reconcile = " Medications must be reconciled." if done.medications_to_reconcile else ""
            remember(f"Merged: {done.moved:,} entries moved.{reconcile} The merge stands under Merges.")
            go_to("profile", patient=preview.survivor.hit.patient_id)
