"""Data quality: what is wrong with the data of the newest night, how much, since when, and what it touches."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards.quality.data_check import check_section
from dashboards.quality.data_quality_words import (
    change_words,
    found_words,
    quality_paper,
    share_words,
    touched_words,
)
from dashboards.shared.markup import table, tag, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.paper_buttons import paper_buttons
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from dashboards.shared.url_choice import url_choice
from data_contracts.api.data_quality import DataFinding, DataQuality
from data_contracts.data_quality import KIND_WORDS


def data_quality_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Data quality")
    with told_errors():
        page = session.client.data_quality.findings()
        if page.stale:
            st.warning(page.stale)
        if page.on is None:
            st.info(
                "No night has looked at the data yet. The checks run with the nightly run, after the measures; "
                "an administrator can start it."
            )
            _not_loaded(page)
            return
        st.caption(f"Data as of {show_date(page.on)} · last run {show_instant(page.computed_at)}")
        _unknown(page.findings)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.download_button(
                "Download CSV",
                data=session.client.data_quality.csv,
                file_name="data-quality.csv",
                mime="text/csv",
                on_click="ignore",
            )
            paper_buttons(quality_paper(page), key="data-quality", name="data-quality")
        _kinds(page.findings)
        listed = _chosen(page.findings)
        _findings(listed)
        offered = {one.check_id: one for one in page.findings if one in listed or _is_linked(one)}
        titles = {check_id: one.title for check_id, one in offered.items()}
        chosen = url_choice("Look at one check", "check", titles, placeholder="Choose a check")
        if chosen:
            check_section(session, offered[chosen])
        _not_loaded(page)


def _is_linked(one: DataFinding) -> bool:
    """A link to a check leads to it also on a day on which it finds nothing."""
    return st.query_params.get("check") == one.check_id


def _unknown(findings: Sequence[DataFinding]) -> None:
    """What is not known is said before what is."""
    broken = [one.title for one in findings if one.outcome == "could_not_run"]
    if broken:
        st.warning(
            f"{len(broken)} of {len(findings)} checks could not run, so nothing is known of: {', '.join(broken)}."
        )


def _kinds(findings: Sequence[DataFinding]) -> None:
    """One line a kind of defect: how many checks, how many found something, how many could not look."""
    rows = []
    for kind, words in KIND_WORDS.items():
        of_kind = [one for one in findings if one.kind == kind]
        defects = [one for one in of_kind if one.is_defect and one.outcome == "ran"]
        ran = [one for one in of_kind if one.outcome == "ran"]
        silent = [one for one in of_kind if one.outcome == "could_not_run"]
        said = tag(f"{len(defects)} with a defect", "open") if defects else tag("no defect found", "closed")
        if not ran:
            said = tag("not known" if silent else "nothing to check", "apart")
        empty = len(of_kind) - len(ran) - len(silent)
        rows.append([f"<b>{text(words)}</b>", said, str(len(ran)), str(empty), str(len(silent))])
    st.html(
        table(
            ["Kind of defect", "Found", "Checks that ran", "Nothing to check", "Could not run"],
            rows,
            caption="Checks by kind of defect",
        )
    )


def _chosen(findings: Sequence[DataFinding]) -> list[DataFinding]:
    kinds = {kind: words for kind, words in KIND_WORDS.items() if any(one.kind == kind for one in findings)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = url_choice("Kind of defect", "kind", kinds, placeholder="Every kind", width=260)
        everything = st.toggle("Also checks that found nothing", key="everything", bind="query-params")
    return [one for one in findings if kind in (None, one.kind) and (everything or one.is_defect)]


def _findings(findings: Sequence[DataFinding]) -> None:
    if not findings:
        st.success("No defect was found by the checks chosen here.")
        return
    st.html(
        table(
            ["Check", "Found", "Share", "Since the night before", "Measures touched"],
            map(_row, findings),
            caption="Checks of the data, the largest share first",
        )
    )


def _row(one: DataFinding) -> list[str]:
    return [
        f"<b>{text(one.title)}</b><br><span class='quiet'>{text(KIND_WORDS[one.kind])} · "
        f"{text(one.resource_type)}</span>",
        text(found_words(one)),
        text(share_words(one)),
        text(change_words(one)),
        text(touched_words(one)),
    ]


def _not_loaded(page: DataQuality) -> None:
    """Care that is recorded only in a system that is not loaded is no defect of a record, and counts nowhere."""
    st.subheader("Code systems that are not loaded", anchor=False)
    if not page.not_loaded:
        st.caption("Every code system that a measure names is loaded here.")
        return
    rows = [
        [f"<b>{text(system)}</b>", f"{len(titles)}", text("; ".join(titles))]
        for system, titles in page.not_loaded.items()
    ]
    st.html(table(["Code system", "Measures that name it", "Which"], rows, caption="Code systems not loaded"))
    st.caption(
        "CPT and SNOMED CT come under licences of their own: a site installs them, or maps its records to systems that "
        "are loaded."
    )
