"""A measure by clinic, clinician and who the people are: one table a kind of group, small groups with care."""

from __future__ import annotations

import streamlit as st

from dashboards.quality.funnel import funnel_section, place_words
from dashboards.quality.rates import count_words, numerator_word, rate_words
from dashboards.shared.markup import table, text
from data_contracts.api.quality import FUNNEL_KINDS, MeasurePage, Stratum

STRATUM_WORDS = {
    "clinic": "Clinic",
    "clinician": "Clinician",
    "sex": "Sex",
    "age_band": "Age",
    "race": "Race",
    "ethnicity": "Ethnicity",
    "payer": "Payer",
}
COUNT_HEADINGS = ("Denominator", "Initial population", "Excluded", "Not evaluable")


def strata_section(page: MeasurePage) -> None:
    present = [kind for kind in STRATUM_WORDS if any(stratum.kind == kind for stratum in page.strata)]
    if not present:
        return
    kind = st.segmented_control(
        "Compare by",
        present,
        default=present[0],
        required=True,
        format_func=STRATUM_WORDS.get,
        key="stratum_kind",
    )
    strata = [stratum for stratum in page.strata if stratum.kind == kind]
    rated = page.line.scoring == "proportion"
    headings = [STRATUM_WORDS[kind], *(["Rate"] if rated else []), numerator_word(page.line), *COUNT_HEADINGS]
    rows = [_stratum_row(stratum, rated=rated) for stratum in strata]
    if rated and kind in FUNNEL_KINDS:
        funnel_section(page, STRATUM_WORDS[kind], strata)
        headings.insert(2, "Against chance")
        for row, stratum in zip(rows, strata, strict=True):
            row.insert(2, text(place_words(stratum.counts, page.line.counts.rate)))
    st.html(
        table(headings, rows, caption=f"{'Rates' if rated else 'Counts'} by {STRATUM_WORDS[kind].lower()}")
    )
    st.caption(
        "Small groups swing by chance: look at the interval before the rate. These are measures, not verdicts."
    )


def _stratum_row(stratum: Stratum, *, rated: bool) -> list[str]:
    counts = stratum.counts
    numbers = (
        counts.numerator,
        counts.denominator,
        counts.initial_population,
        counts.exclusions,
        counts.not_evaluable,
    )
    said = [stratum.label, *([rate_words(counts)] if rated else [])]
    return [*map(text, said), *(text(count_words(number)) for number in numbers)]
