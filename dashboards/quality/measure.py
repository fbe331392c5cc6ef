"""One measure: why it matters, how it goes, by whom it differs, who is behind it, and its definition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import streamlit as st

from dashboards.quality.data_quality_words import found_words
from dashboards.quality.measure_patients import patients_section
from dashboards.quality.rates import count_words, numerator_word, rate_words, shift_words
from dashboards.quality.strata import strata_section
from dashboards.quality.trend import trend_section
from dashboards.shared.markup import lines, plain_words, table, text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.quality import MeasureDefinition, MeasurePage, OfficialScore
from data_contracts.measure_scores import score_words


def measure_section(session: StaffSession, measure_id: str) -> None:
    page = session.client.quality.measure(measure_id)
    st.header(page.line.title, anchor=False)
    if page.line.counts_words:
        st.markdown(f"**This rate counts:** {plain_words(page.line.counts_words)}")
    if page.definition.why_it_matters != page.line.counts_words:
        st.write(plain_words(page.definition.why_it_matters))
    if page.stale:
        st.warning(page.stale)
    if page.definition.code_systems_not_loaded:
        st.info(not_loaded_words(page.definition.code_systems_not_loaded, official=page.line.official))
    facts, trend = st.columns([2, 3], gap="medium")
    with facts:
        _headline(page)
        st.download_button(
            "Download CSV",
            data=lambda: session.client.quality.csv(measure_id),
            file_name=f"{measure_id}.csv",
            mime="text/csv",
            on_click="ignore",
        )
    with trend:
        trend_section(page)
    for shift in page.shifts:
        st.warning(shift_words(shift))
    strata_section(page)
    _published_strata(page)
    if session.may("measure.drill"):
        patients_section(session, page)
    if session.may("data_quality.read"):
        _defects(session, measure_id)
    _definition(page.definition)
    _provenance(page.provenance)


def _headline(page: MeasurePage) -> None:
    line = page.line
    rated = line.scoring == "proportion"
    st.metric("Rate" if rated else "Score", rate_of(page))
    better = "Higher" if line.improvement == "increase" else "Lower"
    said = rate_words(line.counts) if rated else _how_scored(page.score)
    st.caption(
        f"{better} is better · {said}" if line.scoring != "cohort" else "Counted only: it has no score."
    )
    st.html(table(["Count", "People"], _count_rows(page), caption="Counts beside the rate"))
    if page.score:
        _score(page, page.score)


def _count_rows(page: MeasurePage) -> list[list[str]]:
    counts = page.line.counts
    observed = page.line.scoring == "continuous-variable"
    said = [
        ("Initial population", counts.initial_population),
        ("Excluded", counts.exclusions),
        *([] if observed else [("Excepted", counts.exceptions)]),
        ("Measure population" if observed else "Denominator", counts.denominator),
        *([] if observed else [(f"{numerator_word(page.line)} (numerator)", counts.numerator)]),
        ("Not evaluable (counted, not dropped)", counts.not_evaluable),
    ]
    return [[name, count_words(count)] for name, count in said]


def _how_scored(score: OfficialScore | None) -> str:
    """How what was observed became one number, of how many, and in which unit."""
    if score is None or score.observations is None:
        return "scored from counts, not a percentage"
    of = f"of {score.observations:,} observations"
    unit = f"in {score.unit}" if score.unit else "the publisher names no unit"
    return ", ".join(part for part in (f"{score.aggregate or 'ratio'} {of}".lower(), unit) if part)


def rate_of(page: MeasurePage) -> str:
    """The rate of people; of every other scoring the publisher's own score, never as a percentage."""
    line = page.line
    if line.counts.suppressed:
        return "suppressed"
    if line.scoring == "cohort":
        return "counted only"
    if line.scoring != "proportion":
        return score_words(line.scoring, line.score, line.unit)
    return "none" if line.counts.rate is None else f"{line.counts.rate:.1%}"


def _score(page: MeasurePage, score: OfficialScore) -> None:
    """What the publisher's scoring counts and makes of it, beside the people."""
    rows = [[text(_code_words(code)), f"{count:,}"] for code, count in score.counts.items()]
    if page.line.scoring != "cohort":
        rows.append(["<b>Score</b>", f"<b>{text(_value_words(page, score.value))}</b>"])
    st.html(table(["Population", "Counted"], rows, caption=score.words))
    st.caption(score.words)


def _published_strata(page: MeasurePage) -> None:
    """The groups that the publisher asks to be told apart, counted as the publisher counts."""
    strata = page.published_strata
    if not strata:
        return
    codes = list(dict.fromkeys(code for one in strata for code in one.counts or {}))
    valued = any(one.stratum_value or one.together for one in strata)
    headings = ["Stratum", *(["Value"] if valued else []), "Score", *map(_code_words, codes)]
    rows = []
    for one in strata:
        name = f"<b>{text(one.definition)}</b>"
        if one.words:
            name += f"<br><span class='quiet'>{text(one.words)}</span>"
        hidden = one.counts is None
        counts = ["suppressed"] * len(codes) if hidden else [f"{one.counts[code]:,}" for code in codes]
        score = "suppressed" if hidden else _value_words(page, one.value)
        rows.append([name, *map(text, [*([one.value_words] if valued else []), score, *counts])])
    st.html(table(headings, rows, caption="By the publisher's own strata"))
    st.caption("By the publisher's own strata. Somebody may be in several of them, or in none.")


def _code_words(code: str) -> str:
    return code.replace("-", " ").capitalize()


def _value_words(page: MeasurePage, value: float | None) -> str:
    return score_words(page.line.scoring, value, page.line.unit)


def not_loaded_words(systems: Sequence[str], *, official: bool = False) -> str:
    named, are = " and ".join(systems), "is" if len(systems) == 1 else "are"
    if official:
        return (
            f"{named} {are} not loaded here. The package brings the codes that it counts; care that this site records "
            "without such a code does not count in this measure."
        )
    return f"{named} {are} not loaded here. Care that is recorded only there does not count in this measure."


def _defects(session: StaffSession, measure_id: str) -> None:
    """What the newest night found wrong in the data that this measure reads; asked for when it is opened."""
    with st.expander(
        "What is wrong with the data under this rate", key="defects", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        found = session.client.data_quality.findings()
        touching = [one for one in found.findings if any(t.measure_id == measure_id for t in one.touches)]
        if found.on is None:
            st.caption("No night has looked at the data yet.")
        elif not touching:
            st.caption("No defect was found in what this measure reads.")
        else:
            rows = (
                [f"<b>{text(one.title)}</b>", text(found_words(one)), text(one.repair)] for one in touching
            )
            st.html(
                table(["Check", "Found", "What to do"], rows, caption="Defects of the data under this rate")
            )


def _definition(definition: MeasureDefinition) -> None:
    with st.expander("Definition"):
        parts = [
            ("Purpose", definition.purpose),
            ("Source", f"{definition.source}, version {definition.version}"),
            ("Population", definition.population),
            ("Denominator", definition.denominator),
            ("Numerator", definition.numerator),
            ("Missing data", definition.missing_data),
        ]
        st.html(
            table(
                ["Part", "Says"],
                ([f"<b>{name}</b>", text(words)] for name, words in parts),
                caption="Definition",
            )
        )
        for name, listed in (
            ("Exclusions", definition.exclusions),
            ("Exceptions", definition.exceptions),
            ("Evidence", definition.evidence),
            ("Code systems not loaded", definition.code_systems_not_loaded),
            ("Value sets of which the package holds a part", _cut(definition)),
        ):
            st.html(f"<h4>{name}</h4>{lines(map(text, listed), 'None')}")
        for name, logic in definition.logic.items():
            st.markdown(f"**{name}**, as it is evaluated")
            st.code(logic, language=None, wrap_lines=True)


def _cut(definition: MeasureDefinition) -> list[str]:
    return [f"{url}: {what}" for url, what in definition.value_sets_cut.items()]


def _provenance(provenance: dict[str, str]) -> None:
    """Where the numbers come from, for who has to stand for them."""
    if not provenance:
        return
    st.subheader("Where these numbers come from", anchor=False)
    rows = ([f"<b>{text(name)}</b>", text(_shown(value))] for name, value in provenance.items())
    st.html(table(["What", "Which"], rows, caption="Provenance"))


def _shown(value: str) -> str:
    """Days and instants as everywhere on the screens, at the site; all other words as they are."""
    day, space, rest = value.partition(" ")
    try:
        if "T" in day:
            return show_instant(datetime.fromisoformat(day))
        plain = day.rstrip(",")
        return f"{show_date(date.fromisoformat(plain))}{day[len(plain) :]}{space}{rest}"
    except ValueError:
        return value
