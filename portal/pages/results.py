"""Results: each in plain words, on a number line where there is a numeric range."""

from __future__ import annotations

from html import escape

import streamlit as st

from data_contracts.api.portal import OwnResult
from portal.number_line import number_line_html
from portal.session import PatientSession
from portal.text import Words


def results_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    st.title(words("results.page"))
    own = session.client.portal.results()
    if not own.results:
        st.write(words("results.none"))
    for result in own.results:
        _result(words, result)
    if own.hidden_items:
        st.caption(words("home.hidden"))
    st.caption(words("results.question"))


def result_html(words: Words, result: OwnResult) -> str:
    """Name, value, what it means, and its standing; never a bare red number."""
    marks = [] if result.reviewed else [words("results.not_reviewed")]
    if result.status == "corrected":
        marks.append(words("results.corrected"))
    parts = [
        f"<h3>{escape(result.name)}</h3>",
        f"<p><b>{escape(words('results.your_result', value=result.text))}</b> "
        f'<span class="quiet">{escape(words.recorded_date(result.on))}</span></p>',
        *(f'<p><span class="mark">{escape(mark)}</span></p>' for mark in marks),
    ]
    return f'<div class="thing">{"".join(parts)}{_meaning(words, result)}</div>'


def _meaning(words: Words, result: OwnResult) -> str:
    if result.number is None or result.low is None or result.high is None:
        return "" if result.number is None else f'<p class="quiet">{escape(words("results.no_range"))}</p>'
    usual = words("results.usual_range", low=result.low, high=result.high, unit=result.unit or "").strip()
    said = f"{result.words or ''} {usual}".strip()
    line = number_line_html(result.number, result.low, result.high, f"{result.name}: {result.text}. {said}")
    return f'<p>{escape(result.words or "")}</p>{line}<p class="quiet">{escape(usual)}</p>'


def _result(words: Words, result: OwnResult) -> None:
    with st.container(border=True, key=f"result-{result.observation_id}"):
        st.html(result_html(words, result))
        if result.comment:
            st.info(f"{words('results.doctor_says')}: {result.comment}")
        if result.earlier:
            with st.expander(words("results.earlier")):
                for on, value in result.earlier:
                    st.write(f"{words.recorded_date(on)}: {value}")
