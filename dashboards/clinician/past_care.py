"""Past care at the chart: procedures, vaccinations and documents, each to be looked at, opened, or retracted."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.error_forms import Entry, entry_act
from dashboards.shared.markup import plain_words, table, tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import CareLine, DocumentLine, PastCare
from data_contracts.api.patients import PatientBanner

KINDS = {"procedures": "Procedures", "immunizations": "Immunizations", "documents": "Documents"}
PLAIN_STATUSES = ("completed", "current")
IN_ERROR = "entered-in-error"
SHOWN_LINES = 12
PICTURES = ("image/png", "image/jpeg")
PDF = "application/pdf"
PREVIEW_HEIGHT = 700
FILE_ENDINGS = {PDF: ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "text/plain": ".txt"}


def past_care_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(border=True, key="past_care"):
        st.subheader("Procedures, immunizations, documents", anchor=False)
        st.fragment(_panel)(session, banner)


def _panel(session: StaffSession, banner: PatientBanner) -> None:
    with told_errors():
        care = session.client.charting.past_care(banner.patient_id)
        if care.unreadable_items:
            st.error(f"{care.unreadable_items} entries could not be read, so this list is not complete.")
        kind = st.segmented_control(
            "What", list(KINDS), default="procedures", required=True, format_func=KINDS.get, key="care_kind"
        )
        lines = lines_of(care, kind)
        if not lines:
            st.info(f"No {KINDS[kind].lower()} are recorded for this patient.")
            return
        st.html(
            table(["What", "Day", "From", "Details"], map(_row, lines[:SHOWN_LINES]), caption=KINDS[kind])
        )
        if len(lines) > SHOWN_LINES:
            st.caption(f"The newest {SHOWN_LINES} of {len(lines)}; all are in the list below.")
        _one_entry(session, banner, kind, lines)


def lines_of(care: PastCare, kind: str) -> list[CareLine] | list[DocumentLine]:
    return {"procedures": care.procedures, "immunizations": care.immunizations, "documents": care.documents}[
        kind
    ]


def entry_html(line: CareLine | DocumentLine) -> str:
    """The name; struck through when it was entered in error, with its standing when that is not plain."""
    if line.status == IN_ERROR:
        return f'<span class="struck">{text(line.name)}</span> {tag("Entered in error", "apart")}'
    standing = "" if line.status in PLAIN_STATUSES else " " + tag(line.status.replace("-", " "), "apart")
    return f"<b>{text(line.name)}</b>{standing}"


def _row(line: CareLine | DocumentLine) -> list[str]:
    told = line.about if isinstance(line, DocumentLine) else line.details
    return [
        entry_html(line),
        text(show_date(line.on)),
        text(line.source),
        f'<span class="quiet">{text(told, "")}</span>',
    ]


def _one_entry(
    session: StaffSession, banner: PatientBanner, kind: str, lines: list[CareLine] | list[DocumentLine]
) -> None:
    by_id = {line.resource_id: line for line in lines}
    chosen = st.selectbox(
        "Look at one entry",
        list(by_id),
        index=None,
        format_func=lambda key: f"{by_id[key].name}, {show_date(by_id[key].on)}",
        key=f"care_entry-{kind}",
    )
    if chosen not in by_id:
        return
    line = by_id[chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<div class="card">{entry_html(line)} {text(show_date(line.on))}</div>')
        if session.may("chart.write"):
            entry = Entry(line.resource_type, line.resource_id, line.version_id, line.name, line.on)
            entry_act(session, banner, entry, retracted=line.status == IN_ERROR)
    if isinstance(line, DocumentLine):
        _document(session, line)


def _document(session: StaffSession, line: DocumentLine) -> None:
    """Fetched only when somebody asks: opening a document is an act of its own, and audited."""
    if not line.is_stored:
        st.info("The content of this document is not kept here. Ask for it at the place that it came from.")
        return
    if st.session_state.get("document_opened") != line.resource_id:
        st.button("Open document", key=f"open-{line.resource_id}", on_click=_open, args=(line.resource_id,))
        return
    content, content_type = session.client.charting.document(line.resource_id)
    ending = FILE_ENDINGS.get(content_type, "")
    st.download_button(
        "Download",
        content,
        file_name=f"document{ending}",
        mime=content_type,
        on_click="ignore",
        key=f"save-{line.resource_id}",
    )
    if content_type in PICTURES:
        st.image(content, caption=plain_words(line.name))
    elif content_type == PDF:
        st.pdf(content, height=PREVIEW_HEIGHT, key=f"pdf-{line.resource_id}", alt=line.name)
    elif content_type == "text/plain":
        st.text(content.decode(errors="replace"))
    else:
        st.caption("This kind of document is not shown here. Download it to read it.")


def _open(document_id: str) -> None:
    st.session_state["document_opened"] = document_id
