"""The after-visit summary and the print of a note: shown, opened for the printer, saved as PDF."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import plain_words
from dashboards.shared.page import told_errors
from dashboards.shared.paper_buttons import paper_buttons
from dashboards.shared.printing import Paper, PaperPart
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.after_visit import AfterVisitSummary
from data_contracts.api.notes import SignedNote
from data_contracts.api.patients import PatientBanner
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_name

LANGUAGES = {"en": "English", "es": "Español"}


def identity_of(banner: PatientBanner) -> str:
    return (
        f"{show_name(banner.name)} · {show_date(banner.birth_date)} · MRN {banner.mrn or 'not recorded'} · "
        f"{app_settings().site_name}"
    )


def summary_paper(summary: AfterVisitSummary) -> Paper:
    return Paper(
        title=summary.title,
        identity=identity_of(summary.patient),
        lead=summary.about,
        mark="" if summary.signed else "Draft: the note of this visit is not signed yet.",
        parts=[PaperPart(part.heading, part.lines) for part in summary.parts],
        closing=summary.closing,
        language=summary.language,
    )


def note_paper(note: SignedNote, banner: PatientBanner) -> Paper:
    line = note.note
    closing = [f"Signed by {line.signed_by_name}, {show_instant(line.signed_at)}. SHA-256 {note.sha256}"]
    if line.cosigned_by_name:
        closing.append(f"Co-signed by {line.cosigned_by_name}.")
    marks = {
        "replaced": "This note was replaced by an amendment.",
        "signed": "Waits for a co-signature." if line.cosign_wanted and not line.cosigned_by_name else "",
    }
    broken = "" if note.seal == "whole" else "THE SEAL OF THIS NOTE DOES NOT HOLD."
    return Paper(
        title=line.title,
        identity=identity_of(banner),
        mark=broken or marks.get(line.state, ""),
        parts=[_part(block) for block in note.text.split("\n\n")[1:] if block.strip()],
        closing=closing,
    )


def _part(block: str) -> PaperPart:
    heading, *lines = block.strip().splitlines()
    return PaperPart(heading, [line.strip() for line in lines], listed=False)


def after_visit_panel(session: StaffSession, encounter_id: str) -> None:
    with st.expander("After-visit summary", key=f"avs-{encounter_id}", on_change="rerun") as opened:
        if opened.open:
            with told_errors():
                _summary(session, encounter_id)


def _summary(session: StaffSession, encounter_id: str) -> None:
    own = session.client.notes.after_visit(encounter_id)
    language = st.segmented_control(
        "Language", list(LANGUAGES), default=own.language, required=True, format_func=LANGUAGES.get,
        key=f"avs-language-{encounter_id}",
    )  # fmt: skip
    summary = own if language == own.language else session.client.notes.after_visit(encounter_id, language)
    for gap in summary.missing:
        st.warning(gap)
    paper = summary_paper(summary)
    paper_buttons(paper, key=f"avs-{encounter_id}-{language}", name="visit-summary")
    if paper.mark:
        st.caption(paper.mark)
    st.write(f"**{plain_words(summary.title)}** · {plain_words(summary.about)}")
    for part in summary.parts:
        st.markdown(f"**{plain_words(part.heading)}**")
        for line in part.lines:
            st.text(f"• {line}")
    for line in summary.closing:
        st.caption(line)
