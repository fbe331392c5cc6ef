"""Packages on their way in: uploaded here, checked where they can be run, imported when nothing is against it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboards.shared.markup import lines, table, tag, text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.official_measures import (
    MOST_PACKAGE_BYTES,
    PACKAGE_ENDINGS,
    PackageReport,
    SurveyedMeasure,
    Upload,
)

LOOK_AGAIN_SECONDS = 2
STATES = {
    "waiting": ("Waits to be checked", "waiting"),
    "checking": ("Being checked", "waiting"),
    "checked": ("Can be imported", "closed"),
    "refused": ("Cannot be imported", "open"),
    "imported": ("Imported", "apart"),
}
UNDER_WAY = ("waiting", "checking")


def uploads_section(session: StaffSession) -> None:
    st.subheader("Import a package", anchor=False)
    _upload(session)
    found = session.client.quality.uploads().uploads
    if any(one.state in UNDER_WAY for one in found):
        st.fragment(_under_way, run_every=LOOK_AGAIN_SECONDS)(session)
    for one in found:
        if one.state not in UNDER_WAY:
            _settled(session, one)


def _upload(session: StaffSession) -> None:
    with st.form("upload-package", clear_on_submit=True):
        file = st.file_uploader(
            f"A package: Measure, Library (ELM) and ValueSet resources, at most {MOST_PACKAGE_BYTES // 1_000_000} MB",
            max_upload_size=MOST_PACKAGE_BYTES // 1_000_000,
            type=sorted({ending.rpartition(".")[2] for ending in PACKAGE_ENDINGS}),
        )
        asked = st.form_submit_button("Upload and check")
    if not asked:
        return
    if file is None:
        st.error("Choose a file first.")
        return
    session.client.quality.upload(file.name, file.getvalue())
    remember(f"'{file.name}' was uploaded. It is checked before anything can be imported.")
    st.rerun()


def _under_way(session: StaffSession) -> None:
    """Looks again every few seconds, and draws the whole page anew when one is settled."""
    with told_errors():
        running = [one for one in session.client.quality.uploads().uploads if one.state in UNDER_WAY]
        for one in running:
            st.progress(share_done(one.progress), text=f"{one.file_name}: {one.progress}")
        shown = st.session_state.get("uploads-under-way")
        st.session_state["uploads-under-way"] = len(running)
        if shown is not None and len(running) < shown:
            st.rerun()


def share_done(progress: str) -> float:
    """'Checking measure 12 of 61: …' as a share; nothing done before the first measure."""
    words = progress.partition(":")[0].split()
    if "of" in words[1:-1]:
        place = words.index("of")
        if words[place - 1].isdigit() and words[place + 1].isdigit():
            return min(int(words[place - 1]) / max(int(words[place + 1]), 1), 1.0)
    return 0.0


def _settled(session: StaffSession, one: Upload) -> None:
    words, kind = STATES[one.state]
    with st.container(border=True):
        st.html(
            f"<p><b>{text(one.file_name)}</b> {tag(words, kind)}<br><span class='quiet'>uploaded "
            f"{text(show_instant(one.uploaded_at))} by {text(one.uploaded_by)}</span></p>"
        )
        if one.report is not None:
            _report(one.report, opened=one.state == "refused")
        with st.container(horizontal=True):
            if one.state == "checked" and st.button("Import", type="primary", key=f"import-{one.upload_id}"):
                with told_errors():
                    session.client.quality.import_upload(one.upload_id)
                    remember(f"'{one.file_name}' was imported. Nothing of it is active yet.")
                    st.rerun()
            if st.button("Remove from this list", key=f"remove-{one.upload_id}"):
                session.client.quality.remove_upload(one.upload_id)
                st.rerun()


def _report(report: PackageReport, *, opened: bool) -> None:
    ready = sum(one.runs for one in report.measures)
    st.write(
        f"{ready} of {len(report.measures)} measures can run, with {report.libraries} libraries and "
        f"{report.value_sets} value sets."
    )
    if report.problems:
        st.html(f"<h4>What stands against it</h4>{lines(map(text, report.problems), 'Nothing')}")
    with st.expander("Each measure, and what is missing", expanded=opened and not report.problems):
        st.html(
            table(
                ["Measure", "Version", "Runs", "Missing value sets", "Not supported", "Cut value sets"],
                map(surveyed_row, report.measures),
                caption="Measures of the package",
            )
        )
        if report.notes:
            st.html(f"<h4>To be known</h4>{lines(map(text, report.notes), 'Nothing')}")


def surveyed_row(one: SurveyedMeasure) -> list[str]:
    """What is missing and what is not supported, each with where the logic names it."""
    problem = f"<br><span class='quiet'>{text(one.problem)}</span>" if one.problem else ""
    return [
        f"<b>{text(one.measure)}</b><br><span class='quiet'>{text(one.title, '')}</span>",
        text(one.version),
        f"{'yes' if one.runs else 'no'}{problem}",
        _places(one.missing_value_sets),
        _places(one.unsupported),
        text(str(len(one.cut_value_sets) or "none")),
    ]


def _places(named: Mapping[str, str]) -> str:
    listed = (f"{text(what)}<br><span class='quiet'>{text(place)}</span>" for what, place in named.items())
    return lines(listed, "none")
