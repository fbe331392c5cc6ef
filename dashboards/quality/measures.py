"""Measures: the list with rates and change; one measure in full when the address names it."""

from __future__ import annotations

import streamlit as st

from dashboards.quality.measure import measure_section
from dashboards.quality.rates import change_words, count_words, line_words
from dashboards.shared.markup import table, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from dashboards.shared.url_choice import url_choice
from data_contracts.api.quality import MeasureLine, MeasureList


def measures_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Measures")
    with told_errors():
        listed = session.client.quality.measures()
        _freshness(listed)
        if not listed.measures:
            st.info(
                "No measure has been computed yet. The nightly run computes them; an administrator can start it."
            )
            return
        st.html(
            table(
                [
                    "Measure",
                    "Rate or score",
                    "Numerator",
                    "Denominator",
                    "Excluded",
                    "Excepted",
                    "Not evaluable",
                    "30 days",
                ],
                map(_row, listed.measures),
                caption="Measures with their rates or scores and the counts beside them",
            )
        )
        if listed.nobody:
            st.info(
                f"{'; '.join(listed.nobody)}: active, and nobody was found in the initial population. Care that is "
                "recorded only in code systems that are not loaded is not seen; the page 'Data quality' names them."
            )
        titles = {line.measure_id: line.title for line in listed.measures}
        chosen = url_choice("Look at one measure", "measure", titles, placeholder="Choose a measure")
        if chosen:
            measure_section(session, chosen)


def _freshness(listed: MeasureList) -> None:
    if listed.stale:
        st.warning(listed.stale)
    st.caption(f"As of {show_instant(listed.as_of)}" if listed.as_of else "Never computed")


def _row(line: MeasureLine) -> list[str]:
    counts = line.counts
    period = f"{show_date(line.period_begin)} to {show_date(line.period_end)}"
    better = "higher is better" if line.improvement == "increase" else "lower is better"
    quiet = " · ".join([*(["official"] if line.official else []), period, better])
    counted = f"{text(line.counts_words)}<br>" if line.counts_words else ""
    return [
        f"<b>{text(line.title)}</b><br><span class='quiet'>{counted}{text(quiet)}</span>",
        f"<b>{text(line_words(line))}</b>",
        *(
            text(count_words(count))
            for count in (
                counts.numerator,
                counts.denominator,
                counts.exclusions,
                counts.exceptions,
                counts.not_evaluable,
            )
        ),
        text(change_words(line)),
    ]
