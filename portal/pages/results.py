"""Results: each in plain words, on a number line where there is a numeric range."""

from __future__ import annotations

from html import escape

import streamlit as st

from data_contracts.api.portal import OwnResult, OwnResults
from portal.markup import show
from portal.number_line import number_line_html
from portal.session import PatientSession
from portal.text import Words

SECTIONS = (
    ("results.tests", ("laboratory", "imaging", "other")),
    ("results.measurements", ("vital-signs",)),
)
CHANGED = ("corrected", "amended", "appended")


def results_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    st.title(words("results.page"), anchor=False)
    own = session.client.portal.results(words.language)
    if not own.results:
        st.write(words("results.none_shown" if own.hidden_items else "results.none"))
    for title, categories in SECTIONS:
        _section(words, own, title, categories)
    if own.hidden_items:
        st.caption(words("home.hidden"))
    st.caption(words("results.not_listed"))
    st.caption(words("results.question"))


def _section(words: Words, own: OwnResults, title: str, categories: tuple[str, ...]) -> None:
    listed = [result for result in own.results if result.category in categories]
    if not listed:
        return
    st.header(words(title), anchor=False)
    for result in listed:
        with st.container(border=True, key=f"result-{result.result_id}-{result.name}"):
            show(words.language, result_html(words, result))


def result_html(words: Words, result: OwnResult) -> str:
    """Name, value, what it means, its standing, and what came before; never a bare red number."""
    marks = [words("results.not_reviewed")] if result.awaits_review else []
    if result.status in CHANGED:
        marks.append(words("results.corrected"))
    parts = [
        name_html(result),
        f"<p><b>{escape(_told(words, result))}</b></p>",
        f'<p class="quiet">{escape(words.recorded_date(result.on) or words("results.no_date"))}</p>',
        *(f'<p><span class="mark">{escape(mark)}</span></p>' for mark in marks),
        _meaning(words, result),
        _comment(words, result),
        _earlier(words, result),
    ]
    return f'<div class="thing">{"".join(parts)}</div>'


def _told(words: Words, result: OwnResult) -> str:
    """A value as a value; a report's conclusion as what the report says."""
    return words("results.report_says" if result.is_report else "results.your_result", value=result.text)


def name_html(result: OwnResult) -> str:
    """Plain word first, then the medical word."""
    medical = f' <span class="medical">({escape(result.medical_name)})</span>' if result.medical_name else ""
    return f"<h3>{escape(result.name)}{medical}</h3>"


def usual_range(words: Words, result: OwnResult) -> str:
    """The usual range in words, digits as recorded; '' for a measurement that has none."""
    places = {
        "low": "" if result.low is None else f"{result.low:f}",
        "high": "" if result.high is None else f"{result.high:f}",
        "unit": result.unit or "",
    }
    if result.low is not None and result.high is not None:
        return words("results.usual_range", **places).strip()
    if result.low is not None:
        return words("results.usual_at_least", **places).strip()
    if result.high is not None:
        return words("results.usual_up_to", **places).strip()
    if result.range_text:
        return words("results.usual_worded", text=result.range_text)
    return words("results.no_range") if result.category == "laboratory" and result.number is not None else ""


def _meaning(words: Words, result: OwnResult) -> str:
    usual = usual_range(words, result)
    line = ""
    if result.number is not None and (result.low is not None or result.high is not None):
        alt = " ".join(part for part in (f"{result.name}: {result.text}.", result.words, usual) if part)
        line = number_line_html(result.number, result.low, result.high, alt)
    said = f"<p>{escape(result.words)}</p>" if result.words else ""
    return said + line + (f'<p class="quiet">{escape(usual)}</p>' if usual else "")


def _comment(words: Words, result: OwnResult) -> str:
    if not result.comment:
        return ""
    return f'<p class="note"><b>{escape(words("results.doctor_says"))}:</b> {escape(result.comment)}</p>'


def _earlier(words: Words, result: OwnResult) -> str:
    if not result.earlier:
        return ""
    rows = "".join(
        f"<li>{escape(words.recorded_date(on) or words('results.no_date'))}: {escape(value)}</li>"
        for on, value in result.earlier
    )
    title = escape(words("results.earlier"))
    return f"<details><summary>{title}</summary><ul>{rows}</ul></details>"
